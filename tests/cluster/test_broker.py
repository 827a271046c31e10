"""The broker's promise, kept by both: what nodes of one process use, and NATS."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
import pytest_asyncio

from duologue.cluster.broker import Address, Broker, Ears
from duologue.cluster.memory import MemoryBroker, Switchboard
from duologue.cluster.nats import NatsBroker, connect
from duologue.errors import StartError
from tests.harness.nats import Nats
from tests.harness.node import free_port

SECONDS = 30.0
ROOM = "0192c1d6-0000-7000-8000-000000000001"
OTHER = "0192c1d6-0000-7000-8000-000000000002"
ADDRESS = Address(ROOM, 7, 8)


@dataclass
class Listener:
    """Notes what it hears."""

    heard: list[tuple] = field(default_factory=list)
    changes: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def ears(self) -> Ears:
        """For a broker."""
        return Ears(
            room=lambda *what: self._note("room", *what),
            lobby=lambda *what: self._note("lobby", *what),
            notice=lambda what: self._note("notice", what),
            link=self._link,
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(SECONDS):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def _note(self, *what: object) -> None:
        self.heard.append(what)
        self._news.set()

    def _link(self) -> None:
        self.changes += 1
        self._news.set()


Make = Callable[[], Awaitable[tuple[Broker, Listener]]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nats() -> AsyncIterator[Nats]:
    """A NATS server."""
    async with Nats() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session", params=["memory", "nats"])
async def make(request, nats: Nats) -> AsyncIterator[Make]:
    """Makes brokers that hear each other."""
    switchboard, prefix = Switchboard(), f"test.{uuid4()}"
    brokers: list[Broker] = []

    async def make() -> tuple[Broker, Listener]:
        is_memory = request.param == "memory"
        broker: Broker = MemoryBroker(switchboard) if is_memory else NatsBroker(nats.url, prefix, "test")
        listener = Listener()
        await broker.start(listener.ears())
        await broker.settled()
        brokers.append(broker)
        return broker, listener

    yield make
    for broker in brokers:
        await broker.stop()


async def end(speaker: Broker, *listeners: Listener) -> None:
    """All that was said before has arrived."""
    speaker.announce(b"end")
    for listener in listeners:
        await listener.until(lambda listener=listener: ("notice", b"end") in listener.heard)
        listener.heard.remove(("notice", b"end"))


async def test_a_parcel_reaches_those_who_follow_the_room_and_not_its_sender(make: Make):
    speaker, itself = await make()
    follower, follows = await make()
    _, other = await make()
    for each in (speaker, follower):
        each.follow_room(ROOM)
        await each.settled()
    speaker.publish(ADDRESS, b"hello")
    await end(speaker, follows, other)
    assert follows.heard == [("room", ROOM, b"hello")]
    assert other.heard == itself.heard == []


async def test_parcels_of_a_room_come_in_the_order_of_their_publishing(make: Make):
    speaker, _ = await make()
    follower, follows = await make()
    follower.follow_room(ROOM)
    await follower.settled()
    expected = [b"%d" % number for number in range(5_000)]
    for parcel in expected:
        speaker.publish(ADDRESS, parcel)
    await end(speaker, follows)
    assert [each[2] for each in follows.heard] == expected


async def test_a_parcel_reaches_those_who_follow_either_person(make: Make):
    speaker, _ = await make()
    broker, listener = await make()
    broker.follow_lobby(7)
    broker.follow_lobby(8)
    broker.follow_lobby(9)
    await broker.settled()
    speaker.publish(ADDRESS, b"news")
    await end(speaker, listener)
    assert sorted(listener.heard) == [("lobby", 7, ROOM, b"news"), ("lobby", 8, ROOM, b"news")]


async def test_what_was_left_is_not_heard_and_can_be_followed_again(make: Make):
    speaker, _ = await make()
    broker, listener = await make()
    for round_ in range(3):
        broker.follow_room(ROOM)
        broker.follow_lobby(7)
        await broker.settled()
        speaker.publish(ADDRESS, b"%d" % round_)
        await end(speaker, listener)
        broker.leave_room(ROOM)
        broker.leave_lobby(7)
        await broker.settled()
        speaker.publish(ADDRESS, b"not heard")
        await end(speaker, listener)
    assert [each[-1] for each in listener.heard if each[0] == "room"] == [b"0", b"1", b"2"]
    assert [each[-1] for each in listener.heard if each[0] == "lobby"] == [b"0", b"1", b"2"]


async def test_left_and_followed_again_in_one_turn_is_followed(make: Make):
    speaker, _ = await make()
    broker, listener = await make()
    broker.follow_room(ROOM)
    await broker.settled()
    broker.leave_room(ROOM)
    broker.follow_room(ROOM)
    broker.follow_room(OTHER)
    broker.leave_room(OTHER)
    await broker.settled()
    speaker.publish(ADDRESS, b"once")
    speaker.publish(Address(OTHER, 7, 8), b"never")
    await end(speaker, listener)
    assert listener.heard == [("room", ROOM, b"once")]


async def test_a_notice_reaches_every_other_node(make: Make):
    speaker, itself = await make()
    listeners = [(await make())[1] for _ in range(3)]
    speaker.announce(b"notice")
    for listener in listeners:
        await listener.until(lambda listener=listener: listener.heard == [("notice", b"notice")])
    assert itself.heard == []


async def test_large_and_empty_parcels_arrive_whole(make: Make):
    speaker, _ = await make()
    broker, listener = await make()
    broker.follow_room(ROOM)
    await broker.settled()
    speaker.publish(ADDRESS, b"")
    speaker.publish(ADDRESS, bytes(range(256)) * 1_000)
    await end(speaker, listener)
    assert [each[2] for each in listener.heard] == [b"", bytes(range(256)) * 1_000]


async def test_nats_lost_and_back_is_told_and_interest_is_shown_again():
    async with Nats() as server:
        prefix = f"test.{uuid4()}"
        pairs = []
        for _ in range(2):
            broker, listener = NatsBroker(server.url, prefix, "test"), Listener()
            await broker.start(listener.ears())
            broker.follow_room(ROOM)
            await broker.settled()
            pairs.append((broker, listener))
        (speaker, _), (hearer, hears) = pairs
        server.end()
        for broker, listener in pairs:
            await listener.until(lambda broker=broker: broker.away)
        lost = speaker.lost
        assert lost == 1  # for what was on its way
        speaker.publish(ADDRESS, b"into the void")
        assert speaker.lost == lost + 1
        hearer.follow_lobby(7)
        await hearer.settled()  # it does not wait for what is away
        await server.start()
        for broker, listener in pairs:
            await listener.until(lambda broker=broker: not broker.away)
            await broker.settled()
        speaker.publish(ADDRESS, b"again")
        await end(speaker, hears)
        assert sorted(hears.heard) == [("lobby", 7, ROOM, b"again"), ("room", ROOM, b"again")]
        for broker, _ in pairs:
            await broker.stop()


async def test_a_node_starts_without_nats_and_finds_it_later():
    server = Nats()
    broker, listener = NatsBroker(server.url, "test", "test"), Listener()
    started = asyncio.create_task(broker.start(listener.ears()))
    await started
    assert broker.away
    await server.start()
    await listener.until(lambda: not broker.away)
    await broker.stop()
    server.end()


async def test_a_wrong_token_is_told_at_the_start():
    async with Nats(user="right") as server:
        wrong = server.url.replace("right", "wrong")
        with pytest.raises(StartError, match="NATS refuses us") as refused:
            await NatsBroker(wrong, "test", "test").start(Listener().ears())
        assert "wrong@" not in str(refused.value)
        with pytest.raises(StartError, match="NATS cannot be used"):
            await connect(wrong)
        assert (await connect(server.url)).startswith("v2.")
    with pytest.raises(StartError, match="NATS cannot be used"):
        await connect(f"nats://127.0.0.1:{free_port()}")


async def test_a_round_trip_is_behind_everything_said_before_it():
    """A server that is asked before it was told would answer too soon: what others say then is missed."""
    lines: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.11.0","proto":1,"headers":true,"max_payload":1048576}\r\n')
        while line := await reader.readline():
            lines.append(line)
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        broker = NatsBroker(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", "test", "test")
        await broker.start(Listener().ears())
        broker.follow_room(ROOM)
        broker.publish(ADDRESS, b"said")
        await broker.settled()
        told = b" ".join(line.split()[0] for line in lines)
        assert told.endswith(b"SUB PUB said PING")
        await broker.stop()
