"""`duologue.v1` on `/room/<id>`: who gets it, what may be said, and how a refusal is told."""

import asyncio

import pytest

from tests.harness.joining import blurt, delete, edit, joined, send


async def test_the_subprotocol_is_selected_where_it_is_offered_and_nowhere_else(alice, room):
    async with alice.socket(f"/room/{room}", v1=True) as grown, alice.socket(f"/room/{room}") as base:
        assert grown.connection.subprotocol == "duologue.v1"
        assert base.connection.subprotocol is None


async def test_a_refusal_selects_the_subprotocol_too_so_that_browsers_can_read_it(alice):
    async with alice.socket("/nowhere", v1=True) as socket:
        assert socket.connection.subprotocol == "duologue.v1"
        assert (await socket.closed())[0] == 4000


async def test_a_base_socket_never_gets_a_frame_of_v1(alice, bob, room):
    async with bob.socket(f"/room/{room}") as base, joined(alice, room) as hers, joined(bob, room) as his:
        message = await send(alice, room, "first")
        await hers.command("TYPING")
        await his.command("TYPING")
        await his.command("READ", seq=1)
        await hers.command("EDIT", id=message["id"], content="second")
        await hers.command("DELETE", id=message["id"])
        await hers.command("PING")
        await hers.receive_type("PONG")
        await hers.receive_type("MESSAGE_DELETED")
        await hers.command("SEND", content="third", clientId="c")
        await hers.receive_type("MESSAGE_SENT")
        got = [await base.receive(), await base.receive()]
        assert [frame["type"] for frame in got] == ["NEW_MESSAGE", "NEW_MESSAGE"]
        assert set(got[0]["data"]) == {"id", "roomId", "senderId", "content", "createdAt", "seq"}
        assert await base.nothing_more()


async def test_a_base_socket_that_types_is_refused(alice, room):
    async with alice.socket(f"/room/{room}") as base:
        await blurt(base, "TYPING")
        assert (await base.receive())["code"] == "UNKNOWN_TYPE"


async def test_send_and_bare_content_are_the_same(alice, bob, room):
    async with joined(alice, room) as hers, joined(bob, room) as his:
        await hers.command("SEND", content="as a command", clientId="a")
        await hers.say("bare", "b")
        await hers.command("SEND", content="without a receipt")
        sent = [await hers.receive_type("MESSAGE_SENT") for _ in range(2)]
        assert [frame["data"]["clientId"] for frame in sent] == ["a", "b"]
        assert [frame["data"]["roomId"] for frame in sent] == [room, room]
        heard = [(await his.receive_type("NEW_MESSAGE"))["data"]["content"] for _ in range(3)]
        assert heard == ["as a command", "bare", "without a receipt"]


async def test_a_repeated_client_id_is_answered_with_the_first_result(alice, room):
    async with joined(alice, room) as hers:
        await hers.command("SEND", content="once", clientId="same")
        first = await hers.receive_type("MESSAGE_SENT")
        await hers.command("SEND", content="twice", clientId="same")
        assert await hers.receive_type("MESSAGE_SENT") == first
    assert [message["content"] for message in await alice.history(room)] == ["once"]


async def test_ping_is_answered(alice, room):
    async with joined(alice, room) as hers:
        await hers.send({"type": "PING"})
        assert await hers.receive() == {"type": "PONG"}


async def test_the_room_may_be_named_but_no_other(alice, bob, room, new_user):
    elsewhere = await alice.open_room(await new_user())
    async with joined(alice, room) as hers:
        await hers.command("SEND", content="here", clientId="a", roomId=room)
        assert (await hers.receive_type("MESSAGE_SENT"))["data"]["clientId"] == "a"
        await hers.command("SEND", content="there", clientId="b", roomId=elsewhere)
        error = await hers.receive_type("ERROR")
        assert (error["code"], error["clientId"], error["roomId"]) == ("UNKNOWN_ROOM", "b", elsewhere)
    assert await alice.history(elsewhere) == []


async def test_typing_is_told_to_the_other_alone_and_not_at_every_key(alice, bob, room):
    async with joined(bob, room) as his, joined(alice, room) as hers, joined(alice, room) as second:
        await his.receive_type("PRESENCE")
        for _ in range(20):
            await hers.command("TYPING")
        assert await his.receive_type("TYPING") == {"type": "TYPING", "data": {"roomId": room, "userId": alice.id}}
        await hers.command("PING")
        assert (await hers.receive())["type"] == "PONG"
        assert await his.nothing_more()
        assert await second.nothing_more()


LONG = "x" * 8001
BAD = [
    ("{", "INVALID_JSON"),
    ("", "INVALID_JSON"),
    ("[]", "INVALID_INPUT"),
    ("7", "INVALID_INPUT"),
    ("null", "INVALID_INPUT"),
    ("{}", "EMPTY_CONTENT"),
    ('{"type": null}', "INVALID_INPUT"),
    ('{"type": 5}', "INVALID_INPUT"),
    ('{"type": "NONE"}', "UNKNOWN_TYPE"),
    ('{"type": "send", "data": {"content": "a"}}', "UNKNOWN_TYPE"),
    ('{"type": "SUBSCRIBE", "data": {"roomId": "%s"}}', "UNKNOWN_TYPE"),
    ('{"type": "UNSUBSCRIBE", "data": {"roomId": "%s"}}', "UNKNOWN_TYPE"),
    ('{"type": "SEND"}', "INVALID_INPUT"),
    ('{"type": "SEND", "data": null}', "INVALID_INPUT"),
    ('{"type": "SEND", "data": []}', "INVALID_INPUT"),
    ('{"type": "SEND", "data": {"content": 5}}', "INVALID_INPUT"),
    ('{"type": "SEND", "data": {"content": ""}}', "EMPTY_CONTENT"),
    ('{"type": "SEND", "data": {"content": "a\\u0000"}}', "INVALID_INPUT"),
    ('{"type": "SEND", "data": {"content": "a\\ud800"}}', "INVALID_JSON"),
    ('{"type": "SEND", "data": {"content": "' + LONG + '"}}', "CONTENT_TOO_LONG"),
    ('{"type": "SEND", "data": {"content": "a", "clientId": ""}}', "INVALID_INPUT"),
    ('{"type": "SEND", "data": {"content": "a", "clientId": 5}}', "INVALID_INPUT"),
    ('{"type": "SEND", "data": {"content": "a", "roomId": 5}}', "INVALID_INPUT"),
    ('{"content": ""}', "EMPTY_CONTENT"),
    ('{"content": null}', "INVALID_INPUT"),
    ('{"type": "TYPING", "data": 5}', "INVALID_INPUT"),
    ('{"type": "PING", "data": "x"}', "INVALID_INPUT"),
    ('{"type": "READ"}', "INVALID_INPUT"),
    ('{"type": "READ", "data": {"seq": "1"}}', "INVALID_INPUT"),
    ('{"type": "READ", "data": {"seq": -1}}', "INVALID_INPUT"),
    ('{"type": "READ", "data": {"seq": 1.5}}', "INVALID_INPUT"),
    ('{"type": "READ", "data": {"seq": 9223372036854775808}}', "INVALID_INPUT"),
    ('{"type": "EDIT", "data": {"content": "a"}}', "INVALID_INPUT"),
    ('{"type": "EDIT", "data": {"id": "a"}}', "INVALID_INPUT"),
    ('{"type": "EDIT", "data": {"id": 5, "content": "a"}}', "INVALID_INPUT"),
    ('{"type": "EDIT", "data": {"id": "no uuid", "content": "a"}}', "UNKNOWN_MESSAGE"),
    ('{"type": "EDIT", "data": {"id": "00000000-0000-7000-8000-000000000000", "content": "a"}}', "UNKNOWN_MESSAGE"),
    ('{"type": "EDIT", "data": {"id": "00000000-0000-7000-8000-000000000000", "content": " "}}', "EMPTY_CONTENT"),
    (
        '{"type": "EDIT", "data": {"id": "00000000-0000-7000-8000-000000000000", "content": "a\\u0000"}}',
        "INVALID_INPUT",
    ),
    ('{"type": "DELETE"}', "INVALID_INPUT"),
    ('{"type": "DELETE", "data": {"id": null}}', "INVALID_INPUT"),
    ('{"type": "DELETE", "data": {"id": "00000000-0000-7000-8000-000000000000"}}', "UNKNOWN_MESSAGE"),
]


@pytest.mark.parametrize(("frame", "code"), BAD, ids=range(len(BAD)))
async def test_bad_input_is_answered_and_the_socket_stays_open(alice, room, frame, code):
    async with joined(alice, room) as hers:
        await hers.send_raw(frame.replace("%s", room))
        error = await hers.receive()
        assert error["type"] == "ERROR"
        assert error["code"] == code
        assert error["message"]
        await hers.say("still here", "ok")
        assert (await hers.receive())["type"] == "MESSAGE_SENT"
    assert [message["content"] for message in await alice.history(room)] == ["still here"]


@pytest.mark.parametrize(
    "data",
    [
        {"content": ""},
        {"content": 5},
        {"content": LONG},
        {"content": "a\0"},
        {},
    ],
)
async def test_an_error_names_the_client_id_and_the_room_it_answers(alice, room, data):
    async with joined(alice, room) as hers:
        await blurt(hers, "SEND", **data, clientId="the-one")
        error = await hers.receive()
        assert (error["type"], error["clientId"], error["roomId"]) == ("ERROR", "the-one", room)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("EDIT", {"id": "no uuid", "content": "a"}),
        ("EDIT", {"id": "00000000-0000-7000-8000-000000000000", "content": "a"}),
        ("EDIT", {"id": "00000000-0000-7000-8000-000000000000", "content": ""}),
        ("DELETE", {"id": "00000000-0000-7000-8000-000000000000"}),
        ("READ", {"seq": "one"}),
        ("TYPING", {"roomId": 5}),
        ("NONE", {}),
    ],
)
async def test_any_command_may_carry_a_client_id_for_its_refusal(alice, room, kind, data):
    async with joined(alice, room) as hers:
        await blurt(hers, kind, **data, clientId="mine")
        error = await hers.receive()
        assert (error["type"], error["clientId"], error["roomId"]) == ("ERROR", "mine", room)


async def test_a_base_sockets_error_names_the_client_id_whatever_else_is_wrong(alice, room):
    async with alice.socket(f"/room/{room}") as base:
        await blurt(base, content=5, clientId="mine")
        error = await base.receive()
        assert error["clientId"] == "mine"
        assert "roomId" not in error


async def test_resumed_says_where_the_room_is(alice, bob, room):
    for number in range(3):
        await send(alice, room, str(number))
    async with bob.socket(f"/room/{room}", v1=True) as his:
        assert await his.receive() == {
            "type": "RESUMED",
            "data": {
                "roomId": room,
                "from": 3,
                "to": 3,
                "rev": 0,
                "readSeq": 0,
                "peerReadSeq": 3,
                "peerDeliveredSeq": 3,
                "complete": True,
            },
        }
        assert (await his.receive())["type"] == "PRESENCE"
        await his.sync()


async def test_resuming_brings_the_messages_then_says_so(alice, bob, room):
    for number in range(1, 6):
        await send(alice, room, str(number))
    async with bob.socket(f"/room/{room}", v1=True, after=2) as his:
        assert [(await his.receive())["data"]["seq"] for _ in range(3)] == [3, 4, 5]
        resumed = (await his.receive())["data"]
        assert (resumed["from"], resumed["to"], resumed["complete"]) == (2, 5, True)
        await send(alice, room, "6")
        assert (await his.receive_type("NEW_MESSAGE"))["data"]["seq"] == 6


async def test_changes_missed_while_away_come_with_rev(alice, bob, room):
    first, second, third = [await send(alice, room, text) for text in ("one", "two", "three")]
    await edit(alice, room, first["id"], "one, seen")
    async with bob.socket(f"/room/{room}", v1=True, after=0) as his:
        resumed = (await his.receive_type("RESUMED"))["data"]
        assert (resumed["rev"], resumed["complete"]) == (1, True)
    await edit(alice, room, second["id"], "two again")
    await delete(alice, room, third["id"])
    await edit(alice, room, second["id"], "two at last")
    async with bob.socket(f"/room/{room}", v1=True, after=3, rev=resumed["rev"]) as his:
        frames = [await his.receive()]
        while frames[-1]["type"] != "RESUMED":
            frames.append(await his.receive())
        # That his other socket had got them may be told meanwhile.
        deleted, edited, end = [frame for frame in frames if frame["type"] != "DELIVERED"]
        assert (deleted["type"], deleted["data"]["id"], deleted["data"]["content"]) == (
            "MESSAGE_DELETED",
            third["id"],
            "",
        )
        assert edited["type"] == "MESSAGE_EDITED"
        assert (edited["data"]["content"], edited["data"]["rev"]) == ("two at last", 4)
        assert end["type"] == "RESUMED"
        assert (end["data"]["rev"], end["data"]["complete"]) == (4, True)


async def test_without_rev_a_resume_says_that_changes_may_be_missing(alice, bob, room):
    message = await send(alice, room, "one")
    async with bob.socket(f"/room/{room}", v1=True, after=1) as his:
        assert (await his.receive_type("RESUMED"))["data"]["complete"] is True  # nothing was ever changed
    await edit(alice, room, message["id"], "changed")
    async with bob.socket(f"/room/{room}", v1=True, after=1) as his:
        assert (await his.receive_type("RESUMED"))["data"]["complete"] is False
    async with bob.socket(f"/room/{room}", v1=True, after=1, rev=0) as his:
        await his.receive_type("MESSAGE_EDITED")
        assert (await his.receive_type("RESUMED"))["data"]["complete"] is True


async def test_a_position_from_the_future_misses_nothing_that_comes(alice, bob, room):
    """A client that knew a room of before a restored backup."""
    message = await send(alice, room, "one")
    async with (
        bob.socket(f"/room/{room}", v1=True, after=900, rev=700) as grown,
        bob.socket(f"/room/{room}", after=900) as base,
    ):
        resumed = (await grown.receive_type("RESUMED"))["data"]
        assert (resumed["from"], resumed["to"], resumed["rev"], resumed["complete"]) == (1, 1, 0, False)
        await base.sync()
        await send(alice, room, "two")
        assert (await grown.receive_type("NEW_MESSAGE"))["data"]["seq"] == 2
        assert (await base.receive())["data"]["seq"] == 2
        await edit(alice, room, message["id"], "one again")
        assert (await grown.receive_type("MESSAGE_EDITED"))["data"]["rev"] == 1


@pytest.mark.parametrize("query", [{"after": -1}, {"after": "x"}, {"after": ""}, {"after": 0, "rev": "1.5"}])
async def test_a_position_that_is_no_number_is_refused(alice, room, query):
    async with alice.socket(f"/room/{room}", v1=True, **query) as hers:
        assert (await hers.closed())[0] == 1008


async def test_a_room_whose_changes_race_with_those_who_join_stays_alive(alice, bob, room):
    """A change told between a joining socket's reading of the room and its going live."""
    message = await send(alice, room, "0")
    done = asyncio.Event()

    async def change():
        for number in range(1, 120):
            await edit(alice, room, message["id"], str(number))
        done.set()

    async def come():
        while not done.is_set():
            async with joined(bob, room) as his:
                await his.command("PING")
                await his.receive_type("PONG")

    async with joined(bob, room), asyncio.timeout(30):
        await asyncio.gather(change(), come(), come(), come())


async def test_a_socket_that_leaves_during_its_replay_leaves_nothing_behind(server, alice, bob, room):
    async with joined(bob, room) as his:
        for number in range(400):
            await his.say(str(number))
        await his.say("end", "end")
        await his.receive_type("MESSAGE_SENT")
    for _ in range(30):
        async with alice.socket(f"/room/{room}", v1=True, after=0, rev=0) as hers:
            await hers.receive()
            hers.connection.transport.abort()
    async with joined(alice, room) as hers:
        await hers.sync()
    assert "exception" not in server.text
