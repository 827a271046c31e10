"""Tens of thousands of sockets that came and went, each in its own way: the server is as it was before."""

import asyncio
import contextlib
import random

import pytest

from tests.harness.people import SECONDS
from tests.harness.raw import close, frame, text, upgrade
from tests.harness.vitals import MIB, vitals

pytestmark = pytest.mark.early

AT_ONCE = 50
GROWTH = 4 * MIB  # of memory; a leak of 84 bytes a socket would show over 50,000
POOL = 10  # database connections that may have been opened meanwhile
WAYS = ("close", "abort", "hang up", "unfinished frame", "fault", "leave while it opens", "half a handshake")


async def come_and_go(port, target, way):
    """One socket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = upgrade(target, port)
        if way == "half a handshake":
            writer.write(request[: len(request) // 2])
            return
        writer.write(request)
        if way == "leave while it opens":
            return
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        if way == "close":
            writer.write(text({"content": ""}) + close(1000))
            await reader.read()
        elif way == "hang up":
            writer.write_eof()
            await reader.read()
        elif way == "unfinished frame":
            writer.write(frame(0x1, b"x" * 1_000)[:500])
            writer.write_eof()
            await reader.read()
        elif way == "fault":
            writer.write(frame(0x3))
            await reader.read()
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()


async def many(server, targets, count, rng):
    """So many of them, some at a time."""
    turns = iter([(rng.choice(targets), rng.choice(WAYS)) for _ in range(count)])

    async def worker():
        for target, way in turns:
            async with asyncio.timeout(SECONDS):
                await come_and_go(server.port, target, way)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


async def settled(server, person, files):
    """What the server holds, once no socket is left and its descriptors are closed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while True:
                answer = await person.http.get("/auth/sessions")
                live = sum(session["sockets"] for session in answer.json()["sessions"])
                now = vitals(server.pid)
                if live == 0 and now.files <= files:
                    break
                await asyncio.sleep(0.02)
    assert live == 0
    return now


async def soak(server, alice, room, *, warm_up, count):
    rng = random.Random(count)
    targets = [
        f"{path}?token={alice.token}{more}"
        for path, more in (
            (f"/room/{room}", ""),
            (f"/room/{room}", "&after=0"),
            ("/rooms", ""),
            ("/users", ""),
            ("/nowhere", ""),
        )
    ]
    idle = await settled(server, alice, 1 << 20)
    await many(server, targets, warm_up, rng)
    before = await settled(server, alice, idle.files + POOL)
    await many(server, targets, count, rng)
    after = await settled(server, alice, before.files + POOL)
    assert after.files <= before.files + POOL
    assert after.threads <= before.threads
    assert after.memory - before.memory < GROWTH


@pytest.mark.thorough
async def test_three_thousand_sockets_leave_nothing_behind(server, alice, bob, room):
    await soak(server, alice, room, warm_up=1_000, count=3_000)


@pytest.mark.long
async def test_fifty_thousand_sockets_leave_nothing_behind(server, alice, bob, room):
    await soak(server, alice, room, warm_up=5_000, count=50_000)
