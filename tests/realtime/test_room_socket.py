"""`/room/<id>`: what is said is stored, then heard."""

import asyncio

import pytest


async def test_a_message_reaches_the_other_and_not_the_sender(alice, bob, room):
    async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
        await hers.say("Hello!")
        heard = await his.receive()
        assert heard["type"] == "NEW_MESSAGE"
        data = heard["data"]
        assert data["content"] == "Hello!"
        assert data["senderId"] == alice.id
        assert data["roomId"] == room
        assert data["seq"] == 1
        assert await hers.nothing_more()
    assert await alice.history(room) == [data]


async def test_the_senders_other_sockets_hear_it_too(alice, room):
    async with alice.socket(f"/room/{room}") as first, alice.socket(f"/room/{room}") as second:
        await first.say("from the first tab")
        assert (await second.receive())["data"]["content"] == "from the first tab"
        assert await first.nothing_more()


async def test_a_client_id_is_answered_with_a_receipt(alice, room):
    async with alice.socket(f"/room/{room}") as socket:
        await socket.say("with a receipt", "c-1")
        sent = await socket.receive()
        assert sent["type"] == "MESSAGE_SENT"
        stored = (await alice.history(room))[-1]
        assert sent["data"] == {"clientId": "c-1"} | {name: stored[name] for name in ("id", "seq", "createdAt")}


async def test_a_repeated_client_id_is_stored_once_and_answered_with_the_first_result(alice, bob, room):
    async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
        await hers.say("once", "same")
        first = await hers.receive()
        for _ in range(3):
            await hers.say("once", "same")
            assert await hers.receive() == first
        assert (await his.receive())["data"]["content"] == "once"
        assert await his.nothing_more()
    assert len(await alice.history(room)) == 1


async def test_retries_that_overtake_the_first_result_are_stored_once(alice, bob, room):
    async with alice.socket(f"/room/{room}") as one, alice.socket(f"/room/{room}") as two:
        for _ in range(20):
            await asyncio.gather(one.say("again", "impatient"), two.say("again", "impatient"))
        results = [await one.receive_type("MESSAGE_SENT") for _ in range(20)]
        results += [await two.receive_type("MESSAGE_SENT") for _ in range(20)]
        assert all(result == results[0] for result in results)
    assert len(await alice.history(room)) == 1


async def test_the_same_client_id_of_two_senders_is_two_messages(alice, bob, room):
    async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
        await hers.say("hers", "x")
        await his.say("his", "x")
        await hers.receive_type("MESSAGE_SENT")
        await his.receive_type("MESSAGE_SENT")
    assert sorted(message["content"] for message in await alice.history(room)) == ["hers", "his"]


async def test_http_and_sockets_send_on_one_path(alice, bob, room):
    async with bob.socket(f"/room/{room}") as his:
        answer = await alice.http.post(f"/msg/room/{room}/messages", json={"content": "by HTTP", "clientId": "h"})
        assert answer.status_code == 201
        assert (await his.receive())["data"] == answer.json()
        again = await alice.http.post(f"/msg/room/{room}/messages", json={"content": "by HTTP", "clientId": "h"})
        assert again.json() == answer.json()
        async with alice.socket(f"/room/{room}") as hers:
            await hers.say("by HTTP", "h")
            assert (await hers.receive())["data"]["id"] == answer.json()["id"]
        assert await his.nothing_more()


async def test_seq_has_no_gap_and_everyone_hears_it_in_order(alice, bob, room):
    async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
        for number in range(200):
            await (hers if number % 2 else his).say(str(number), f"n{number}")
        got = [await hers.receive() for _ in range(200)]
        heard = [frame["data"]["seq"] for frame in got if frame["type"] == "NEW_MESSAGE"]
        sent = [frame["data"]["seq"] for frame in got if frame["type"] == "MESSAGE_SENT"]
        assert heard == sorted(heard)
        assert sorted(heard + sent) == list(range(1, 201))


async def test_after_replays_everything_missed_own_messages_included(alice, bob, room):
    async with alice.socket(f"/room/{room}") as hers:
        for number in range(1, 451):
            await hers.say(str(number))
        await hers.say("last", "last")
        await hers.receive_type("MESSAGE_SENT")
    async with alice.socket(f"/room/{room}", after=3) as hers:
        frames = [await hers.receive() for _ in range(448)]
        assert [frame["data"]["seq"] for frame in frames] == list(range(4, 452))
        assert await hers.nothing_more()


async def test_after_joins_the_live_room_without_a_gap_or_a_double(alice, bob, room):
    total = 600

    async def talk():
        async with bob.socket(f"/room/{room}") as his:
            for number in range(total):
                await his.say(str(number))
                if number % 50 == 0:
                    await his.sync()

    async def listen():
        seen = 0
        while seen < total:
            async with alice.socket(f"/room/{room}", after=seen) as hers:
                for _ in range(min(37, total - seen)):
                    frame = await hers.receive()
                    assert frame["data"]["seq"] == seen + 1
                    seen += 1

    await asyncio.gather(talk(), listen())


async def test_what_a_socket_says_during_its_replay_does_not_come_back_to_it(alice, bob, room):
    async with bob.socket(f"/room/{room}") as his:
        for number in range(300):
            await his.say(str(number))
        await his.say("end", "end")
        await his.receive_type("MESSAGE_SENT")
    async with alice.socket(f"/room/{room}", after=0) as hers:
        for number in range(20):
            await hers.say(f"mine {number}", f"m{number}")
        frames = [await hers.receive() for _ in range(321)]
        contents = [frame["data"]["content"] for frame in frames if frame["type"] == "NEW_MESSAGE"]
        assert contents == [*map(str, range(300)), "end"]
        assert await hers.nothing_more()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "INVALID_JSON"),
        ("", "INVALID_JSON"),
        ("[1]", "INVALID_INPUT"),
        ('"text"', "INVALID_INPUT"),
        ("null", "INVALID_INPUT"),
        ("{}", "EMPTY_CONTENT"),
        ('{"content": ""}', "EMPTY_CONTENT"),
        ('{"content": "  \\n "}', "EMPTY_CONTENT"),
        ('{"content": 5}', "INVALID_INPUT"),
        ('{"content": null}', "INVALID_INPUT"),
        ('{"content": ["a"]}', "INVALID_INPUT"),
        ('{"content": "a\\u0000b"}', "INVALID_INPUT"),
        ('{"content": "a\\ud800"}', "INVALID_JSON"),
        ('{"content": "a", "clientId": 5}', "INVALID_INPUT"),
        ('{"content": "a", "clientId": ""}', "INVALID_INPUT"),
        ('{"content": "a", "clientId": "%s"}' % ("x" * 65), "INVALID_INPUT"),
        ('{"content": "a", "clientId": "a\\u0000"}', "INVALID_INPUT"),
        ('{"type": "TYPING"}', "UNKNOWN_TYPE"),
        ('{"type": 5, "content": "a"}', "UNKNOWN_TYPE"),
        ('{"content": "%s"}' % ("x" * 8001), "CONTENT_TOO_LONG"),
    ],
)
async def test_bad_input_is_answered_and_the_socket_stays_open(alice, bob, room, frame, code):
    async with alice.socket(f"/room/{room}") as hers:
        await hers.send_raw(frame)
        error = await hers.receive()
        assert error["type"] == "ERROR"
        assert error["code"] == code
        assert error["message"]
        await hers.say("still here", "ok")
        assert (await hers.receive())["type"] == "MESSAGE_SENT"
    assert [message["content"] for message in await alice.history(room)] == ["still here"]


async def test_an_error_names_the_client_id_it_answers(alice, room):
    async with alice.socket(f"/room/{room}") as hers:
        await hers.send_raw('{"content": "", "clientId": "the-one"}')
        assert (await hers.receive())["clientId"] == "the-one"


async def test_eight_thousand_characters_of_any_kind_are_stored_as_they_are(alice, bob, room):
    texts = ["🎉" * 8000, "\u202e rtl \u202c <script>alert(1)</script>", "e\u0301", "\U0010ffff", " x "]
    async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
        for text in texts:
            await hers.say(text)
            assert (await his.receive())["data"]["content"] == text
    assert [message["content"] for message in await bob.history(room)] == texts


async def test_unknown_fields_are_ignored(alice, room):
    async with alice.socket(f"/room/{room}") as hers:
        await hers.send({"content": "hi", "clientId": "u", "colour": "red", "nested": {"a": [1]}})
        assert (await hers.receive())["type"] == "MESSAGE_SENT"


async def test_a_binary_frame_closes_the_socket(alice, room):
    async with alice.socket(f"/room/{room}") as hers:
        await hers.send_raw(b"\x00")
        assert (await hers.closed())[0] == 1003


async def test_a_frame_over_64_kib_closes_the_socket(alice, room):
    async with alice.socket(f"/room/{room}") as hers:
        await hers.send_raw("x" * (64 * 1024 + 1))
        assert (await hers.closed())[0] == 1009
