"""Rooms and their history over HTTP."""

import re
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest


async def test_the_same_pair_has_the_same_room_in_either_order(alice, bob):
    first = (await alice.http.post("/msg/room", json={"otherUserId": bob.id})).json()
    second = (await bob.http.post("/msg/room", json={"otherUserId": alice.id})).json()
    assert first["id"] == second["id"]
    assert (first["user1Id"], first["user2Id"]) == (alice.id, bob.id)
    assert first["token"] == alice.token
    assert first["messages"] == []
    assert {name: first[name] for name in first["room"]} == first["room"]


async def test_the_room_list_carries_the_newest_message_and_the_token(alice, bob, room):
    for path in ("/msg/room", "/msg/rooms"):
        assert (await alice.http.get(path)).json()["rooms"][0]["messages"] == []
    for content in ("one", "two"):
        await alice.http.post(f"/msg/room/{room}/messages", json={"content": content})
    listed = (await bob.http.get("/msg/rooms")).json()
    assert listed["token"] == bob.token
    assert [message["content"] for message in listed["rooms"][0]["messages"]] == ["two"]
    assert listed["rooms"][0]["lastSeq"] == 2
    assert listed["rooms"][0]["unread"] == 2


async def test_the_newest_activity_comes_first(alice, bob, new_user):
    carol = await new_user()
    with_bob, with_carol = await alice.open_room(bob), await alice.open_room(carol)
    await alice.http.post(f"/msg/room/{with_bob}/messages", json={"content": "hi"})
    order = [room["id"] for room in (await alice.http.get("/msg/room")).json()["rooms"]]
    assert order == [with_bob, with_carol]


async def test_rooms_come_in_pages_that_follow_each_other_by_their_links(alice, new_user, database):
    rooms = [await alice.open_room(await new_user()) for _ in range(5)]
    for room in rooms[:3]:
        await alice.http.post(f"/msg/room/{room}/messages", json={"content": "hi"})
    connection = await asyncpg.connect(database)
    moment = datetime.now(UTC).replace(microsecond=5_000) + timedelta(seconds=1)
    try:  # as if one commit had stored all three
        await connection.execute(
            "UPDATE messages SET created_at = $2 WHERE room_id = ANY ($1::uuid[])", rooms[:3], moment
        )
    finally:
        await connection.close()
    order = [room["id"] for room in (await alice.http.get("/msg/room")).json()["rooms"]]
    assert order == [*sorted(rooms[:3], reverse=True), *rooms[:2:-1]]
    for size in (1, 2, 4):
        answer = await alice.http.get("/msg/rooms", params={"limit": size})
        pages = [answer.json()["rooms"]]
        while "next" in answer.links:
            answer = await alice.http.get(answer.links["next"]["url"])
            pages.append(answer.json()["rooms"])
        assert [room["id"] for page in pages for room in page] == order
        assert {len(page) for page in pages[:-1]} == {size}


async def test_rooms_before_a_time_are_those_in_which_nothing_happened_since(alice, new_user):
    old, new = [await alice.open_room(await new_user()) for _ in range(2)]
    message = (await alice.http.post(f"/msg/room/{new}/messages", json={"content": "hi"})).json()
    answer = await alice.http.get("/msg/room", params={"before": message["createdAt"]})
    assert [room["id"] for room in answer.json()["rooms"]] == [old]
    assert "link" not in answer.headers


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=x", "before=", "before=yesterday", "before=2026-01-01T00:00:00", "before=5",
     "before=0001-01-01T00:00:00%2B23:59", "room=x", "before=%00"],
)  # fmt: skip
async def test_a_wrong_page_of_rooms_is_refused(alice, query):
    answer = await alice.http.get(f"/msg/room?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")


async def test_what_one_writes_oneself_is_read(alice, bob, room):
    await alice.http.post(f"/msg/room/{room}/messages", json={"content": "a"})
    await bob.http.post(f"/msg/room/{room}/messages", json={"content": "b"})
    assert (await alice.http.get("/msg/room")).json()["rooms"][0]["unread"] == 1
    assert (await bob.http.get("/msg/room")).json()["rooms"][0]["unread"] == 0


async def fill(person, room, count):
    async with person.socket(f"/room/{room}") as socket:
        for number in range(1, count):
            await socket.say(str(number))
        await socket.say(str(count), "last")
        await socket.receive_type("MESSAGE_SENT")


async def test_history_is_the_newest_page_oldest_first(alice, bob, room):
    await fill(alice, room, 130)
    page = await bob.history(room)
    assert [message["seq"] for message in page] == list(range(31, 131))
    assert set(page[0]) >= {"id", "roomId", "senderId", "content", "createdAt"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", page[0]["createdAt"])


async def test_pages_follow_each_other_by_their_links(alice, bob, room):
    await fill(alice, room, 25)
    answer = await bob.http.get(f"/msg/room/{room}/messages", params={"limit": 10})
    seen = [message["seq"] for message in answer.json()]
    while "prev" in answer.links:
        answer = await bob.http.get(answer.links["prev"]["url"])
        seen = [message["seq"] for message in answer.json()] + seen
    assert seen == list(range(1, 26))
    answer = await bob.http.get(f"/msg/room/{room}/messages", params={"limit": 10, "after": 0})
    seen = [message["seq"] for message in answer.json()]
    while "next" in answer.links:
        answer = await bob.http.get(answer.links["next"]["url"])
        seen += [message["seq"] for message in answer.json()]
    assert seen == list(range(1, 26))


async def test_an_empty_room_has_an_empty_history(alice, room):
    answer = await alice.http.get(f"/msg/room/{room}/messages")
    assert answer.json() == []
    assert "link" not in answer.headers


async def test_the_bearer_header_works_like_the_cookie(client, alice, room):
    answer = await client.get("/msg/room", headers={"Authorization": f"Bearer {alice.token}"})
    assert [each["id"] for each in answer.json()["rooms"]] == [room]


async def test_a_token_in_the_query_is_not_accepted_on_http(client, alice):
    answer = await client.get("/msg/room", params={"token": alice.token})
    assert answer.status_code == 401
    assert answer.json()["code"] == "NO_TOKEN"
