"""How a node leaves: /readyz first, then its sockets in batches, each answered and told when to come back."""

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import asyncpg
import httpx
import pytest
import websockets

from duologue.realtime.drain import drain, plan
from duologue.realtime.sockets import Sockets
from tests.harness.http import plain_client
from tests.harness.node import Node
from tests.harness.people import Person, Socket, log_in

SECONDS = 40.0


@asynccontextmanager
async def serving(database: str, folder: Path, **environment: str) -> AsyncIterator[Node]:
    """A node that a test may stop."""
    data = str(folder / "data")
    node = Node({"DATABASE_URL": database, "RATE_LIMITS": "off", "DATA_DIR": data, **environment}, folder)
    await node.start()
    try:
        yield node
    finally:
        await node.stop(signal.SIGKILL)


async def until(node: Node, status: int | None) -> httpx.Response | None:
    """Ask `/readyz` until it says this; `None`: until nobody listens any more."""
    async with asyncio.timeout(SECONDS), plain_client(base_url=node.url) as http:
        while True:
            try:
                answer = await http.get("/readyz")
            except httpx.TransportError:
                if status is None:
                    return None
                raise
            if answer.status_code == status:
                return answer
            await asyncio.sleep(0.01)


async def goodbye(socket: Socket) -> tuple[int, int]:
    """Wait for the close; its code, and the milliseconds after which to come back."""
    code, reason = await socket.closed()
    return code, json.loads(reason)["retryMs"]


# The plan


def test_the_window_in_which_sockets_come_back_grows_with_their_number():
    assert [plan(number).window_ms for number in (0, 1, 2_500, 10_000, 50_000)] == [2_500, 2_500, 2_500, 10_000, 50_000]


@pytest.mark.parametrize("number", [1, 100, 101, 10_000, 1_000_000])
def test_however_many_sockets_there_are_they_are_told_in_some_25_batches(number):
    batches = -(-number // plan(number).batch)
    assert batches <= 25
    assert plan(number).batch >= 100


class Told:
    """A socket as the drain sees it."""

    def __init__(self) -> None:
        self.is_closing = False
        self.is_held = False
        self.retry_ms = 0

    def hold(self) -> None:
        """Read no more."""
        self.is_held = True

    def close(self, code: int, reason: bytes) -> None:
        """Go."""
        assert code == 1012
        assert self.is_held, "it was told to go before it was answered"
        self.is_closing = True
        self.retry_ms = json.loads(reason)["retryMs"]


class Crowd:
    """Sockets that close when they are told to."""

    leaving = False

    def __init__(self, number: int) -> None:
        self.all = [Told() for _ in range(number)]

    def __len__(self) -> int:
        return sum(not each.is_closing for each in self.all)

    def staying(self, most: int) -> list[Told]:
        """Those that are left."""
        return [each for each in self.all if not each.is_closing][:most]

    async def closed(self, seconds: float) -> None:
        """At once."""

    async def drain(self, settled: Callable[[], Awaitable[None]]) -> None:
        """Let all of them go."""
        await drain(cast(Sockets, self), settled)


async def test_a_batch_is_told_to_go_when_all_it_said_is_answered_and_the_next_one_after_it():
    crowd = Crowd(250)
    states = []

    async def settled() -> None:
        states.append((sum(each.is_held for each in crowd.all), sum(each.is_closing for each in crowd.all)))

    await crowd.drain(settled)
    assert states == [(100, 0), (200, 100), (250, 200)]
    assert crowd.leaving


async def test_the_times_to_come_back_are_spread_over_the_whole_window():
    crowd = Crowd(10_000)

    async def settled() -> None: ...

    await crowd.drain(settled)
    seconds = [0] * 11
    for each in crowd.all:
        assert 500 <= each.retry_ms <= 10_500
        seconds[each.retry_ms // 1_000] += 1
    # A thousand a second, give or take what chance does (five standard deviations).
    assert all(850 < number < 1_150 for number in seconds[1:10]), seconds


async def test_without_postgresql_sockets_are_told_to_go_all_the_same(monkeypatch):
    monkeypatch.setattr("duologue.realtime.drain.FINISH_SECONDS", 0.05)
    crowd = Crowd(250)
    asked = []

    async def settled() -> None:
        asked.append(len(crowd))
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await crowd.drain(settled)
    assert len(crowd) == 0
    assert asked == [250], "the patience is one batch's, not everyone's"


# The node


async def test_readyz_says_it_first_and_meanwhile_everybody_is_served(database, tmp_path):
    async with serving(database, tmp_path, DRAIN_NOTICE="1") as node:
        alice, bob = await log_in(node.url, database), await log_in(node.url, database)
        room = await alice.open_room(bob)
        async with alice.socket(f"/room/{room}") as hers:
            ending = asyncio.create_task(node.stop())
            answer = await until(node, 503)
            assert answer is not None
            assert answer.json() == {"status": "draining"}
            assert answer.headers["connection"] == "close", "a balancer would keep a connection that is about to end"
            async with bob.socket(f"/room/{room}") as his:
                await his.say("still here", "c1")
                assert (await hers.receive())["data"]["content"] == "still here"
                assert (await his.receive_type("MESSAGE_SENT"))["data"]["seq"] == 1
                for socket in (hers, his):
                    code, retry_ms = await goodbye(socket)
                    assert code == 1012
                    assert 500 <= retry_ms <= 3_000
        assert await ending == 0
        for person in (alice, bob):
            await person.http.aclose()


async def test_whatever_was_said_during_the_drain_is_stored_exactly_if_it_was_acknowledged(database, tmp_path):
    rooms = 30
    async with serving(database, tmp_path) as node:
        people = [await log_in(node.url, database) for _ in range(9)]
        pairs = [(first, second) for at, first in enumerate(people) for second in people[at + 1 :]][:rooms]
        talks = [(first, await first.open_room(second)) for first, second in pairs]
        flowing = asyncio.Semaphore(0)

        async def talk(person: Person, room: str) -> tuple[set[str], int]:
            acknowledged: set[str] = set()
            under_way = asyncio.Semaphore(8)
            async with person.socket(f"/room/{room}") as socket:

                async def say() -> None:
                    for number in itertools.count():
                        await under_way.acquire()
                        await socket.say(f"{room} {number}", str(number))

                saying = asyncio.create_task(say())
                try:
                    while True:
                        frame = await socket.receive()
                        assert frame["type"] == "MESSAGE_SENT", frame  # not one is refused: answered, or told to go
                        acknowledged.add(f"{room} {frame['data']['clientId']}")
                        under_way.release()
                        flowing.release()
                except websockets.ConnectionClosed:
                    pass
                saying.cancel()
                await asyncio.gather(saying, return_exceptions=True)
                code, _ = await goodbye(socket)
                return acknowledged, code

        talking = [asyncio.create_task(talk(person, room)) for person, room in talks]
        async with asyncio.timeout(SECONDS):
            for _ in range(rooms * 20):
                await flowing.acquire()
        assert await node.stop() == 0
        told = await asyncio.gather(*talking)
        assert {code for _, code in told} == {1012}
        connection = await asyncpg.connect(database)
        for (_, room), (acknowledged, _) in zip(talks, told, strict=True):
            stored = await connection.fetch("SELECT content FROM messages WHERE room_id = $1::text::uuid", room)
            assert {row[0] for row in stored} == acknowledged
            assert len(stored) == len(acknowledged)
        await connection.close()
        for person in people:
            await person.http.aclose()


async def test_a_handshake_under_way_comes_to_its_end_and_is_told_when_to_come_back(database, tmp_path):
    async with serving(database, tmp_path) as node:
        alice, bob = await log_in(node.url, database), await log_in(node.url, database)
        room = await alice.open_room(bob)
        connection = await asyncpg.connect(database)
        locked = connection.transaction()
        await locked.start()
        await connection.execute("LOCK TABLE rooms IN ACCESS EXCLUSIVE MODE")

        async def come() -> tuple[int, int]:
            async with alice.socket(f"/room/{room}") as socket:
                return await goodbye(socket)

        coming = asyncio.create_task(come())
        async with asyncio.timeout(SECONDS):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        ending = asyncio.create_task(node.stop())
        await until(node, None)
        await locked.rollback()
        code, retry_ms = await coming
        assert (code, 500 <= retry_ms <= 3_000) == (1012, True)
        assert await ending == 0
        await connection.close()
        for person in (alice, bob):
            await person.http.aclose()


async def test_a_request_under_way_is_answered(database, tmp_path):
    async with serving(database, tmp_path) as node:
        alice, bob = await log_in(node.url, database), await log_in(node.url, database)
        room = await alice.open_room(bob)
        connection = await asyncpg.connect(database)
        locked = connection.transaction()
        await locked.start()
        await connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(alice.http.post(f"/msg/room/{room}/messages", json={"content": "last words"}))
        async with asyncio.timeout(SECONDS):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        ending = asyncio.create_task(node.stop())
        await until(node, None)
        await locked.rollback()
        answer = await asking
        assert (answer.status_code, answer.json()["content"]) == (201, "last words")
        assert await ending == 0
        await connection.close()
        for person in (alice, bob):
            await person.http.aclose()


async def test_a_second_signal_ends_it_at_once(database, tmp_path):
    async with serving(database, tmp_path, DRAIN_NOTICE="10") as node:
        assert node.process is not None
        node.process.send_signal(signal.SIGTERM)
        await until(node, 503)
        # Had it waited, it would have taken ten seconds.
        assert await node.stop(signal.SIGTERM, seconds=5) == -signal.SIGTERM
