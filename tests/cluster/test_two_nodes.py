"""What is said on one node is heard on the other: once, in order, at once."""

import asyncio

import pytest

from tests.harness.joining import delete, edit, joined, multiplexed, send
from tests.harness.people import LATE_SECONDS

pytestmark = [pytest.mark.early, pytest.mark.xdist_group("cluster")]  # two nodes for all of them


async def test_a_message_reaches_the_other_node(couple):
    async with (
        couple.here.socket(f"/room/{couple.room}") as here,
        couple.there.socket(f"/room/{couple.room}") as there,
    ):
        await here.say("over there", "c1")
        stored = await here.receive_type("MESSAGE_SENT")
        heard = await there.receive()
        assert heard["type"] == "NEW_MESSAGE"
        assert heard["data"]["content"] == "over there"
        assert heard["data"]["id"] == stored["data"]["id"]
        assert heard["data"]["seq"] == stored["data"]["seq"] == 1


async def test_both_talk_at_once_and_everybody_sees_one_order(couple):
    count = 300
    async with (
        couple.here.socket(f"/room/{couple.room}") as here,
        couple.there.socket(f"/room/{couple.room}") as there,
        couple.here.socket(f"/room/{couple.room}") as third,
    ):

        async def talk(socket, name):
            for number in range(count):
                await socket.say(f"{name} {number}")

        async def listen(socket, expected):
            frames = [await socket.receive() for _ in range(expected)]
            assert all(frame["type"] == "NEW_MESSAGE" for frame in frames)
            return [(frame["data"]["seq"], frame["data"]["content"]) for frame in frames]

        heard = await asyncio.gather(
            listen(here, count), listen(there, count), listen(third, 2 * count), talk(here, "h"), talk(there, "t")
        )
    log = [(message["seq"], message["content"]) for message in await couple.here.whole_history(couple.room)]
    assert [seq for seq, _ in log] == list(range(1, 2 * count + 1))
    assert heard[2] == log
    assert heard[0] == [line for line in log if line[1].startswith("t")]
    assert heard[1] == [line for line in log if line[1].startswith("h")]


async def test_a_receipt_does_not_overtake_the_messages_ahead_of_it(couple):
    count = 200
    async with (
        couple.here.socket(f"/room/{couple.room}") as here,
        couple.there.socket(f"/room/{couple.room}") as there,
    ):

        async def talk(socket, name):
            for number in range(count):
                await socket.say(f"{name} {number}", f"{name}{number}")

        async def follow(socket):
            frames = [await socket.receive() for _ in range(2 * count)]
            told = [(frame["type"] == "MESSAGE_SENT", frame["data"]["seq"]) for frame in frames]
            assert sorted(seq for _, seq in told) == list(range(1, 2 * count + 1))
            heard = [seq for is_receipt, seq in told if not is_receipt]
            assert heard == sorted(heard)
            # A receipt may come late, behind messages after its own; never early.
            for place, (is_receipt, seq) in enumerate(told):
                if is_receipt:
                    ahead = [other for _, other in told[place:] if other < seq]
                    assert not set(ahead) & set(heard), f"{seq} overtook {ahead}"

        await asyncio.gather(follow(here), follow(there), talk(here, "h"), talk(there, "t"))


async def test_a_socket_that_opens_while_the_other_node_talks_misses_nothing(couple):
    count, done = 200, asyncio.Event()

    async def talk():
        for number in range(count):
            await send(couple.here, couple.room, f"{number}")
        done.set()

    async def come_and_go():
        reached = 0
        while reached < count:
            async with couple.there.socket(f"/room/{couple.room}", after=reached) as socket:
                for _ in range(min(7, count - reached)):
                    frame = await socket.receive()
                    assert frame["data"]["seq"] == reached + 1
                    reached += 1

    await asyncio.gather(talk(), come_and_go())


async def test_edits_deletions_and_marks_cross_over(couple):
    first = await send(couple.here, couple.room, "first")
    async with joined(couple.there, couple.room) as there, joined(couple.here, couple.room) as here:
        await edit(couple.here, couple.room, first["id"], "better")
        frame = await there.receive_type("MESSAGE_EDITED")
        assert frame["data"]["content"] == "better"
        await delete(couple.here, couple.room, first["id"])
        assert (await there.receive_type("MESSAGE_DELETED"))["data"]["id"] == first["id"]
        await there.command("READ", seq=1)
        assert (await here.receive_type("READ"))["data"] == {
            "roomId": couple.room,
            "userId": couple.there.id,
            "seq": 1,
        }


async def test_typing_crosses_over(couple):
    async with joined(couple.there, couple.room) as there, joined(couple.here, couple.room) as here:
        await here.command("TYPING")
        assert (await there.receive_type("TYPING"))["data"]["userId"] == couple.here.id


async def test_a_list_of_rooms_hears_of_messages_marks_and_new_rooms_of_the_other_node(couple, new_couple):
    async with couple.there.socket("/rooms") as rooms:
        await rooms.receive_type("ROOMS_LIST")
        sent = await send(couple.here, couple.room, "news")
        # The news that there is such a room may come later than the list, and each piece of news more than once.
        update = await rooms.receive_until("ROOM_UPDATE", lambda told: told["lastMessage"] is not None)
        assert update["lastMessage"]["id"] == sent["id"]
        assert (update["unread"], update["lastSeq"]) == (1, 1)
        other = await new_couple()
        opened = await other.here.open_room(couple.there)
        await rooms.receive_until("ROOM_UPDATE", lambda told: told["roomId"] == opened)
        answer = await couple.there.http.post(
            f"{couple.here.http.base_url}/msg/room/{couple.room}/read", json={"seq": 1}
        )
        assert answer.status_code == 204
        await rooms.receive_until("ROOM_UPDATE", lambda told: told["roomId"] == couple.room and told["unread"] == 0)


async def test_the_socket_for_everything_hears_the_other_node(couple):
    async with multiplexed(couple.there, couple.room) as there:
        await send(couple.here, couple.room, "all in one")
        assert (await there.receive_type("NEW_MESSAGE"))["data"]["content"] == "all in one"


async def test_a_block_holds_on_the_other_node_at_once(couple):
    async with couple.there.socket(f"/room/{couple.room}") as there:
        await there.say("before", "c1")
        await there.receive_type("MESSAGE_SENT")
        assert (await couple.here.http.post(f"/users/{couple.there.id}/block")).status_code < 300
        async with asyncio.timeout(LATE_SECONDS):
            number = 1
            while True:
                number += 1
                await there.say("after", f"c{number}")
                if (await there.receive())["type"] == "ERROR":
                    break
        assert (await couple.here.http.delete(f"/users/{couple.there.id}/block")).status_code < 300
        async with asyncio.timeout(LATE_SECONDS):
            while True:
                number += 1
                await there.say("again", f"c{number}")
                if (await there.receive())["type"] == "MESSAGE_SENT":
                    break


async def test_presence_crosses_over(couple):
    async with joined(couple.there, couple.room) as there:
        async with couple.here.socket("/rooms"):
            frame = await there.receive_type("PRESENCE")
            assert (frame["data"]["userId"], frame["data"]["online"]) == (couple.here.id, True)
        frame = await there.receive_type("PRESENCE")
        assert (frame["data"]["userId"], frame["data"]["online"]) == (couple.here.id, False)
        assert frame["data"]["lastSeenAt"] is not None
