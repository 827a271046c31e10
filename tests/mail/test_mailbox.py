"""The development mailbox, over a real port."""

import asyncio
import datetime
import re
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import httpx
import pytest_asyncio
from litestar import Litestar, Response
from uuid_utils.compat import uuid7

from duologue.errors import AppError
from duologue.mail import mailbox as mailbox_module
from duologue.mail.feature import Mail, build_mail
from duologue.mail.letter import Letter
from duologue.mail.mailbox import Mailbox
from duologue.mail.mailbox_store import MailboxStore
from duologue.mail.render import Rendered
from duologue.mail.smtp import SmtpConfig
from tests.mail.serving import Clock, http_client, until

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


class Lines(list[str]):
    """A console."""


@pytest_asyncio.fixture
async def console() -> Lines:
    return Lines()


@pytest_asyncio.fixture
async def mail(pool: asyncpg.Pool, clock: Clock, console: Lines) -> AsyncIterator[Mail]:
    built = build_mail(
        pool,
        smtp=None,
        secret="a secret of the test",
        previous_secrets=[],
        sender="Duologue <no-reply@localhost>",
        public_url="http://localhost:4000",
        clock=clock,
        console=console.append,
    )
    await built.start()
    yield built
    await built.stop()


@pytest_asyncio.fixture
async def http(mail: Mail) -> AsyncIterator[httpx.AsyncClient]:
    assert mail.router is not None
    handlers = {AppError: lambda _, error: Response(error.message, status_code=error.status)}
    async with http_client(Litestar([mail.router], exception_handlers=handlers, logging_config=None)) as client:
        yield client


async def send(pool: asyncpg.Pool, mail: Mail, clock: Clock, recipient: str, code: str) -> None:
    async with pool.acquire() as conn, conn.transaction():
        expires = clock() + datetime.timedelta(minutes=10)
        await mail.outbox.send(conn, "otp_registration", recipient, {"code": code, "minutes": "10"}, expires)

    async def there() -> bool:
        return bool(await pool.fetchval("SELECT count(*) FROM dev_mailbox WHERE code = $1", code))

    await until(there)


async def put(pool: asyncpg.Pool, clock: Clock, *, recipient: str, content: Rendered) -> UUID:
    mail_id = uuid7()
    await Mailbox(MailboxStore(pool), clock, lambda _: None, "").deliver(Letter(mail_id, recipient, content))
    return mail_id


async def test_a_mail_can_be_read_as_json_and_on_the_page_and_is_told_on_the_console(
    pool: asyncpg.Pool, mail: Mail, clock: Clock, http: httpx.AsyncClient, console: Lines
) -> None:
    await send(pool, mail, clock, "ada@example.com", "048213")
    (entry,) = (await http.get("/dev/mailbox.json")).json()
    assert (entry["to"], entry["code"], entry["subject"]) == ("ada@example.com", "048213", "Your code for Duologue")
    assert "048213" in entry["text"]
    assert "048213" in entry["html"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["createdAt"])
    page = await http.get("/dev/mailbox")
    assert page.headers["content-type"].startswith("text/html")
    assert "048213" in page.text
    assert "ada@example.com" in page.text
    assert console == [
        "Mail to ada@example.com: Your code for Duologue  code 048213  http://localhost:4000/dev/mailbox"
    ]


async def test_the_newest_mail_comes_first_and_one_address_can_be_picked(
    pool: asyncpg.Pool, mail: Mail, clock: Clock, http: httpx.AsyncClient
) -> None:
    for recipient, code in (
        ("ada@example.com", "111111"),
        ("bob@example.com", "222222"),
        ("ada@example.com", "333333"),
    ):
        await send(pool, mail, clock, recipient, code)
    everything = (await http.get("/dev/mailbox.json")).json()
    assert [entry["code"] for entry in everything] == ["333333", "222222", "111111"]
    hers = (await http.get("/dev/mailbox.json", params={"to": "ADA@example.com"})).json()
    assert [entry["code"] for entry in hers] == ["333333", "111111"]
    page = (await http.get("/dev/mailbox", params={"to": "bob@example.com"})).text
    assert "222222" in page
    assert "111111" not in page


async def test_a_mail_without_a_code_has_none_in_json(
    pool: asyncpg.Pool, clock: Clock, http: httpx.AsyncClient
) -> None:
    await put(pool, clock, recipient="ada@example.com", content=Rendered("Hello", "text", "<p>html</p>"))
    (entry,) = (await http.get("/dev/mailbox.json")).json()
    assert "code" not in entry
    assert "Copy" not in (await http.get("/dev/mailbox")).text


async def test_an_empty_mailbox_says_so(http: httpx.AsyncClient) -> None:
    assert (await http.get("/dev/mailbox.json")).json() == []
    assert "Nothing here yet" in (await http.get("/dev/mailbox")).text
    for odd in ("\0", "\ud7ff", "%", "a" * 5000, "' OR 1=1 --"):
        assert (await http.get("/dev/mailbox.json", params={"to": odd})).json() == []
    assert "Nothing for &lt;b&gt;" in (await http.get("/dev/mailbox", params={"to": "<b>"})).text


async def test_the_page_escapes_what_mails_say(pool: asyncpg.Pool, clock: Clock, http: httpx.AsyncClient) -> None:
    await put(pool, clock, recipient=ATTACK, content=Rendered(ATTACK, ATTACK, ATTACK, ATTACK))
    for params in ({}, {"to": ATTACK}):
        page = (await http.get("/dev/mailbox", params=params)).text
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "<img" not in page
        assert 'onerror=alert(2)>"' not in page


async def test_the_page_runs_no_script_but_its_own(http: httpx.AsyncClient) -> None:
    page = await http.get("/dev/mailbox")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script[^>]*>[^<]", page.text)
    for link in re.findall(r"""(?:src|href)=["'](/[^"'?]+)""", page.text):
        answer = await http.get(link)
        assert answer.status_code == 200, link
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-store"


async def test_a_mails_html_is_boxed_in_even_when_opened_by_hand(
    pool: asyncpg.Pool, clock: Clock, http: httpx.AsyncClient
) -> None:
    mail_id = await put(pool, clock, recipient="ada@example.com", content=Rendered("s", "t", ATTACK))
    answer = await http.get(f"/dev/mailbox/{mail_id}/html")
    assert answer.text == ATTACK
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    assert "<iframe sandbox " in (await http.get("/dev/mailbox")).text
    for unknown in (uuid7(), "nothing", "%00", "1' OR 1=1"):
        assert (await http.get(f"/dev/mailbox/{unknown}/html")).status_code == 404


async def test_only_the_newest_mails_are_kept(pool: asyncpg.Pool, clock: Clock) -> None:
    for number in range(mailbox_module.KEPT + 5):
        await put(pool, clock, recipient="ada@example.com", content=Rendered(f"mail {number}", "t", "h"))
    kept = await Mailbox(MailboxStore(pool), clock, lambda _: None, "").mails()
    assert len(kept) == mailbox_module.KEPT
    assert (kept[0].subject, kept[-1].subject) == (f"mail {mailbox_module.KEPT + 4}", "mail 5")


async def test_a_mail_delivered_twice_is_there_once(pool: asyncpg.Pool, clock: Clock) -> None:
    box = Mailbox(MailboxStore(pool), clock, lambda _: None, "")
    letter = Letter(uuid7(), "ada@example.com", Rendered("s", "t", "h"))
    await asyncio.gather(box.deliver(letter), box.deliver(letter))
    assert len(await box.mails()) == 1


async def test_with_a_mail_server_there_is_no_mailbox(pool: asyncpg.Pool, clock: Clock) -> None:
    built = build_mail(
        pool,
        smtp=SmtpConfig("127.0.0.1", 1),
        secret="a secret of the test",
        previous_secrets=[],
        sender="Duologue <no-reply@localhost>",
        public_url="http://localhost:4000",
        clock=clock,
        console=lambda _: None,
    )
    assert built.router is None
