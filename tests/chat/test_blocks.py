"""Blocks: at once, on open sockets too, and no further than they should."""

import pytest

from duologue.chat.store import Membership
from duologue.cluster.memory import MemoryBroker
from duologue.realtime.hub import Hub
from tests.harness.joining import delete, joined, multiplexed, send


async def block(person, other):
    answer = await person.http.post(f"/users/{other.id}/block")
    assert answer.status_code == 204, answer.text


async def unblock(person, other):
    answer = await person.http.delete(f"/users/{other.id}/block")
    assert answer.status_code == 204, answer.text


@pytest.mark.parametrize("v1", [True, False])
async def test_a_block_holds_at_once_on_an_open_socket(alice, bob, room, v1):
    async with bob.socket(f"/room/{room}", v1=v1) as his, joined(alice, room) as hers:
        await his.say("before", "a")
        await his.receive_type("MESSAGE_SENT")
        await block(alice, bob)
        await his.say("during", "b")
        error = await his.receive_type("ERROR")
        assert (error["code"], error["clientId"]) == ("BLOCKED", "b")
        await unblock(alice, bob)
        await his.say("after", "c")
        await his.receive_type("MESSAGE_SENT")
        heard = [(await hers.receive_type("NEW_MESSAGE"))["data"]["content"] for _ in range(2)]
        assert heard == ["before", "after"]


async def test_a_block_holds_on_a_socket_opened_later_and_on_the_multiplexed_one(alice, bob, room):
    await block(alice, bob)
    async with bob.socket(f"/room/{room}") as base, multiplexed(bob, room) as many:
        await base.say("x", "a")
        assert (await base.receive_type("ERROR"))["code"] == "BLOCKED"
        await many.command("SEND", roomId=room, content="x", clientId="b")
        error = await many.receive_type("ERROR")
        assert (error["code"], error["clientId"], error["roomId"]) == ("BLOCKED", "b", room)
    assert await alice.history(room) == []


async def test_http_refuses_the_blocked(alice, bob, room):
    await block(alice, bob)
    answer = await bob.http.post(f"/msg/room/{room}/messages", json={"content": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "BLOCKED")


async def test_the_blocked_cannot_write_by_editing_what_they_wrote_before(alice, bob, room):
    message = await send(bob, room, "nice")
    async with joined(bob, room) as his:
        await block(alice, bob)
        await his.command("EDIT", id=message["id"], content="nasty", clientId="x")
        error = await his.receive_type("ERROR")
        assert (error["code"], error["clientId"]) == ("BLOCKED", "x")
        answer = await bob.http.patch(f"/msg/room/{room}/messages/{message['id']}", json={"content": "nasty"})
        assert (answer.status_code, answer.json()["code"]) == (403, "BLOCKED")
    assert (await alice.history(room))[0]["content"] == "nice"
    assert (await delete(bob, room, message["id"]))["content"] == ""  # taking away is no writing


async def test_the_typing_of_the_blocked_is_not_seen(alice, bob, room):
    async with joined(bob, room) as his, joined(alice, room) as hers:
        await block(alice, bob)
        await his.command("TYPING")
        await his.command("PING")
        await his.receive_type("PONG")
        assert await hers.nothing_more()


async def test_the_blocker_can_still_write(alice, bob, room):
    await block(alice, bob)
    async with bob.socket(f"/room/{room}") as his:
        await his.sync()
        await send(alice, room, "and one more thing")
        assert (await his.receive())["data"]["content"] == "and one more thing"


async def test_the_history_stays_readable_for_both(alice, bob, room):
    await send(bob, room, "once")
    await block(alice, bob)
    assert [each["content"] for each in await bob.history(room)] == ["once"]
    assert [each["content"] for each in await alice.history(room)] == ["once"]
    assert await bob.open_room(alice) == room
    async with bob.socket(f"/room/{room}", after=0) as his:
        assert (await his.receive())["data"]["content"] == "once"


async def test_the_blocked_cannot_open_a_room_and_the_blocker_can(alice, bob):
    await block(alice, bob)
    answer = await bob.http.post("/msg/room", json={"otherUserId": alice.id})
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_USER")
    assert (await bob.http.get("/msg/rooms")).json()["rooms"] == []
    room = await alice.open_room(bob)
    async with bob.socket(f"/room/{room}") as his:
        await his.say("x", "a")
        assert (await his.receive_type("ERROR"))["code"] == "BLOCKED"


async def test_both_may_block_each_other(alice, bob, room):
    await block(alice, bob)
    await block(bob, alice)
    for person in (alice, bob):
        assert (await person.http.post(f"/msg/room/{room}/messages", json={"content": "x"})).status_code == 403
    await unblock(alice, bob)
    await send(bob, room, "me again")
    assert (await alice.http.post(f"/msg/room/{room}/messages", json={"content": "x"})).status_code == 403


async def test_blocking_and_unblocking_twice_is_once(alice, bob, room):
    for _ in range(2):
        await block(alice, bob)
    assert (await alice.http.get("/users/blocked")).json() == {"blocked": [bob.id]}
    assert (await bob.http.get("/users/blocked")).json() == {"blocked": []}
    for _ in range(2):
        await unblock(alice, bob)
    assert (await alice.http.get("/users/blocked")).json() == {"blocked": []}
    await send(bob, room, "hello again")


async def test_nobody_can_block_oneself_or_nobody(alice):
    answer = await alice.http.post(f"/users/{alice.id}/block")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
    for user in ("0", "2147483647", "99999999999", "abc", "-1"):
        answer = await alice.http.post(f"/users/{user}/block")
        assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_USER")


async def test_a_block_during_a_handshake_holds():
    """The membership was read, then the block was told, then the socket joined."""

    class Joining:
        user_id, listens = 1, False

    before = Membership(1, 2, 0, 0, 0, 0, 0, 0, blocked1=False, blocked2=False)
    hub = Hub(lambda room_id, user_id, seq: None, MemoryBroker())
    hub.set_blocked("room", 1, True)
    assert hub.join("room", Joining(), before).blocked == {1}

    blocked = Membership(1, 2, 0, 0, 0, 0, 0, 0, blocked1=True, blocked2=True)
    hub = Hub(lambda room_id, user_id, seq: None, MemoryBroker())
    hub.set_blocked("room", 1, False)
    assert hub.join("room", Joining(), blocked).blocked == {2}
