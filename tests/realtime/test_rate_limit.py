"""How fast a socket may talk: a burst of 40, then 20 a second; a flood ends it."""

import asyncio
import contextlib
import json

import pytest
import pytest_asyncio
import websockets

from tests.harness.joining import joined, multiplexed, send
from tests.harness.node import Node
from tests.harness.people import log_in

pytestmark = pytest.mark.xdist_group("rate limit")  # one worker has the server

BURST = 40


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(database, tmp_path_factory):
    """A server that limits, beside the worker's own."""
    folder = tmp_path_factory.mktemp("limited")
    node = Node({"DATABASE_URL": database, "RATE_LIMITS": "on", "DATA_DIR": str(folder / "data")}, folder)
    await node.start()
    yield node
    await node.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def talkers(limited, database):
    """Two people there and their room."""
    people = [await log_in(limited.url, database) for _ in range(2)]
    yield (*people, await people[0].open_room(people[1]))
    for person in people:
        await person.http.aclose()


@contextlib.asynccontextmanager
async def opened(person, room, route):
    if route == "/ws":
        async with multiplexed(person, room) as socket:
            yield socket
    elif route == "v1":
        async with joined(person, room) as socket:
            yield socket
    else:
        async with person.socket(f"/room/{room}") as socket:
            yield socket


def said(route, room, number):
    body = {"content": str(number), "clientId": f"n{number}"}
    return {"type": "SEND", "data": {**body, "roomId": room}} if route == "/ws" else body


@pytest.mark.parametrize("route", ["base", "v1", "/ws"])
async def test_what_comes_too_fast_is_refused_by_name_and_not_stored(talkers, route):
    alice, _, room = talkers
    async with opened(alice, room, route) as socket:
        for number in range(3 * BURST):
            await socket.send(said(route, room, number))
        stored, refused = [], []
        while len(stored) + len(refused) < 3 * BURST:
            frame = await socket.receive()
            if frame["type"] == "ERROR":
                assert frame["code"] == "RATE_LIMITED"
                assert frame["retryMs"] > 0
                assert ("roomId" in frame) == (route == "/ws")
                refused.append(frame["clientId"])
            elif frame["type"] == "MESSAGE_SENT":
                stored.append(frame["data"]["clientId"])
        assert BURST - 1 <= len(stored) < 2 * BURST
        assert stored[: BURST - 1] == [f"n{number}" for number in range(BURST - 1)]
        assert sorted(stored + refused) == sorted(f"n{number}" for number in range(3 * BURST))
        assert [f"n{each['content']}" for each in await alice.history(room)] == stored


async def test_after_the_pause_that_was_named_it_goes_on(talkers):
    alice, _, room = talkers
    async with joined(alice, room) as socket:
        error = await refused_in_the_end(socket)
        await asyncio.sleep(error["retryMs"] / 1000)  # what the server asked for
        await socket.say("after", "after")
        frame = await socket.receive()
        assert (frame["type"], frame["data"]["clientId"]) == ("MESSAGE_SENT", "after")


async def refused_in_the_end(socket):
    """Say more than is allowed until the last of it is refused; that refusal. One before the last may be outdated."""
    while True:
        for number in range(2 * BURST):
            await socket.say(str(number), f"n{number}")
        answers = [await socket.receive() for _ in range(2 * BURST)]
        for answer in answers:
            if answer["type"] == "ERROR" and answer["clientId"] == f"n{2 * BURST - 1}":
                return answer


async def test_commands_count_as_messages_do(talkers):
    alice, _, room = talkers
    async with joined(alice, room) as socket:
        for _ in range(3 * BURST):
            await socket.command("TYPING")
        await socket.command("SEND", content="x", clientId="x")
        error = await socket.receive_type("ERROR")
        assert error["code"] == "RATE_LIMITED"
    assert await alice.history(room) == []


async def test_a_flood_ends_the_socket_with_a_time_to_come_back(talkers):
    alice, bob, room = talkers
    async with joined(bob, room) as his, joined(alice, room) as hers:
        frame = json.dumps({"content": "flood"})
        with contextlib.suppress(websockets.ConnectionClosed):
            for number in range(5_000):
                await hers.send_raw(frame)
                if number % 10 == 0:
                    await asyncio.sleep(0.01)  # a thousand a second, so that some are taken in between
        code, reason = await hers.closed()
        assert code == 4008
        assert 0 < json.loads(reason)["retryMs"] <= 30_000
        await his.say("still here", "a")
        assert (await his.receive_type("MESSAGE_SENT"))["data"]["clientId"] == "a"


async def test_a_refusal_repeats_no_more_than_a_name(talkers):
    alice, _, room = talkers
    async with joined(alice, room) as socket:
        for _ in range(BURST + 10):
            await socket.send_raw(json.dumps({"content": "a", "clientId": "x" * 60_000}))
        limited = None
        for _ in range(BURST + 10):
            frame = await socket.receive()
            assert "clientId" not in frame
            limited = limited or frame["code"] == "RATE_LIMITED"
        assert limited


async def test_http_and_other_sockets_have_allowances_of_their_own(talkers):
    alice, _, room = talkers
    async with joined(alice, room) as first, joined(alice, room) as second:
        for number in range(2 * BURST):
            await first.say(str(number), f"n{number}")
        await second.say("second", "s")
        assert (await second.receive_type("MESSAGE_SENT"))["data"]["clientId"] == "s"
        await send(alice, room, "by HTTP")
