"""Edits and deletions: the sender's alone, seen by everyone, and gone where they take something away."""

import asyncio

import asyncpg
import pytest

from tests.harness.joining import blurt, delete, edit, joined, send

NOBODY = "00000000-0000-7000-8000-000000000000"


async def edits(person, room, message):
    answer = await person.http.get(f"/msg/room/{room}/messages/{message}/edits")
    assert answer.status_code == 200, answer.text
    return [each["content"] for each in answer.json()]


async def test_an_edit_is_told_to_both_and_stands_in_the_history(alice, bob, room):
    message = await send(alice, room, "helo")
    async with joined(alice, room) as hers, joined(bob, room) as his:
        await hers.command("EDIT", id=message["id"], content="hello")
        told = await his.receive_type("MESSAGE_EDITED")
        assert told == await hers.receive_type("MESSAGE_EDITED")
        data = told["data"]
        assert {name: data[name] for name in ("id", "seq", "createdAt", "senderId", "roomId")} == {
            name: message[name] for name in ("id", "seq", "createdAt", "senderId", "roomId")
        }
        assert (data["content"], data["rev"]) == ("hello", 1)
        assert data["editedAt"] >= message["createdAt"]
    stored = (await bob.history(room))[0]
    assert stored | {"rev": 1} == data


async def test_a_deleted_message_keeps_its_seq_and_nothing_else(alice, bob, room):
    first, second = await send(alice, room, "one"), await send(alice, room, "two")
    await edit(alice, room, first["id"], "one, edited")
    async with joined(alice, room) as hers, joined(bob, room) as his:
        await hers.command("DELETE", id=first["id"])
        data = (await his.receive_type("MESSAGE_DELETED"))["data"]
        assert (data["seq"], data["content"], data["rev"]) == (1, "", 2)
        assert data["deletedAt"]
    history = await bob.history(room)
    assert [each["seq"] for each in history] == [1, 2]
    assert (history[0]["content"], history[1]["content"]) == ("", "two")
    assert history[0]["deletedAt"] == data["deletedAt"]
    assert await edits(alice, room, first["id"]) == []
    assert second["seq"] == 2


async def test_what_a_message_said_before_is_kept_for_its_sender_alone(alice, bob, room, new_user):
    message = await send(alice, room, "a")
    for text in ("b", "c", "c"):
        await edit(alice, room, message["id"], text)
    assert await edits(alice, room, message["id"]) == ["a", "b"]
    assert await edits(bob, room, message["id"]) == []
    carol = await new_user()
    answer = await carol.http.get(f"/msg/room/{room}/messages/{message['id']}/edits")
    assert answer.status_code == 403


@pytest.mark.parametrize("kind", ["EDIT", "DELETE"])
async def test_nobody_changes_what_another_said(alice, bob, room, kind):
    message = await send(alice, room, "mine")
    data = {"id": message["id"], "clientId": "x"} | ({"content": "not mine"} if kind == "EDIT" else {})
    async with joined(bob, room) as his:
        await his.command(kind, **data)
        error = await his.receive_type("ERROR")
        assert (error["code"], error["clientId"], error["roomId"]) == ("ACCESS_DENIED", "x", room)
    path = f"/msg/room/{room}/messages/{message['id']}"
    request = bob.http.patch(path, json={"content": "x"}) if kind == "EDIT" else bob.http.delete(path)
    assert (await request).status_code == 403
    assert await alice.history(room) == [message]


@pytest.mark.parametrize("kind", ["EDIT", "DELETE"])
async def test_a_message_is_not_changed_through_another_room(alice, bob, room, new_user, kind):
    message = await send(alice, room, "here")
    elsewhere = await alice.open_room(await new_user())
    data = {"id": message["id"]} | ({"content": "there"} if kind == "EDIT" else {})
    async with joined(alice, elsewhere) as hers:
        await hers.command(kind, **data)
        assert (await hers.receive_type("ERROR"))["code"] == "UNKNOWN_MESSAGE"
    assert await alice.history(room) == [message]


async def test_deleting_twice_is_deleting_once(alice, bob, room):
    message = await send(alice, room, "gone")
    async with joined(bob, room) as his, joined(alice, room) as hers:
        await his.receive_type("PRESENCE")
        await hers.command("DELETE", id=message["id"])
        first = await hers.receive_type("MESSAGE_DELETED")
        await hers.command("DELETE", id=message["id"])
        assert await hers.receive_type("MESSAGE_DELETED") == first  # the retry is answered
        again = await delete(alice, room, message["id"])
        assert again == first["data"]
        assert await his.receive_type("MESSAGE_DELETED") == first
        assert await his.nothing_more()


async def test_a_retried_edit_is_answered_and_counted_once(alice, bob, room):
    message = await send(alice, room, "a")
    async with joined(alice, room) as hers:
        await hers.command("EDIT", id=message["id"], content="b")
        first = await hers.receive_type("MESSAGE_EDITED")
        await hers.command("EDIT", id=message["id"], content="b")
        assert await hers.receive_type("MESSAGE_EDITED") == first
    assert await edits(alice, room, message["id"]) == ["a"]


async def test_a_deleted_message_cannot_be_edited(alice, bob, room):
    message = await send(alice, room, "gone")
    await delete(alice, room, message["id"])
    async with joined(alice, room) as hers:
        await hers.command("EDIT", id=message["id"], content="back", clientId="x")
        error = await hers.receive_type("ERROR")
        assert (error["code"], error["clientId"]) == ("UNKNOWN_MESSAGE", "x")
    answer = await alice.http.patch(f"/msg/room/{room}/messages/{message['id']}", json={"content": "back"})
    assert answer.status_code == 404
    assert (await alice.history(room))[0]["content"] == ""


async def test_edits_of_one_socket_follow_their_order(alice, bob, room):
    message = await send(alice, room, "0")
    async with joined(alice, room) as hers, joined(bob, room) as his:
        for number in range(1, 13):
            await hers.command("EDIT", id=message["id"], content=str(number))
        told = [(await his.receive_type("MESSAGE_EDITED"))["data"] for _ in range(12)]
        assert [each["content"] for each in told] == [str(number) for number in range(1, 13)]
        assert [each["rev"] for each in told] == list(range(1, 13))
    assert await edits(alice, room, message["id"]) == [str(number) for number in range(12)]


async def test_changes_from_everywhere_at_once_reach_everyone(alice, bob, room):
    """They may overtake each other between PostgreSQL and the room."""
    hers = [await send(alice, room, "a") for _ in range(12)]
    his = [await send(bob, room, "b") for _ in range(12)]
    async with joined(alice, room) as first, joined(bob, room) as second:
        for round_ in range(5):
            await asyncio.gather(
                *(edit(alice, room, each["id"], f"{round_}") for each in hers),
                *(edit(bob, room, each["id"], f"{round_}") for each in his),
            )
        for socket in (first, second):
            known, rev = {}, 0
            while rev < 120:
                data = (await socket.receive_type("MESSAGE_EDITED"))["data"]
                assert data["rev"] > rev
                rev = data["rev"]
                known[data["id"]] = data["content"]
            assert known == {each["id"]: "4" for each in (*hers, *his)}


async def test_too_many_changes_at_once_are_refused_by_name(alice, room):
    message = await send(alice, room, "0")
    async with joined(alice, room) as hers:
        for number in range(1, 200):
            await hers.command("EDIT", id=message["id"], content=str(number), clientId=str(number))
        frames = [await hers.receive() for _ in range(199)]
    refused = [frame for frame in frames if frame["type"] == "ERROR"]
    assert {frame["code"] for frame in refused} <= {"RATE_LIMITED"}
    assert all(frame["retryMs"] > 0 for frame in refused)
    told = [frame["data"]["content"] for frame in frames if frame["type"] == "MESSAGE_EDITED"]
    assert sorted([*told, *(frame["clientId"] for frame in refused)], key=int) == [str(n) for n in range(1, 200)]
    assert told == sorted(told, key=int)


async def test_the_newest_message_changing_is_news_in_the_lobby(alice, bob, room):
    old, new = await send(alice, room, "old"), await send(alice, room, "new")
    async with bob.socket("/rooms") as lobby:
        await lobby.receive()
        await edit(alice, room, old["id"], "older")
        await edit(alice, room, new["id"], "newer")
        update = (await lobby.receive_type("ROOM_UPDATE"))["data"]
        assert (update["lastMessage"]["content"], update["unread"], update["lastSeq"]) == ("newer", 2, 2)
        await delete(alice, room, new["id"])
        update = (await lobby.receive_type("ROOM_UPDATE"))["data"]
        assert (update["lastMessage"]["content"], update["unread"]) == ("", 2)
        assert update["lastMessage"]["deletedAt"]


async def test_a_base_socket_resumes_with_what_messages_say_now(alice, bob, room):
    messages = [await send(alice, room, text) for text in ("a", "b", "c")]
    async with bob.socket(f"/room/{room}", after=0) as his:
        for _ in range(3):
            await his.receive()
    await edit(alice, room, messages[0]["id"], "a, edited")
    await delete(alice, room, messages[1]["id"])
    async with bob.socket(f"/room/{room}", after=0) as his:
        assert [(await his.receive())["data"]["content"] for _ in range(3)] == ["a, edited", "", "c"]


async def test_http_says_what_is_wrong(alice, bob, room, new_user):
    message = await send(alice, room, "a")
    base = f"/msg/room/{room}/messages"
    for path, body, status, code in [
        (f"{base}/{NOBODY}", {"content": "x"}, 404, "UNKNOWN_MESSAGE"),
        (f"{base}/no-uuid", {"content": "x"}, 404, "UNKNOWN_MESSAGE"),
        (f"/msg/room/{NOBODY}/messages/{message['id']}", {"content": "x"}, 404, "UNKNOWN_ROOM"),
        (f"{base}/{message['id']}", {"content": ""}, 400, "EMPTY_CONTENT"),
        (f"{base}/{message['id']}", {"content": "x" * 8001}, 400, "CONTENT_TOO_LONG"),
        (f"{base}/{message['id']}", {"content": "\0"}, 400, "INVALID_INPUT"),
        (f"{base}/{message['id']}", {"content": 5}, 400, "INVALID_INPUT"),
        (f"{base}/{message['id']}", {}, 400, "INVALID_INPUT"),
    ]:
        answer = await alice.http.patch(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
    stranger = await new_user()
    answer = await stranger.http.patch(f"{base}/{message['id']}", json={"content": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")
    assert (await alice.http.delete(f"{base}/{NOBODY}")).status_code == 404
    assert await alice.history(room) == [message]


async def test_a_message_may_be_named_in_any_spelling_of_its_id(alice, room):
    message = await send(alice, room, "a")
    async with joined(alice, room) as hers:
        await blurt(hers, "EDIT", id=message["id"].upper(), content="b")
        assert (await hers.receive_type("MESSAGE_EDITED"))["data"]["id"] == message["id"]


async def test_each_change_has_a_moment_of_its_own_however_fast_they_follow(alice, room, database):
    """By that a client knows the newer state, in whichever order the two arrive."""
    message = await send(alice, room, "0")
    changes = ", ".join(
        f"(SELECT coalesce(o_deleted_at, o_edited_at) FROM message_change($1, $2, $3, {content}))"
        for content in [*(f"'{number}'" for number in range(1, 30)), "NULL"]
    )
    connection = await asyncpg.connect(database)
    try:
        moments = list(await connection.fetchrow(f"SELECT {changes}", room, message["id"], alice.id))
    finally:
        await connection.close()
    assert all(moment.microsecond % 1000 == 0 for moment in moments)
    assert moments == sorted(set(moments))
