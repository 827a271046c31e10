"""The SMTP transport against a real mail server on the loopback."""

import asyncio
import re
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import structlog
from aiosmtplib import SMTPException

from duologue.mail.letter import Letter, RefusedError
from duologue.mail.render import render
from duologue.mail.smtp import SmtpConfig, SmtpTransport
from tests.mail.conftest import MakeOutbox, SendMail
from tests.mail.serving import Clock, MailServer, certificate
from tests.mail.test_outbox import emptied, waiting

SENDER = "Duologue <no-reply@chat.example>"


def transport(server: MailServer, clock: Clock, sender: str = SENDER, **config: object) -> SmtpTransport:
    return SmtpTransport(SmtpConfig("127.0.0.1", server.port, **config), sender, clock)  # type: ignore[arg-type]


def letter(recipient: str = "ada@example.com", **params: str) -> Letter:
    return Letter(uuid4(), recipient, render("otp_registration", {"code": "048213", "minutes": "10"} | params))


async def test_a_mail_arrives_with_both_parts_and_the_headers_of_an_automatic_mail(
    mail_server: MailServer, make_outbox: MakeOutbox, send_mail: SendMail, pool: asyncpg.Pool, clock: Clock
) -> None:
    await send_mail(await make_outbox(transport(mail_server, clock)))
    message, envelope = await asyncio.wait_for(mail_server.arrived.get(), 10)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@chat.example", ["ada@example.com"])
    assert (message["From"], message["To"]) == (SENDER, "ada@example.com")
    assert message["Subject"] == "Your code for Duologue"
    assert message["Auto-Submitted"] == "auto-generated"
    assert UUID(re.fullmatch(r"<(.+)@chat\.example>", message["Message-ID"])[1])  # type: ignore[index]
    assert abs((message["Date"].datetime - clock()).total_seconds()) < 60
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "048213" in text.get_content()
    assert "048213" in html.get_content()
    assert "048213" not in str(message["Subject"])
    await emptied(pool)


async def test_a_mail_server_that_was_away_gets_the_mail_when_it_is_back(
    make_outbox: MakeOutbox, send_mail: SendMail, pool: asyncpg.Pool, clock: Clock
) -> None:
    server = await MailServer().start()
    await server.stop()  # its port now refuses connections
    with structlog.testing.capture_logs() as lines:
        await send_mail(await make_outbox(transport(server, clock)))
        assert await waiting(pool) == 1
        await server.start()
        message, _ = await asyncio.wait_for(server.arrived.get(), 20)
        await emptied(pool)
    assert message["To"] == "ada@example.com"
    assert server.arrived.empty()
    assert "048213" not in str(lines)
    await server.stop()


async def test_a_mail_server_that_hangs_holds_up_no_transaction(
    mail_server: MailServer, make_outbox: MakeOutbox, send_mail: SendMail, pool: asyncpg.Pool, clock: Clock
) -> None:
    mail_server.hang()
    outbox = await make_outbox(transport(mail_server, clock))
    for number in range(12):
        await send_mail(outbox, f"person{number}@example.com")
    await asyncio.wait_for(mail_server.tried.get(), 10)
    assert await waiting(pool) == 12
    mail_server.silent.set()
    arrived = [(await asyncio.wait_for(mail_server.arrived.get(), 10))[0]["To"] for _ in range(12)]
    assert sorted(arrived) == sorted(f"person{number}@example.com" for number in range(12))
    await emptied(pool)


async def test_a_temporary_refusal_is_tried_again_and_the_mail_arrives_once(
    mail_server: MailServer, make_outbox: MakeOutbox, send_mail: SendMail, pool: asyncpg.Pool, clock: Clock
) -> None:
    mail_server.answers = ["451 greylisted, come back later"]
    with structlog.testing.capture_logs() as lines:
        await send_mail(await make_outbox(transport(mail_server, clock)))
        await asyncio.wait_for(mail_server.arrived.get(), 20)
        await emptied(pool)
    assert mail_server.arrived.empty()
    assert mail_server.tried.qsize() == 2
    assert "greylisted" in lines[0]["reason"]
    assert "048213" not in str(lines)


async def test_a_refusal_for_good_is_not_tried_again(
    mail_server: MailServer, make_outbox: MakeOutbox, send_mail: SendMail, pool: asyncpg.Pool, clock: Clock
) -> None:
    mail_server.answers = ["550 5.1.1 no such mailbox"]
    with structlog.testing.capture_logs() as lines:
        await send_mail(await make_outbox(transport(mail_server, clock)))
        await emptied(pool)
    assert mail_server.tried.qsize() == 1
    assert [(line["to"], line["reason"]) for line in lines] == [("ada@example.com", "550 5.1.1 no such mailbox")]


async def test_a_refused_content_is_final_and_a_full_disk_is_not(mail_server: MailServer, clock: Clock) -> None:
    mail_server.after_data = "554 looks like spam"
    with pytest.raises(RefusedError, match="554 looks like spam"):
        await transport(mail_server, clock).deliver(letter())
    mail_server.after_data = "452 disk full"
    with pytest.raises(SMTPException):
        await transport(mail_server, clock).deliver(letter())


async def test_we_sign_in_over_starttls_where_it_is_offered(tmp_path: Path, clock: Clock) -> None:
    theirs, ours = certificate(tmp_path)
    server = await MailServer(tls=theirs, require_starttls=True, users={"duologue": "päss wörd"}).start()
    await transport(server, clock, user="duologue", password="päss wörd", tls=ours).deliver(letter())
    assert (server.signed_in, server.encrypted) == (["duologue"], [True])
    await server.stop()


async def test_secure_means_tls_from_the_first_byte(tmp_path: Path, clock: Clock) -> None:
    theirs, ours = certificate(tmp_path)
    server = await MailServer(users={"duologue": "secret"}, auth_require_tls=False).start(implicit_tls=theirs)
    await transport(server, clock, secure=True, user="duologue", password="secret", tls=ours).deliver(letter())
    assert (server.signed_in, server.encrypted) == (["duologue"], [True])
    await server.stop()


async def test_a_server_with_a_foreign_certificate_gets_neither_password_nor_mail(tmp_path: Path, clock: Clock) -> None:
    theirs, _ = certificate(tmp_path)
    server = await MailServer(tls=theirs, users={"duologue": "secret"}).start()
    with pytest.raises((SMTPException, OSError)):
        await transport(server, clock, user="duologue", password="secret").deliver(letter())
    assert server.signed_in == []
    assert server.tried.empty()
    await server.stop()


async def test_a_wrong_password_delays_mails_and_does_not_drop_them(
    make_outbox: MakeOutbox, send_mail: SendMail, pool: asyncpg.Pool, clock: Clock
) -> None:
    server = await MailServer(users={"duologue": "secret"}, auth_require_tls=False).start()
    with structlog.testing.capture_logs() as lines:
        await send_mail(await make_outbox(transport(server, clock, user="duologue", password="wr0ng-one")))
        async with asyncio.timeout(20):
            while not any(line["event"] == "mail delayed" for line in lines):
                await asyncio.sleep(0.005)
    assert await waiting(pool) == 1
    assert "wr0ng-one" not in str(lines)
    assert [line["event"] for line in lines].count(
        "the mail server offers no TLS: its password goes over the network in clear"
    ) == 1
    await server.stop()


INJECTION = "x\r\nBcc: victim@example.com\r\n\r\nhello\nX-Evil: 1\x00\u2028"


async def test_line_breaks_in_parameters_add_no_headers(mail_server: MailServer, clock: Clock) -> None:
    params = dict.fromkeys(("when", "device", "address"), INJECTION)
    await transport(mail_server, clock).deliver(Letter(uuid4(), "ada@example.com", render("new_device", params)))
    message, envelope = await asyncio.wait_for(mail_server.arrived.get(), 10)
    assert envelope.rcpt_tos == ["ada@example.com"]
    assert message["Bcc"] is None
    assert message["X-Evil"] is None
    for part in (message.get_body(("plain",)), message.get_body(("html",))):
        assert part is not None
        assert "\nBcc:" not in part.get_content()
        assert part["X-Evil"] is None


@pytest.mark.parametrize(
    "recipient",
    [
        "ada@example.com\r\nBcc: victim@example.com",
        "ada@example.com\r\nRCPT TO:<victim@example.com>",
        "ada@exam\nple.com",
        "ada@example.com>, <victim@example.com",
        "ada@example.com SIZE=1",
        "no address",
        "@example.com",
        "ada@",
        "ada@-\u2260-.example",
    ],
)
async def test_a_recipient_that_is_no_address_reaches_no_server(
    mail_server: MailServer, clock: Clock, recipient: str
) -> None:
    with pytest.raises(RefusedError):
        await transport(mail_server, clock).deliver(letter(recipient))
    assert mail_server.tried.empty()


async def test_a_domain_in_any_script_is_written_as_dns_knows_it(mail_server: MailServer, clock: Clock) -> None:
    await transport(mail_server, clock, "Gespräch <post@bücher.example>").deliver(letter("ada@Müller.example"))
    message, envelope = await asyncio.wait_for(mail_server.arrived.get(), 10)
    assert envelope.rcpt_tos == ["ada@xn--mller-kva.example"]
    assert envelope.mail_from == "post@xn--bcher-kva.example"
    assert message["From"] == "Gespräch <post@xn--bcher-kva.example>"


async def test_a_local_part_in_any_script_goes_out_where_the_server_can_and_is_dropped_where_not(
    mail_server: MailServer, clock: Clock
) -> None:
    with pytest.raises(RefusedError, match="SMTPUTF8"):
        await transport(mail_server, clock).deliver(letter("jörg@example.com"))
    able = await MailServer(enable_SMTPUTF8=True).start()
    await transport(able, clock).deliver(letter("jörg@example.com"))
    message, envelope = await asyncio.wait_for(able.arrived.get(), 10)
    assert envelope.rcpt_tos == ["jörg@example.com"]
    assert message["To"] == "jörg@example.com"
    await able.stop()


async def test_a_sender_that_is_no_address_is_noticed_at_the_start(mail_server: MailServer, clock: Clock) -> None:
    for sender in ("Duologue", "Duologue <no-reply>", ""):
        with pytest.raises(ValueError, match="address"):
            transport(mail_server, clock, sender)


async def test_the_password_is_not_in_the_configurations_text() -> None:
    assert "hunter2" not in repr(SmtpConfig("mail.example", 587, user="me", password="hunter2"))
