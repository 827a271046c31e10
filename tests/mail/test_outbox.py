"""Mails between the transaction that writes them and the transport that takes them."""

import asyncio
import datetime
from uuid import uuid4

import asyncpg
import pytest
import structlog

from duologue.mail import outbox as outbox_module
from duologue.mail.letter import Letter, RefusedError
from duologue.mail.outbox import MailOutbox
from duologue.mail.seal import BrokenSealError, Seal
from tests.mail.conftest import MakeOutbox, SendMail
from tests.mail.serving import Clock, until


class Hand:
    """A transport that takes letters into a queue, after whatever it is told to do first."""

    def __init__(self, *faults: Exception) -> None:
        self.letters: asyncio.Queue[Letter] = asyncio.Queue()
        self.faults = list(faults)

    async def deliver(self, letter: Letter) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.letters.put_nowait(letter)


class Stuck:
    """A transport that never comes to an end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def deliver(self, letter: Letter) -> None:
        self.begun.set()
        await asyncio.Event().wait()


async def waiting(pool: asyncpg.Pool) -> int:
    return await pool.fetchval("SELECT count(*) FROM mail_outbox")


async def emptied(pool: asyncpg.Pool) -> None:
    async def none_left() -> bool:
        return await waiting(pool) == 0

    await until(none_left)


async def test_a_mail_leaves_when_its_transaction_has_committed_and_then_leaves_the_table(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail
) -> None:
    hand = Hand()
    await send_mail(await make_outbox(hand))
    letter = await asyncio.wait_for(hand.letters.get(), 10)
    assert (letter.recipient, letter.content.code) == ("ada@example.com", "048213")
    assert "http://chat.test" in letter.content.text
    await emptied(pool)


async def test_a_mail_of_a_transaction_that_rolls_back_never_was(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail, clock: Clock
) -> None:
    hand = Hand()
    outbox = await make_outbox(hand)
    expires = clock() + datetime.timedelta(minutes=10)
    async with pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await outbox.send(conn, "already_registered", "nobody@example.com", {}, expires)
        await transaction.rollback()
    await send_mail(outbox)
    assert (await asyncio.wait_for(hand.letters.get(), 10)).recipient == "ada@example.com"
    assert hand.letters.empty()


async def test_a_mail_of_the_last_run_is_sent_at_the_next_start(make_outbox: MakeOutbox, send_mail: SendMail) -> None:
    await send_mail(await make_outbox(Hand(), start=False))
    hand = Hand()
    await make_outbox(hand)
    assert (await asyncio.wait_for(hand.letters.get(), 10)).content.code == "048213"


async def test_a_failed_try_is_followed_by_another_with_the_same_id_and_no_code_in_the_log(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail
) -> None:
    hand = Hand(ConnectionRefusedError("connection refused"))
    with structlog.testing.capture_logs() as lines:
        outbox = await make_outbox(hand)
        await send_mail(outbox)
        letter = await asyncio.wait_for(hand.letters.get(), 10)
        await emptied(pool)
    assert letter.recipient == "ada@example.com"
    assert hand.letters.empty()
    assert [line["event"] for line in lines] == ["mail delayed"]
    assert (lines[0]["to"], lines[0]["reason"]) == ("ada@example.com", "connection refused")
    assert "048213" not in str(lines)


async def test_delays_grow_to_a_bound_and_differ_between_nodes() -> None:
    for attempt, seconds in ((1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (1000, 30)):
        delays = {outbox_module._delay(attempt) for _ in range(50)}
        assert len(delays) > 1
        assert all(seconds * 0.66 <= delay <= seconds * 1.34 for delay in delays)


async def test_a_refused_mail_is_dropped_at_once_with_one_line_without_the_code(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail
) -> None:
    hand = Hand(RefusedError("550 no such mailbox"))
    with structlog.testing.capture_logs() as lines:
        await send_mail(await make_outbox(hand))
        await emptied(pool)
    assert hand.letters.empty()
    assert [(line["event"], line["to"], line["reason"]) for line in lines] == [
        ("mail dropped: refused", "ada@example.com", "550 no such mailbox")
    ]
    assert "048213" not in str(lines)


async def test_a_mail_that_is_too_late_is_dropped_unsent_with_one_line(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail, clock: Clock
) -> None:
    await send_mail(await make_outbox(Hand(), start=False))
    clock.ahead = datetime.timedelta(minutes=10, seconds=1)
    hand = Hand()
    with structlog.testing.capture_logs() as lines:
        await make_outbox(hand)
        await emptied(pool)
    assert hand.letters.empty()
    assert [(line["event"], line["to"]) for line in lines] == [("mail dropped: expired unsent", "ada@example.com")]
    assert "048213" not in str(lines)


async def test_stuck_mails_neither_hold_up_the_writing_of_others_nor_keep_us_from_stopping(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "GRACE_SECONDS", 0.01)
    stuck = Stuck()
    outbox = await make_outbox(stuck)
    for _ in range(outbox_module.CONCURRENT * 2):
        await send_mail(outbox)
    await asyncio.wait_for(stuck.begun.wait(), 10)
    await asyncio.wait_for(outbox.stop(), 20)
    assert await waiting(pool) == outbox_module.CONCURRENT * 2
    due = await pool.fetchval("SELECT count(*) FROM mail_outbox WHERE due_at <= $1", clock())
    assert due == outbox_module.CONCURRENT * 2, "leases are given back"


async def test_a_send_without_end_is_cut_off_and_tried_again(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "SEND_SECONDS", 0.05)
    hand = Hand()

    class FirstStuck:
        tries = 0

        async def deliver(self, letter: Letter) -> None:
            self.tries += 1
            await (Stuck() if self.tries == 1 else hand).deliver(letter)

    await send_mail(await make_outbox(FirstStuck()))
    assert (await asyncio.wait_for(hand.letters.get(), 10)).content.code == "048213"
    await emptied(pool)


async def test_a_mail_whose_node_was_killed_is_sent_by_another_once_the_lease_has_run_out(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail, clock: Clock
) -> None:
    dead = await make_outbox(Stuck(), start=False)
    await send_mail(dead)
    claimed = await dead._claim()  # and then kill -9
    assert len(claimed) == 1
    hand = Hand()
    survivor = await make_outbox(hand)
    clock.ahead = outbox_module.LEASE + datetime.timedelta(seconds=1)
    survivor.wake()
    assert (await asyncio.wait_for(hand.letters.get(), 10)).recipient == "ada@example.com"
    await emptied(pool)


async def test_a_node_that_lost_its_lease_leaves_the_mail_to_its_new_holder(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail, clock: Clock
) -> None:
    slow, quick = await make_outbox(Hand(), start=False), await make_outbox(Hand(), start=False)
    await send_mail(slow)
    (old,) = await slow._claim()
    clock.ahead = outbox_module.LEASE + datetime.timedelta(seconds=1)
    (new,) = await quick._claim()
    await slow._store.remove(old)
    assert await waiting(pool) == 1
    await quick._store.remove(new)
    assert await waiting(pool) == 0


async def test_two_nodes_never_send_one_mail_twice(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail
) -> None:
    seen: list[str] = []

    class Notes:
        async def deliver(self, letter: Letter) -> None:
            seen.append(letter.recipient)

    first, second = await make_outbox(Notes()), await make_outbox(Notes())
    wanted = [f"person{number}@example.com" for number in range(80)]
    for number, recipient in enumerate(wanted):
        await send_mail(first if number % 2 else second, recipient)
    await emptied(pool)
    assert sorted(seen) == sorted(wanted)


async def test_what_waits_in_the_table_holds_no_code(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail
) -> None:
    await send_mail(await make_outbox(Hand(), start=False), code="739204")
    row = await pool.fetchrow("SELECT mail_outbox::text AS everything, sealed FROM mail_outbox")
    assert b"739204" not in row["sealed"]
    assert "739204" not in row["everything"]
    assert b"739204".hex() not in row["everything"]


async def test_a_mail_sealed_with_the_previous_secret_is_still_sent(
    make_outbox: MakeOutbox, send_mail: SendMail
) -> None:
    await send_mail(await make_outbox(Hand(), seal=Seal("the old secret"), start=False))
    hand = Hand()
    await make_outbox(hand, seal=Seal("the new secret", ["the old secret"]))
    assert (await asyncio.wait_for(hand.letters.get(), 10)).content.code == "048213"


@pytest.mark.parametrize("change", ["recipient = 'mallory@example.com'", "template = 'otp_reset'", "id = $1"])
async def test_a_code_cannot_be_redirected_by_who_can_write_the_table(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail, change: str
) -> None:
    await send_mail(await make_outbox(Hand(), start=False))
    await pool.execute(f"UPDATE mail_outbox SET {change}", *([uuid4()] if "$1" in change else []))
    hand = Hand()
    with structlog.testing.capture_logs() as lines:
        await make_outbox(hand)
        await emptied(pool)
    assert hand.letters.empty()
    assert [line["event"] for line in lines] == ["mail dropped: sealed with another secret"]


async def test_a_seal_opens_only_whole_and_only_with_its_secret() -> None:
    seal, row_id = Seal("one"), uuid4()
    sealed = seal.close(row_id, "a@example.com", "otp_reset", {"code": "1"})
    assert seal.open(row_id, "a@example.com", "otp_reset", sealed) == {"code": "1"}
    assert sealed != seal.close(row_id, "a@example.com", "otp_reset", {"code": "1"})
    for broken in (sealed[:-1], sealed[:5], b"", bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(BrokenSealError):
            seal.open(row_id, "a@example.com", "otp_reset", broken)
    with pytest.raises(BrokenSealError):
        Seal("two").open(row_id, "a@example.com", "otp_reset", sealed)


@pytest.mark.parametrize(
    ("template", "params"),
    [("otp_reset", {"code": "1"}), ("otp_resett", {}), ("already_registered", {"code": "1"})],
)
async def test_a_mail_that_could_not_be_written_is_refused_where_it_is_ordered(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, clock: Clock, template: str, params: dict[str, str]
) -> None:
    outbox: MailOutbox = await make_outbox(Hand(), start=False)
    async with pool.acquire() as conn:
        with pytest.raises(ValueError, match=template):
            await outbox.send(conn, template, "ada@example.com", params, clock())
    assert await waiting(pool) == 0


async def test_mails_go_on_after_the_database_was_away(
    pool: asyncpg.Pool, make_outbox: MakeOutbox, send_mail: SendMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "POLL_SECONDS", 0.02)
    hand = Hand()
    outbox = await make_outbox(hand)
    await pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await send_mail(outbox)
    assert (await asyncio.wait_for(hand.letters.get(), 10)).content.code == "048213"
    await emptied(pool)
