"""Who is there: a user's first socket and last one are news, whatever the tabs between do."""

import asyncio
import random

import pytest

from tests.harness.joining import joined, multiplexed

pytestmark = pytest.mark.early

LINGER_SECONDS = 5.0
ROUTES = ("/rooms", "/users", "/ws", "/room")


async def test_the_first_presence_follows_resumed(alice, bob, room):
    async with alice.socket(f"/room/{room}", v1=True) as hers:
        assert (await hers.receive())["type"] == "RESUMED"
        assert await hers.receive() == {
            "type": "PRESENCE",
            "data": {"userId": bob.id, "online": False, "lastSeenAt": None},
        }
    async with joined(bob, room), alice.socket(f"/room/{room}", v1=True) as hers:
        await hers.receive_type("RESUMED")
        assert (await hers.receive())["data"]["online"] is True


async def test_the_other_comes_and_goes(alice, bob, room):
    async with joined(alice, room) as hers:
        async with bob.socket("/users"):
            came = (await hers.receive())["data"]
            assert (came["userId"], came["online"]) == (bob.id, True)
        loop = asyncio.get_running_loop()
        left = loop.time()
        gone = (await hers.receive())["data"]
        assert (gone["userId"], gone["online"]) == (bob.id, False)
        assert loop.time() - left > LINGER_SECONDS - 1  # a reload would not have been a departure
        assert gone["lastSeenAt"]
    async with alice.socket(f"/room/{room}", v1=True) as hers:
        assert (await hers.receive_type("PRESENCE"))["data"] == gone


async def test_when_somebody_was_last_seen_outlives_what_is_in_memory(alice, bob, room, database):
    """The first PRESENCE says what the database knows."""
    import asyncpg

    connection = await asyncpg.connect(database)
    try:
        await connection.execute("UPDATE users SET last_seen_at = '2025-05-05T05:05:05.123Z' WHERE id = $1", bob.id)
    finally:
        await connection.close()
    async with alice.socket(f"/room/{room}", v1=True) as hers:
        data = (await hers.receive_type("PRESENCE"))["data"]
        assert (data["online"], data["lastSeenAt"]) == (False, "2025-05-05T05:05:05.123Z")


async def test_ones_own_coming_is_no_news_to_oneself(alice, room):
    async with joined(alice, room) as hers, joined(alice, room):
        await hers.command("PING")
        await hers.receive_type("PONG")
        assert await hers.nothing_more()


async def events(socket, kind, key, person, until):
    """The online states told of the person, until the condition and a round trip."""
    told = []
    while not (told and until(told)):
        frame = await socket.receive_type(kind)
        if frame["data"][key] == person.id:
            told.append(frame["data"]["online"])
    return told


async def test_twenty_tabs_opening_and_closing_at_random_are_one_coming_and_one_going(alice, bob, room):
    chance = random.Random(20)
    rounds = 8

    async def tab(number):
        for _ in range(rounds):
            route = chance.choice(ROUTES)
            path = f"/room/{room}" if route == "/room" else route
            async with bob.socket(path, v1=route in ("/ws", "/room")) as socket:
                await socket.receive() if route != "/room" else await socket.sync()
                if chance.random() < 0.3:
                    socket.connection.transport.abort()
                await asyncio.sleep(chance.random() / 20)  # the pace of a person's tabs, not a wait for the server

    async with (
        alice.socket("/users") as board,
        joined(alice, room) as hers,
        multiplexed(alice, room) as many,
    ):
        await board.receive_type("ALL_USERS")
        watching = asyncio.gather(
            events(board, "USER_STATUS", "id", bob, lambda told: told[-1] is False),
            events(hers, "PRESENCE", "userId", bob, lambda told: told[-1] is False),
            events(many, "PRESENCE", "userId", bob, lambda told: told[-1] is False),
        )
        await asyncio.gather(*(tab(number) for number in range(20)))
        assert await watching == [[True, False]] * 3
        assert await hers.nothing_more()
