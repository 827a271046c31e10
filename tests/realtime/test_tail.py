"""The tail of a room in memory."""

import contextlib

import asyncpg
import pytest

from duologue.realtime.tail import ROOM_MESSAGES, Tails
from tests.harness.joining import edit, send


def filled(first, last, limit=1 << 20):
    tails = Tails(limit)
    tails.keep("room")
    for seq in range(first, last + 1):
        tails.delivered("room", seq, f"id{seq}", b"x" * 10)
    return tails


def seqs(kept):
    return None if kept is None else [seq for seq, _, _ in kept]


def test_everything_behind_a_seq_is_there_in_order():
    assert seqs(filled(5, 9).after("room", 6)) == [7, 8, 9]


def test_nothing_behind_the_newest():
    assert seqs(filled(5, 9).after("room", 9)) == []


def test_the_oldest_kept_message_may_be_the_first_missed():
    assert seqs(filled(5, 9).after("room", 4)) == [5, 6, 7, 8, 9]


def test_what_is_older_has_to_be_read_from_the_log():
    assert filled(5, 9).after("room", 3) is None


def test_a_room_nobody_listened_to_has_no_tail():
    tails = Tails()
    tails.delivered("room", 1, "id", b"x")
    assert tails.after("room", 0) is None


def test_an_empty_tail_says_nothing():
    tails = Tails()
    tails.keep("room")
    assert tails.after("room", 0) is None


def test_a_gap_begins_a_new_tail():
    tails = filled(5, 9)
    tails.delivered("room", 11, "id", b"x")
    assert tails.after("room", 9) is None
    assert seqs(tails.after("room", 10)) == [11]


def test_a_room_keeps_its_newest_messages():
    tails = filled(1, ROOM_MESSAGES + 50)
    assert tails.after("room", 49) is None
    assert seqs(tails.after("room", 50)) == list(range(51, ROOM_MESSAGES + 51))
    assert tails.size == ROOM_MESSAGES * 10


def test_the_longest_unheard_room_goes_first_when_memory_is_full():
    tails = Tails(100)
    for room in ("old", "new"):
        tails.keep(room)
        for seq in range(1, 6):
            tails.delivered(room, seq, "id", b"x" * 10)
    tails.keep("old")
    tails.delivered("old", 6, "id", b"x" * 10)
    assert "new" not in tails
    assert seqs(tails.after("old", 0)) == [1, 2, 3, 4, 5, 6]
    assert tails.size == 60


def test_a_dropped_tail_gives_its_bytes_back():
    tails = filled(1, 9)
    tails.drop("room")
    assert tails.size == 0
    assert tails.after("room", 8) is None


@contextlib.asynccontextmanager
async def nobody_reads_messages(database):
    """Whoever asks PostgreSQL for messages waits until this ends."""
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("route", ["base", "v1", "/ws"])
async def test_a_short_absence_is_made_up_for_without_asking_for_messages(alice, bob, room, database, route):
    async with bob.socket(f"/room/{room}") as his:
        await his.sync()
        await send(alice, room, "while he is there")
        assert (await his.receive())["data"]["seq"] == 1
    missed = [await send(alice, room, f"while he is away {number}") for number in range(3)]
    async with nobody_reads_messages(database), contextlib.AsyncExitStack() as stack:
        if route == "/ws":
            again = await stack.enter_async_context(bob.socket("/ws", v1=True))
            await again.command("SUBSCRIBE", roomId=room, after=1)
        else:
            again = await stack.enter_async_context(bob.socket(f"/room/{room}", v1=route == "v1", after=1))
        assert [(await again.receive_type("NEW_MESSAGE"))["data"] for _ in missed] == missed
        if route != "base":
            resumed = (await again.receive_type("RESUMED"))["data"]
            assert (resumed["from"], resumed["to"], resumed["complete"]) == (1, 4, True)
    live = await send(alice, room, "not from memory")
    async with bob.socket(f"/room/{room}", v1=True, after=4) as again:
        assert (await again.receive_type("NEW_MESSAGE"))["data"] == live


async def test_what_was_changed_meanwhile_is_read_from_the_log(alice, bob, room):
    async with bob.socket(f"/room/{room}") as his:
        await his.sync()
        first, second = await send(alice, room, "one"), await send(alice, room, "two")
        for _ in range(2):
            await his.receive()
    await edit(alice, room, first["id"], "one, edited")
    async with bob.socket(f"/room/{room}", v1=True, after=0, rev=0) as again:
        heard = [(await again.receive())["data"] for _ in range(2)]
        assert [each["content"] for each in heard] == ["one, edited", "two"]
        assert (await again.receive_type("RESUMED"))["data"]["rev"] == 1
    async with bob.socket(f"/room/{room}", v1=True, after=2, rev=0) as again:
        assert (await again.receive_type("MESSAGE_EDITED"))["data"]["content"] == "one, edited"
    assert second["seq"] == 2
