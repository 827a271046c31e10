"""`/ws`: one socket for all rooms, the lobby and the presence of a user."""

import asyncpg
import pytest

from tests.harness.joining import blurt, delete, edit, joined, multiplexed, send

NOWHERE = "00000000-0000-7000-8000-000000000000"


async def test_it_speaks_duologue_v1_alone(alice):
    async with alice.socket("/ws") as socket:
        assert (await socket.closed())[0] == 4000
    async with alice.socket("/ws/more", v1=True) as socket:
        assert (await socket.closed())[0] == 4000


async def test_the_list_of_rooms_comes_first_then_its_news(alice, bob, room, new_user):
    await send(bob, room, "hello")
    carol = await new_user()
    async with alice.socket("/ws", v1=True) as many:
        first = await many.receive()
        assert first["type"] == "ROOMS_LIST"
        assert first["data"] == (await alice.http.get("/msg/rooms")).json()["rooms"]
        await send(bob, room, "again")
        update = (await many.receive_type("ROOM_UPDATE"))["data"]
        assert (update["roomId"], update["lastMessage"]["content"], update["unread"]) == (room, "again", 2)
        new = await carol.open_room(alice)
        update = (await many.receive_type("ROOM_UPDATE"))["data"]
        assert (update["roomId"], update["room"]["peer"]["id"]) == (new, carol.id)
        assert await many.nothing_more()  # messages come from rooms that are subscribed to


async def test_a_subscribed_room_is_heard_and_spoken_to_and_no_other(alice, bob, room, new_user):
    carol = await new_user()
    other = await alice.open_room(carol)
    async with multiplexed(alice, room) as many, joined(bob, room) as his, joined(carol, other) as hers:
        await his.say("to the room")
        await hers.say("to the other room")
        message = (await many.receive_type("NEW_MESSAGE"))["data"]
        assert (message["roomId"], message["content"]) == (room, "to the room")
        await many.command("SEND", roomId=room, content="back", clientId="a")
        sent = (await many.receive_type("MESSAGE_SENT"))["data"]
        assert (sent["roomId"], sent["clientId"]) == (room, "a")
        assert (await his.receive_type("NEW_MESSAGE"))["data"]["content"] == "back"
        await many.command("SEND", roomId=other, content="lost", clientId="b")
        error = await many.receive_type("ERROR")
        assert (error["code"], error["roomId"], error["clientId"]) == ("NOT_SUBSCRIBED", other, "b")


async def test_every_event_names_its_room(alice, bob, room):
    message = await send(alice, room, "a")
    async with multiplexed(alice, room) as many, joined(bob, room) as his:
        assert (await many.receive_type("PRESENCE"))["data"]["userId"] == bob.id
        await his.command("TYPING")
        await his.command("READ", seq=1)
        await edit(alice, room, message["id"], "b")
        await delete(alice, room, message["id"])
        missing = {"TYPING", "READ", "DELIVERED", "MESSAGE_EDITED", "MESSAGE_DELETED"}
        while missing:
            frame = await many.receive()
            assert frame["data"].get("roomId", room) == room
            missing.discard(frame["type"])


async def test_subscribing_from_a_position_replays_what_was_missed(alice, bob, room):
    messages = [await send(bob, room, str(number)) for number in range(1, 6)]
    await edit(bob, room, messages[0]["id"], "one")
    async with multiplexed(alice) as many:
        await many.command("SUBSCRIBE", roomId=room, after=3, rev=0)
        got = [await many.receive() for _ in range(4)]
        assert [frame["type"] for frame in got] == ["NEW_MESSAGE", "NEW_MESSAGE", "MESSAGE_EDITED", "RESUMED"]
        assert [frame["data"]["seq"] for frame in got[:3]] == [4, 5, 1]
        resumed = got[3]["data"]
        assert (resumed["roomId"], resumed["from"], resumed["to"], resumed["rev"]) == (room, 3, 5, 1)
        assert resumed["complete"] is True
        assert (await many.receive())["type"] == "PRESENCE"


async def test_subscribing_again_starts_from_another_position_and_hears_nothing_twice(alice, bob, room):
    for number in range(3):
        await send(bob, room, str(number))
    async with multiplexed(alice, room) as many:
        await many.command("SUBSCRIBE", roomId=room, after=1)
        assert [(await many.receive())["data"]["seq"] for _ in range(2)] == [2, 3]
        await many.receive_type("RESUMED")
        await many.receive_type("PRESENCE")
        await send(bob, room, "4")
        assert (await many.receive_type("NEW_MESSAGE"))["data"]["seq"] == 4
        await many.command("PING")
        assert (await many.receive_type("PONG")) == {"type": "PONG"}
        # The list's news of "4" may come late; the message itself does not come again.
        assert "NEW_MESSAGE" not in [frame["type"] for frame in await many.rest()]


async def test_an_unsubscribed_room_is_silent(alice, bob, room):
    async with multiplexed(alice, room) as many:
        await many.command("UNSUBSCRIBE", roomId=room)
        await many.command("PING")
        await many.receive_type("PONG")
        await send(bob, room, "unheard")
        assert (await many.receive())["type"] == "ROOM_UPDATE"
        assert await many.nothing_more()
        await many.command("SEND", roomId=room, content="x", clientId="a")
        assert (await many.receive())["code"] == "NOT_SUBSCRIBED"
        await many.command("UNSUBSCRIBE", roomId=room)
        await many.command("SUBSCRIBE", roomId=room, after=0)
        assert (await many.receive_type("NEW_MESSAGE"))["data"]["content"] == "unheard"


async def test_commands_right_behind_a_subscription_are_done_in_their_order(alice, bob, room):
    async with bob.socket(f"/room/{room}") as his, multiplexed(alice) as many:
        await his.sync()
        await many.command("SUBSCRIBE", roomId=room)
        for number in range(50):
            await many.command("SEND", roomId=room, content=str(number), clientId=f"n{number}")
        assert [(await his.receive())["data"]["content"] for _ in range(50)] == [str(each) for each in range(50)]
        sent = [(await many.receive_type("MESSAGE_SENT"))["data"]["clientId"] for _ in range(50)]
        assert sent == [f"n{number}" for number in range(50)]


async def test_nothing_said_between_two_subscriptions_is_lost(alice, bob, room):
    async with multiplexed(alice) as many:
        await many.command("SUBSCRIBE", roomId=room)
        await many.command("SEND", roomId=room, content="one", clientId="1")
        await many.command("SUBSCRIBE", roomId=room, after=0)
        await many.command("SEND", roomId=room, content="two", clientId="2")
        await many.command("UNSUBSCRIBE", roomId=room)
        await many.command("SEND", roomId=room, content="three", clientId="3")
        await many.command("SUBSCRIBE", roomId=room, after=0)
        await many.command("SEND", roomId=room, content="four", clientId="4")
        answers = {}
        while len(answers) < 4:
            frame = await many.receive()
            if frame["type"] == "MESSAGE_SENT":
                answers[frame["data"]["clientId"]] = "sent"
            elif frame["type"] == "ERROR":
                answers[frame["clientId"]] = frame["code"]
        assert answers == {"1": "sent", "2": "sent", "3": "NOT_SUBSCRIBED", "4": "sent"}
    assert [message["content"] for message in await bob.history(room)] == ["one", "two", "four"]


async def test_a_refused_room_refuses_what_was_said_to_it(alice, room, new_user):
    carol = await new_user()
    for room_id, code in ((room, "ACCESS_DENIED"), (NOWHERE, "UNKNOWN_ROOM"), ("no-uuid", "UNKNOWN_ROOM")):
        async with multiplexed(carol) as many:
            await many.command("SUBSCRIBE", roomId=room_id, clientId="s")
            await many.command("SEND", roomId=room_id, content="x", clientId="a")
            first, second = await many.receive(), await many.receive()
            assert (first["code"], first["roomId"], first["clientId"]) == (code, room_id, "s")
            assert (second["code"], second["roomId"], second["clientId"]) == ("NOT_SUBSCRIBED", room_id, "a")
    assert await alice.history(room) == []


async def acquaintances(database, person, count):
    """Rooms with so many people who have left since: they are in nobody's directory."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(
            """
            WITH gone AS (
                INSERT INTO users (email, password_hash, created_at, erased_at)
                SELECT 'gone.' || $1::int || '.' || n || '@example.com', '', now(), now()
                FROM generate_series(1, $2::int) n RETURNING id
            )
            INSERT INTO rooms (id, user1_id, user2_id) SELECT gen_random_uuid(), $1::int, id FROM gone
            RETURNING id::text
            """,
            person.id,
            count,
        )
    finally:
        await connection.close()
    return [row["id"] for row in rows]


async def test_at_most_five_hundred_rooms(alice, database):
    rooms = await acquaintances(database, alice, 501)
    async with multiplexed(alice) as many:
        for room in rooms:  # at once: those that are still being opened count too
            await many.command("SUBSCRIBE", roomId=room)
        resumed, errors = set(), []
        while len(resumed) + len(errors) < 501:
            frame = await many.receive()
            if frame["type"] == "RESUMED":
                resumed.add(frame["data"]["roomId"])
            elif frame["type"] == "ERROR":
                errors.append((frame["code"], frame["roomId"]))
        assert resumed == set(rooms[:500])
        assert errors == [("RATE_LIMITED", rooms[500])]
        await many.command("SUBSCRIBE", roomId=rooms[0])  # one that it has is no more than it had
        assert (await many.receive_type("RESUMED"))["data"]["roomId"] == rooms[0]
        await many.command("UNSUBSCRIBE", roomId=rooms[0])
        await many.command("SUBSCRIBE", roomId=rooms[500])
        assert (await many.receive_type("RESUMED"))["data"]["roomId"] == rooms[500]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"type": "SUBSCRIBE"}', "INVALID_INPUT"),
        ('{"type": "SUBSCRIBE", "data": {}}', "INVALID_INPUT"),
        ('{"type": "SUBSCRIBE", "data": {"roomId": null}}', "INVALID_INPUT"),
        ('{"type": "SUBSCRIBE", "data": {"roomId": "%s", "after": "1"}}', "INVALID_INPUT"),
        ('{"type": "SUBSCRIBE", "data": {"roomId": "%s", "after": -1}}', "INVALID_INPUT"),
        ('{"type": "SUBSCRIBE", "data": {"roomId": "%s", "rev": 1.5}}', "INVALID_INPUT"),
        ('{"type": "SUBSCRIBE", "data": {"roomId": "%s%s%s"}}', "INVALID_INPUT"),
        ('{"type": "UNSUBSCRIBE"}', "INVALID_INPUT"),
        ('{"type": "UNSUBSCRIBE", "data": {"roomId": 5}}', "INVALID_INPUT"),
        ('{"type": "SEND", "data": {"content": "no room"}}', "INVALID_INPUT"),
        ('{"type": "SEND", "data": {"content": "a", "roomId": "%s"}}', "NOT_SUBSCRIBED"),
        ('{"type": "TYPING"}', "INVALID_INPUT"),
        ('{"type": "TYPING", "data": {"roomId": "%s"}}', "NOT_SUBSCRIBED"),
        ('{"type": "READ", "data": {"seq": 1, "roomId": "%s"}}', "NOT_SUBSCRIBED"),
        ('{"type": "EDIT", "data": {"id": "a", "content": "b", "roomId": "%s"}}', "NOT_SUBSCRIBED"),
        ('{"type": "DELETE", "data": {"id": "a", "roomId": "%s"}}', "NOT_SUBSCRIBED"),
        ('{"content": "bare"}', "INVALID_INPUT"),
        ('{"type": "OTHER", "data": {"roomId": "%s"}}', "UNKNOWN_TYPE"),
        ("{", "INVALID_JSON"),
    ],
)
async def test_bad_input_is_answered_and_the_socket_stays_open(alice, room, frame, code):
    async with multiplexed(alice) as many:
        await many.send_raw(frame.replace("%s", room))
        assert (await many.receive_type("ERROR"))["code"] == code
        await many.command("PING")
        assert (await many.receive_type("PONG"))["type"] == "PONG"
    assert await alice.history(room) == []


async def test_an_error_names_what_it_answers(alice, room):
    async with multiplexed(alice, room) as many:
        for kind, data in (
            ("SEND", {"content": 5}),
            ("SEND", {"content": ""}),
            ("EDIT", {"id": "x", "content": "a"}),
            ("DELETE", {"id": NOWHERE}),
            ("READ", {"seq": None}),
            ("SUBSCRIBE", {"after": []}),
        ):
            await blurt(many, kind, roomId=room, clientId="mine", **data)
            error = await many.receive_type("ERROR")
            assert (error["clientId"], error["roomId"]) == ("mine", room), kind


async def test_presence_comes_from_subscribed_rooms(alice, bob, room, new_user):
    carol = await new_user()
    other = await alice.open_room(carol)
    async with multiplexed(alice, room, other) as many:
        async with bob.socket("/rooms"), carol.socket("/rooms"):
            came = [(await many.receive_type("PRESENCE"))["data"] for _ in range(2)]
            assert {each["userId"]: each["online"] for each in came} == {bob.id: True, carol.id: True}
            await many.command("UNSUBSCRIBE", roomId=other)
        gone = (await many.receive_type("PRESENCE"))["data"]
        assert (gone["userId"], gone["online"]) == (bob.id, False)
        assert gone["lastSeenAt"]


async def test_closing_it_leaves_all_its_rooms(alice, bob, room):
    async with joined(bob, room) as his:
        async with multiplexed(alice, room):
            await his.receive_type("PRESENCE")
        await send(bob, room, "nobody is there")
        await his.command("PING")
        await his.receive_type("PONG")
    async with bob.socket(f"/room/{room}", v1=True) as his:
        assert (await his.receive_type("RESUMED"))["data"]["peerDeliveredSeq"] == 0
