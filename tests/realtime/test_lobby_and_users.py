"""`/rooms` and `/users`: a list first, then the news."""

import asyncio

import pytest

from tests.harness.people import sign_up

pytestmark = pytest.mark.early


async def test_the_lobby_lists_the_rooms_first(alice, bob, room):
    await alice.http.post(f"/msg/room/{room}/messages", json={"content": "newest"})
    async with bob.socket("/rooms") as lobby:
        first = await lobby.receive()
        assert first["type"] == "ROOMS_LIST"
        assert [each["id"] for each in first["data"]] == [room]
        assert first["data"] == (await bob.http.get("/msg/room")).json()["rooms"]
        assert first["data"][0]["messages"][0]["content"] == "newest"
        assert first["data"][0]["unread"] == 1
        assert first["data"][0]["peer"]["email"] == alice.email


async def test_a_message_updates_the_lobby_of_both(alice, bob, room):
    async with alice.socket("/rooms") as hers, bob.socket("/rooms") as his, alice.socket(f"/room/{room}") as talk:
        await hers.receive()
        await his.receive()
        await talk.say("news")
        for lobby, unread in ((hers, 0), (his, 1)):
            update = await lobby.receive_type("ROOM_UPDATE")
            assert update["data"]["roomId"] == room
            assert update["data"]["lastMessage"]["content"] == "news"
            assert update["data"]["unread"] == unread
            assert update["data"]["lastSeq"] == 1


async def test_a_new_room_appears_at_once_for_both(alice, bob):
    async with alice.socket("/rooms") as hers, bob.socket("/rooms") as his:
        assert (await hers.receive())["data"] == []
        assert (await his.receive())["data"] == []
        room = await alice.open_room(bob)
        for lobby, peer in ((hers, bob), (his, alice)):
            update = await lobby.receive_type("ROOM_UPDATE")
            assert update["data"]["roomId"] == room
            assert update["data"]["lastMessage"] is None
            assert update["data"]["room"]["peer"]["id"] == peer.id
        assert await bob.open_room(alice) == room
        assert await hers.nothing_more()


async def test_the_lobby_takes_no_messages(alice):
    async with alice.socket("/rooms") as lobby:
        await lobby.receive()
        await lobby.send_raw('{"content": "hello?"}')
        assert (await lobby.receive())["code"] == "UNKNOWN_TYPE"


def named(frame, person):
    return next(user for user in frame["data"] if user["id"] == person.id)


async def test_everybody_is_listed_with_who_is_online(alice, bob):
    async with alice.socket("/users") as hers, bob.socket("/users") as his:
        await hers.receive()
        everybody = await his.receive()
        assert everybody["type"] == "ALL_USERS"
        for person in (alice, bob):
            user = named(everybody, person)
            assert user["email"] == person.email
            assert user["online"] is True
            assert user["isVerified"] is True
            assert user["createdAt"].endswith("Z")


async def status_of(watcher, person):
    while True:
        frame = await watcher.receive_type("USER_STATUS")
        if frame["data"]["id"] == person.id:
            return frame["data"]


async def test_coming_and_going_is_seen_live(alice, bob):
    async with alice.socket("/users") as watcher:
        assert named(await watcher.receive(), bob)["online"] is False
        async with bob.socket("/rooms"):
            assert (await status_of(watcher, bob))["online"] is True
        gone = await status_of(watcher, bob)
        assert gone["online"] is False
        assert gone["lastSeenAt"] is not None


async def test_a_reload_is_no_departure(alice, bob, room):
    async with alice.socket("/users") as watcher:
        await watcher.receive()
        for _ in range(3):
            async with bob.socket(f"/room/{room}"):
                pass
        assert (await status_of(watcher, bob))["online"] is True
        async with bob.socket("/rooms"), asyncio.timeout(10):
            pass
        assert (await status_of(watcher, bob))["online"] is False


async def test_someone_new_is_announced_when_they_come(server, alice):
    async with alice.socket("/users") as watcher:
        await watcher.receive()
        carol = await sign_up(server.url)
        async with carol.socket("/users"):
            assert (await status_of(watcher, carol))["email"] == carol.email
        await carol.http.aclose()
