"""How far the two have come: 0 ≤ read ≤ delivered ≤ lastSeq, only ever growing."""

import asyncio

from tests.harness.joining import joined, send


async def marks(person, room):
    """(read, unread) as the list of rooms says."""
    [listed] = [each for each in (await person.http.get("/msg/rooms")).json()["rooms"] if each["id"] == room]
    return listed["readSeq"], listed["unread"]


async def test_reading_is_told_to_every_listener_and_to_ones_own_lobby(alice, bob, room):
    for number in range(5):
        await send(alice, room, str(number))
    async with (
        joined(alice, room) as hers,
        joined(bob, room) as his,
        joined(bob, room) as second,
        bob.socket("/rooms") as lobby,
        alice.socket("/rooms") as her_lobby,
    ):
        await lobby.receive()
        await her_lobby.receive()
        await his.command("READ", seq=3)
        for socket in (hers, second):
            frame = await socket.receive_type("READ")
            assert frame == {"type": "READ", "data": {"roomId": room, "userId": bob.id, "seq": 3}}
        update = (await lobby.receive_type("ROOM_UPDATE"))["data"]
        assert (update["roomId"], update["unread"], update["lastSeq"]) == (room, 2, 5)
        assert await her_lobby.nothing_more()
    assert await marks(bob, room) == (3, 2)


async def test_a_mark_never_shrinks_and_never_passes_the_newest_message(alice, bob, room):
    for number in range(4):
        await send(alice, room, str(number))
    async with joined(alice, room) as hers, joined(bob, room) as his:
        for said, shown in ((3, 3), (2**63 - 1, 4)):
            await his.command("READ", seq=said)
            assert (await hers.receive_type("READ"))["data"]["seq"] == shown
        for seq in (0, 1, 4, 900):
            await his.command("READ", seq=seq)
            answer = await bob.http.post(f"/msg/room/{room}/read", json={"seq": seq})
            assert answer.status_code == 204
        await send(alice, room, "the fifth")  # nobody reads it in advance
        assert (await his.receive_type("NEW_MESSAGE"))["data"]["seq"] == 5
        await his.command("READ", seq=5)
        assert (await hers.receive_type("READ"))["data"]["seq"] == 5
    assert await marks(bob, room) == (5, 0)


async def test_reading_by_http_is_stored_when_it_is_answered_and_told(alice, bob, room):
    await send(alice, room, "a")
    async with joined(alice, room) as hers:
        assert (await bob.http.post(f"/msg/room/{room}/read", json={"seq": 1})).status_code == 204
        assert await marks(bob, room) == (1, 0)
        assert (await hers.receive_type("READ"))["data"] == {"roomId": room, "userId": bob.id, "seq": 1}


async def test_http_refuses_what_is_no_mark(alice, bob, room, new_user):
    path = f"/msg/room/{room}/read"
    for body in ({}, {"seq": -1}, {"seq": "1"}, {"seq": 1.5}, {"seq": None}, {"seq": 2**63}):
        assert (await bob.http.post(path, json=body)).status_code == 400
    assert (await (await new_user()).http.post(path, json={"seq": 1})).status_code == 403
    unknown = "/msg/room/00000000-0000-7000-8000-000000000000/read"
    assert (await bob.http.post(unknown, json={"seq": 1})).status_code == 404


async def test_what_reaches_a_socket_is_delivered(alice, bob, room):
    async with joined(alice, room) as hers, bob.socket(f"/room/{room}") as base:
        await base.sync()
        await hers.say("hello")
        frame = await hers.receive_type("DELIVERED")
        assert frame["data"] == {"roomId": room, "userId": bob.id, "seq": 1}
    assert await marks(bob, room) == (0, 1)


async def test_what_is_replayed_is_delivered(alice, bob, room):
    for number in range(3):
        await send(alice, room, str(number))
    async with joined(alice, room) as hers, joined(bob, room, after=0):
        assert (await hers.receive_type("DELIVERED"))["data"] == {"roomId": room, "userId": bob.id, "seq": 3}
    async with alice.socket(f"/room/{room}", v1=True) as hers:
        resumed = (await hers.receive_type("RESUMED"))["data"]
        assert (resumed["peerReadSeq"], resumed["peerDeliveredSeq"]) == (0, 3)


async def test_what_was_read_was_delivered(alice, bob, room):
    await send(alice, room, "a")
    async with joined(alice, room) as hers:
        await bob.http.post(f"/msg/room/{room}/read", json={"seq": 1})
        assert (await hers.receive_type("READ"))["data"]["seq"] == 1
        assert (await hers.receive_type("DELIVERED"))["data"]["seq"] == 1


async def test_the_marks_of_one_say_nothing_of_the_other(alice, bob, room):
    await send(alice, room, "a")
    await send(bob, room, "b")
    async with joined(bob, room) as his:
        await his.command("READ", seq=1)
        await bob.http.post(f"/msg/room/{room}/read", json={"seq": 2})
        await his.command("PING")
        await his.receive_type("PONG")
    async with bob.socket(f"/room/{room}", v1=True) as his:
        resumed = (await his.receive_type("RESUMED"))["data"]
        assert (resumed["peerReadSeq"], resumed["peerDeliveredSeq"]) == (1, 1)
    assert await marks(alice, room) == (1, 1)


async def test_marks_move_while_the_room_grows(alice, bob, room):
    async def say(person):
        for number in range(30):
            await send(person, room, str(number))

    async def read(person):
        for number in range(40):
            answer = await person.http.post(f"/msg/room/{room}/read", json={"seq": number})
            assert answer.status_code == 204

    await asyncio.gather(say(alice), say(bob), *(read(each) for each in (alice, bob) for _ in range(3)))
    assert min((await marks(alice, room))[0], (await marks(bob, room))[0]) >= 39


async def test_whoever_writes_has_read_the_room(alice, bob, room):
    await send(alice, room, "a")
    await send(alice, room, "b")
    await send(bob, room, "c")
    assert await marks(bob, room) == (3, 0)
    assert await marks(alice, room) == (2, 1)


async def test_the_lobby_ends_with_what_is_true_whatever_is_read_and_said_at_once(alice, bob, room):
    """A room that is read for its news is not told after the message that came meanwhile."""
    async with bob.socket("/rooms") as lobby, joined(bob, room) as his, joined(alice, room) as hers:
        await lobby.receive()
        for number in range(1, 41):
            await hers.say(str(number))
            seq = (await his.receive_type("NEW_MESSAGE"))["data"]["seq"]
            await asyncio.gather(
                his.command("READ", seq=seq), bob.http.post(f"/msg/room/{room}/read", json={"seq": seq})
            )
        await hers.say("last", "last")
        seq = (await hers.receive_type("MESSAGE_SENT"))["data"]["seq"]
        await bob.http.post(f"/msg/room/{room}/read", json={"seq": seq - 1})
        last, shown = 0, {}
        while shown.get("unread") != 1 or shown["lastSeq"] != seq:
            shown = (await lobby.receive_type("ROOM_UPDATE"))["data"]
            assert shown["lastSeq"] >= last
            last = shown["lastSeq"]
        while not await lobby.nothing_more():
            pass
