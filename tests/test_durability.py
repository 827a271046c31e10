"""`kill -9` in the middle: whatever was acknowledged is in the history once, and no seq is missing."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
from pathlib import Path

import pytest
import websockets

from tests.harness.node import Node
from tests.harness.people import SECONDS, Person, sign_up

pytestmark = pytest.mark.early

ROOMS = 50
MESSAGES = 10_000


@pytest.fixture
async def node(lived_in):
    """A node of this test alone, with its own embedded PostgreSQL."""
    node = Node({"RATE_LIMITS": "off", "DATA_DIR": str(lived_in / "data")}, lived_in)
    await node.start()
    yield node
    await node.stop()


async def send_until_cut(person: Person, room: str, client_ids: list[str], enough: asyncio.Semaphore) -> set[str]:
    """Send as fast as the server takes it; the clientIds of what was acknowledged when the connection broke."""
    acknowledged: set[str] = set()
    try:
        async with person.socket(f"/room/{room}") as socket:

            async def hear() -> None:
                while len(acknowledged) < len(client_ids):
                    frame = await socket.receive(60)
                    if frame["type"] == "MESSAGE_SENT":
                        acknowledged.add(frame["data"]["clientId"])
                        enough.release()

            hearing = asyncio.create_task(hear())
            for client_id in client_ids:
                await socket.say(f"message {client_id}", client_id)
            await hearing
    except (websockets.ConnectionClosed, OSError):
        pass
    return acknowledged


async def test_ten_thousand_messages_and_kill_minus_nine_in_the_middle(node):
    people = await asyncio.gather(*(sign_up(node.url) for _ in range(11)))
    pairs = list(itertools.islice(itertools.combinations(people, 2), ROOMS))
    rooms = [(first, await first.open_room(second)) for first, second in pairs]
    of_room = MESSAGES // ROOMS
    enough = asyncio.Semaphore(0)
    senders = [
        asyncio.create_task(send_until_cut(person, room, [f"{number}-{i}" for i in range(of_room)], enough))
        for number, (person, room) in enumerate(rooms)
    ]
    async with asyncio.timeout(120):
        for _ in range(MESSAGES // 4):
            await enough.acquire()
    await node.kill()
    acknowledged = await asyncio.gather(*senders)
    assert sum(map(len, acknowledged)) >= MESSAGES // 4

    await node.start()
    # The cookies still sign everybody in: secrets and sessions survive.
    for number, (person, room) in enumerate(rooms):
        history = await person.whole_history(room)
        assert [message["seq"] for message in history] == list(range(1, len(history) + 1))
        contents = [message["content"] for message in history]
        assert len(set(contents)) == len(contents)
        assert {f"message {client_id}" for client_id in acknowledged[number]} <= set(contents)

    # What was not acknowledged is sent again with its clientId, and then everything is there once.
    for number, (person, room) in enumerate(rooms):
        async with person.socket(f"/room/{room}") as socket:
            for i in range(of_room):
                await socket.say(f"message {number}-{i}", f"{number}-{i}")
            for _ in range(of_room):
                await socket.receive_type("MESSAGE_SENT")
        history = await person.whole_history(room)
        assert sorted(message["content"] for message in history) == sorted(
            f"message {number}-{i}" for i in range(of_room)
        )
    for person in people:
        await person.http.aclose()


async def test_the_history_is_there_after_a_restart_and_the_session_too(node):
    alice, bob = await sign_up(node.url), await sign_up(node.url)
    room = await alice.open_room(bob)
    async with alice.socket(f"/room/{room}") as socket:
        await socket.say("before", "b")
        await socket.receive_type("MESSAGE_SENT")
    assert await node.stop() == 0
    await node.start()
    assert [message["content"] for message in await bob.history(room)] == ["before"]
    async with bob.socket(f"/room/{room}", after=0) as socket:
        assert (await socket.receive())["data"]["content"] == "before"
    for person in (alice, bob):
        await person.http.aclose()


async def test_a_stop_commits_and_acknowledges_what_was_queued(node):
    alice, bob = await sign_up(node.url), await sign_up(node.url)
    room = await alice.open_room(bob)
    async with alice.socket(f"/room/{room}") as socket:
        for number in range(500):
            await socket.say(str(number), f"c{number}")
        stopping = asyncio.create_task(node.stop())
        acknowledged = set()
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                frame = await socket.receive()
                if frame["type"] == "MESSAGE_SENT":
                    acknowledged.add(frame["data"]["clientId"])
        code, reason = await socket.closed()
        assert code == 1012
        assert json.loads(reason)["retryMs"] > 0
        await stopping
    await node.start()
    stored = [message["content"] for message in await alice.whole_history(room)]
    assert [f"c{content}" for content in stored] == sorted(acknowledged, key=lambda each: int(each[1:]))
    for person in (alice, bob):
        await person.http.aclose()


async def kill_postgres(data: Path) -> None:
    """`kill -9` of the embedded PostgreSQL, once it is there: backends of a killed one may live for a moment longer."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(OSError, IndexError, ProcessLookupError):
                os.kill(int((data / "postgres" / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
                return
            await asyncio.sleep(0.01)


async def is_back(person):
    """Wait for PostgreSQL: the last messages may have been stored by a backend that outlived the killed one."""
    async with asyncio.timeout(SECONDS):
        while (await person.http.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.01)


async def test_postgresql_killed_in_the_middle_delays_messages_and_loses_none(node):
    alice, bob = await sign_up(node.url), await sign_up(node.url)
    room = await alice.open_room(bob)
    half, total = 250, 1_000
    acknowledged = []
    async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:

        async def say(first: int) -> None:
            for number in range(first, first + half):
                await hers.say(str(number), f"c{number}")

        async def hear() -> None:
            acknowledged.extend([(await hers.receive(60))["data"]["clientId"] for _ in range(half)])

        for start in range(0, total, 2 * half):
            await say(start)
            await hear()
            await kill_postgres(Path(node.environment["DATA_DIR"]))
            await say(start + half)
            await hear()
        heard = [(await his.receive(60))["data"] for _ in range(total)]
    assert acknowledged == [f"c{number}" for number in range(total)]
    assert [message["seq"] for message in heard] == list(range(1, total + 1))
    assert [message["content"] for message in heard] == [str(number) for number in range(total)]
    await is_back(alice)
    assert await alice.whole_history(room) == heard
    for person in (alice, bob):
        await person.http.aclose()
