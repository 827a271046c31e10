"""A reader that stops reading: it costs a bounded amount of memory, disturbs nobody, and misses nothing."""

import asyncio
import contextlib
import json
import socket
import statistics
import time

import pytest

from duologue.realtime.framing import text_frame
from duologue.realtime.outbox import OUTBOX_SECONDS
from tests.autobahn.echo import echo_server
from tests.harness.raw import CLOSE, RawSocket, raw_socket, upgraded
from tests.harness.vitals import MIB, vitals

GROWTH = 24 * MIB  # of the server, while several times as much passes by the reader that stopped
CHUNK = 100
UNDISTURBED = 0.25  # seconds; whoever waits for a reader that stopped waits for much longer


async def flood(hers, start, end, content):
    """Send messages, the next hundred when the one before is stored."""
    for first in range(start, end, CHUNK):
        last = min(first + CHUNK, end) - 1
        for number in range(first, last):
            await hers.say(f"{number} {content}")
        await hers.say(f"{last} {content}", f"flood-{last}")
        await hers.receive_type("MESSAGE_SENT")


async def latencies(hers, his, measured):
    """The round trips of two others, one after the other, until cancelled."""
    while True:
        begun = time.perf_counter()
        await hers.say("are you there?")
        await his.receive()
        measured.append(time.perf_counter() - begun)


@contextlib.asynccontextmanager
async def talking(carol, dave):
    """Two others talk meanwhile in a room of their own; what they measure."""
    room = await carol.open_room(dave)
    measured = []
    async with carol.socket(f"/room/{room}") as hers, dave.socket(f"/room/{room}") as his:
        task = asyncio.create_task(latencies(hers, his, measured))
        try:
            yield measured
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def read_to_the_end(slow: RawSocket, heard: list[int]) -> tuple[int, dict[str, int]]:
    """Hear everything; the code and the reason of the close."""
    while (frame := await slow.receive()) is not None:
        if frame.opcode == CLOSE:
            return frame.code, json.loads(frame.payload[2:])
        heard.append(frame.json["data"]["seq"])
    raise AssertionError("the connection ended without a close frame")


async def sample(pid, peak):
    """Keep the highest memory of the process, until cancelled."""
    while True:
        peak[0] = max(peak[0], vitals(pid).memory)
        await asyncio.sleep(0.02)


async def stop_reading(server, people, total, content):
    """Half of the messages pass while everybody reads, the other half while one does not."""
    alice, bob, carol, dave = people
    room = await alice.open_room(bob)
    heard = []
    async with alice.socket(f"/room/{room}") as hers, talking(carol, dave) as measured:
        await flood(hers, 0, total // 2, content)
        before = list(measured)
        measured.clear()
        peak = [vitals(server.pid).memory]
        start = peak[0]
        sampling = asyncio.create_task(sample(server.pid, peak))
        async with raw_socket(bob, f"/room/{room}") as slow:
            await flood(hers, total // 2, total, content)
            during = list(measured)
            sampling.cancel()
            code, reason = await read_to_the_end(slow, heard)
    assert code == 4008
    assert 0 < reason["retryMs"] < 60_000
    assert peak[0] - start < GROWTH
    assert statistics.median(during) < max(UNDISTURBED, 5 * statistics.median(before))

    assert heard == list(range(total // 2 + 1, total // 2 + 1 + len(heard)))
    assert len(heard) < total // 2, "nothing was held back from it"
    reached = heard[-1] if heard else total // 2
    async with bob.socket(f"/room/{room}", after=reached) as again:
        for seq in range(reached + 1, total + 1):
            assert (await again.receive())["data"]["seq"] == seq
        assert await again.nothing_more()


@pytest.fixture
async def people(new_user):
    """Four."""
    return [await new_user() for _ in range(4)]


async def test_a_reader_that_stops_while_long_messages_pass(server, people):
    await stop_reading(server, people, 5_000, "🎉" * 7_900)


@pytest.mark.long
async def test_a_reader_that_stops_while_a_hundred_thousand_messages_pass(server, people):
    await stop_reading(server, people, 200_000, "small talk" * 10)


async def test_a_reader_that_takes_nothing_for_ten_seconds_is_too_slow_however_little_waits():
    async with echo_server() as server, upgraded(server.port, "/") as slow:
        (connection,) = server.opened
        connection._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        pushed = 0
        while connection._stalled == 0:
            connection.send(text_frame(json.dumps({"data": {"seq": pushed}}).ljust(8_000).encode()))
            pushed += 1
            await asyncio.sleep(0)
        stalled = connection._stalled
        connection.visit(stalled + OUTBOX_SECONDS - 1)
        assert not connection.is_closing
        connection.visit(stalled + OUTBOX_SECONDS)
        assert connection.is_closing
        heard = []
        code, reason = await read_to_the_end(slow, heard)
        assert code == 4008
        assert 0 < reason["retryMs"] < 60_000
        assert heard == list(range(len(heard)))
