"""The JavaScript client in one room, with somebody at the other end."""

import json

import pytest

from tests.clients.script import do, enter, sign_in, until
from tests.harness.joining import delete, edit, joined, send
from tests.harness.people import PASSWORD, mailed_code, unused_address

pytestmark = pytest.mark.xdist_group("js-client")


async def test_two_people_talk(runtime, server, alice, bob, room):
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room)
    async with bob.socket(f"/room/{room}") as socket:
        stored = await runtime.run("await room.send('Hello, Bob!')")
        heard = await socket.receive()
        assert heard["data"] == {key: stored[key] for key in heard["data"]}
        await socket.say("Hello, Alice!")
        assert [await runtime.logged() for _ in range(2)] == ["1 Hello, Bob!", "2 Hello, Alice!"]
    assert await runtime.run("room.messages.map((message) => [message.seq, message.content])") == [
        [1, "Hello, Bob!"],
        [2, "Hello, Alice!"],
    ]
    assert await runtime.run("room.pending") == []
    await runtime.run("chat.close()")


async def test_somebody_registers_with_the_code_from_the_mail(runtime, server, client):
    email = unused_address()
    await do(
        runtime,
        f"""globalThis.chat = new Duologue({{ url: 'http://localhost:{server.port}', WebSocket }});
        chat.on('signedIn', (user) => console.log('in', user.email));
        chat.on('signedOut', (error) => console.log('out', String(error)));
        await chat.register('{email}', '{PASSWORD}');""",
    )
    code = await mailed_code(client, email)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    refused = f"await chat.verify('{email}', '{wrong}').catch((error) => [error.name, error.code, error.status])"
    assert await runtime.run(refused) == ["DuologueError", "OTP_INVALID", 400]
    user = await runtime.run(f"await chat.verify('{email}', '{code}')")
    assert user["email"] == email
    assert (await runtime.run("await chat.profile()"))["id"] == user["id"]
    assert [each["current"] for each in await runtime.run("await chat.sessions()")] == [True]
    assert (await runtime.run("await chat.securityEvents({ limit: 5 })"))[0]["event"]
    await runtime.run("await chat.signOut()")
    assert [await runtime.logged() for _ in range(2)] == [f"in {email}", "out null"]
    assert await runtime.run("await chat.profile().catch((error) => [error.code, error.status])") == ["NO_TOKEN", 401]
    assert await runtime.run("chat.user") is None


async def test_a_wrong_password_and_bad_input_are_told_by_code_and_field(runtime, server, alice):
    await runtime.run(f"void (globalThis.chat = new Duologue({{ url: 'http://localhost:{server.port}' }}))")
    wrong = f"await chat.signIn('{alice.email}', 'wrong').catch((error) => [error.code, error.status])"
    assert await runtime.run(wrong) == ["INVALID_CREDENTIALS", 401]
    bad = await runtime.run("await chat.request('POST', '/auth/login', { email: 1 }).catch((error) => error.details)")
    assert bad[0]["field"] == "email"


async def test_marks_typing_and_presence_come_as_they_happen(runtime, server, alice, bob, room):
    await sign_in(runtime, server.port, alice)
    await do(
        runtime,
        f"""globalThis.room = chat.conversation('{room}');
        for (const event of ['typing', 'read', 'delivered', 'presence']) {{
            room.on(event, (data) => console.log(event, JSON.stringify(data)));
        }}
        await room.open();""",
    )
    assert (await runtime.logged()).startswith(f'presence {{"userId":{bob.id},"online":false')
    async with joined(bob, room) as his:
        assert (await runtime.logged()).startswith(f'presence {{"userId":{bob.id},"online":true')
        await runtime.run("await room.send('Are you there?')")
        assert await runtime.logged() == f'read {{"userId":{alice.id},"seq":1}}'
        assert await runtime.logged() == f'delivered {{"userId":{bob.id},"seq":1}}'
        await his.command("READ", seq=1)
        assert await runtime.logged() == f'read {{"userId":{bob.id},"seq":1}}'
        await his.command("TYPING")
        assert await runtime.logged() == f'typing {{"userId":{bob.id},"isTyping":true}}'
        await his.command("SEND", content="I am.", clientId="1")
        assert await runtime.logged() == f'typing {{"userId":{bob.id},"isTyping":false}}'
        await runtime.run("(room.typing(), room.typing(), room.read(), undefined)")
        assert (await his.receive_type("TYPING"))["data"]["userId"] == alice.id
        assert (await his.receive_type("READ"))["data"] == {"roomId": room, "userId": alice.id, "seq": 2}
    assert await runtime.run("[room.peerReadSeq, room.peerDeliveredSeq, room.peer.email]") == [2, 2, bob.email]
    await runtime.run("chat.close()")


async def test_the_history_is_loaded_page_by_page(runtime, server, alice, bob, room):
    for number in range(1, 8):
        await send(bob, room, str(number))
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room, "{ after: 6 }")
    assert await runtime.logged() == "7 7"
    assert len(await runtime.run("await room.history({ limit: 2 })")) == 2
    assert await runtime.run("room.messages.map((message) => message.seq)") == [5, 6, 7]
    assert len(await runtime.run("await room.history({ before: 3, limit: 2 })")) == 2  # a place of its own
    assert await runtime.run("room.messages.map((message) => message.seq)") == [5, 6, 7]
    await runtime.run("await room.history()")
    assert await runtime.run("room.messages.map((message) => message.seq)") == [1, 2, 3, 4, 5, 6, 7]
    assert await runtime.run("await room.history()") == []
    await runtime.run("chat.close()")


async def test_edits_and_deletions_are_told_and_those_missed_are_there_after_coming_back(
    runtime, server, alice, bob, room
):
    messages = [await send(bob, room, text) for text in ("one", "two", "three", "four")]
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room)
    await do(
        runtime,
        """room.on('edited', (message) => console.log('edited', message.content));
        room.on('deleted', (message) => console.log('deleted', message.seq));""",
    )
    await edit(bob, room, messages[0]["id"], "ONE")
    assert await runtime.logged() == "edited ONE"
    await delete(bob, room, messages[1]["id"])
    assert await runtime.logged() == "deleted 2"
    await runtime.run("chat.close()")
    await edit(bob, room, messages[2]["id"], "THREE")
    await delete(bob, room, messages[3]["id"])
    await send(bob, room, "five")
    await runtime.run("chat.connect()")
    assert sorted([await runtime.logged() for _ in range(3)]) == ["5 five", "deleted 4", "edited THREE"]
    assert await runtime.run("room.messages.map((message) => message.content)") == ["ONE", "", "THREE", "", "five"]
    mine = await runtime.run("await room.send('mine')")
    assert await runtime.logged() == "6 mine"
    edited = await runtime.run(f"await room.edit('{mine['id']}', 'my own')")
    assert (edited["content"], await runtime.logged()) == ("my own", "edited my own")
    await runtime.run(f"await room.delete('{mine['id']}')")
    assert await runtime.logged() == "deleted 6"
    assert await runtime.run("room.messages.at(-1).clientId") == mine["clientId"]
    await runtime.run("chat.close()")


async def test_what_changed_before_the_first_socket_was_there_is_known(runtime, server, alice, bob, room):
    first = await send(bob, room, "one")
    await edit(bob, room, first["id"], "ONE")
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room)
    assert await runtime.run("room.messages.map((message) => message.content)") == ["ONE"]
    await runtime.run("chat.close()")


async def test_a_blocked_person_is_told_and_the_message_is_no_longer_on_its_way(runtime, server, alice, bob, room):
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room)
    await runtime.run("room.on('failed', ({ content, error }) => console.log('failed', content, error.code))")
    assert (await bob.http.post(f"/users/{alice.id}/block")).status_code == 204
    refused = "await room.send('Why?').catch((error) => [error.code, room.pending.length])"
    assert await runtime.run(refused) == ["BLOCKED", 0]
    assert await runtime.logged() == "failed Why? BLOCKED"
    assert (await bob.http.delete(f"/users/{alice.id}/block")).status_code == 204
    assert (await runtime.run("await room.send('Thank you.')"))["seq"] == 1
    await runtime.run(f"await chat.block({bob.id})")
    assert await runtime.run("await chat.blocked()") == [bob.id]
    await runtime.run(f"await chat.unblock({bob.id})")
    assert await runtime.run("await chat.blocked()") == []
    await runtime.run("chat.close()")


async def test_a_strangers_room_does_not_open(runtime, server, room, new_user):
    await sign_in(runtime, server.port, await new_user())
    refused = "await chat.conversation('{}').open().catch((error) => error.code)"
    assert await runtime.run(refused.format(room)) == "ACCESS_DENIED"
    assert await runtime.run(refused.format("00000000-0000-7000-8000-000000000000")) == "UNKNOWN_ROOM"
    await runtime.run("chat.close()")


async def test_text_of_every_kind_arrives_as_it_was_said(runtime, server, alice, bob, room):
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room)
    texts = ["<script>alert(1)</script>", "שלום", "👩‍👩‍👧‍👦" * 100, "💬" * 8_000, "a\ttab\nand a line", "\x01\x1f"]
    async with bob.socket(f"/room/{room}") as socket:
        for text in texts:
            assert (await runtime.run(f"await room.send({json.dumps(text)})"))["content"] == text
            assert (await socket.receive())["data"]["content"] == text
        half = await runtime.run("await room.send('half \\ud83d of it')")
        assert (await socket.receive())["data"]["content"] == half["content"] == "half \ufffd of it"
    for text, code in (
        ("' \\n'", "EMPTY_CONTENT"),
        ("'a'.repeat(8001)", "CONTENT_TOO_LONG"),
        ("'\\0'", "INVALID_INPUT"),
    ):
        assert await runtime.run(f"await room.send({text}).catch((error) => error.code)") == code
    await runtime.run("chat.close()")


async def test_rooms_people_and_search_are_a_call_away(runtime, server, alice, bob):
    await sign_in(runtime, server.port, alice)
    await do(
        runtime,
        """chat.on('rooms', (rooms) => console.log('rooms', rooms.length));
        chat.on('room', (room) => console.log('room', room.unread, room.messages[0]?.content ?? 'nothing'));
        chat.connect();""",
    )
    assert await runtime.logged() == "rooms 0"
    assert bob.id in [
        user["id"] for user in (await runtime.run(f"await chat.people({{ query: '{bob.email}' }})"))["users"]
    ]
    await runtime.run(f"void (globalThis.room = await chat.openRoom({bob.id}))")
    assert await runtime.logged() == "room 0 nothing"
    await send(bob, await runtime.run("room.roomId"), "Guten Morgen")
    assert await runtime.logged() == "room 1 Guten Morgen"
    assert [room["unread"] for room in await runtime.run("await chat.rooms()")] == [1]
    assert await runtime.run("chat.roomList.map((room) => room.peer.id)") == [bob.id]
    found = await runtime.run("await chat.search('morgen')")
    assert found["results"][0]["message"]["content"] == "Guten Morgen"
    await runtime.run("room.read(1)")
    assert await runtime.logged() == "room 0 Guten Morgen"
    await runtime.run("await room.send('sent without a subscription')")
    assert await runtime.logged() == "room 0 sent without a subscription"
    await runtime.run("chat.close()")


async def test_comings_and_goings_of_everybody_are_heard(runtime, server, alice, new_user):
    await sign_in(runtime, server.port, alice)
    await do(
        runtime,
        """globalThis.known = new Map();
        globalThis.stop = chat.watchPeople((people) => {
            for (const person of people) known.set(person.id, person.online);
        });""",
    )
    await runtime.run(until("known.size"))
    carol = await new_user()
    async with carol.socket("/rooms") as socket:
        await socket.receive_type("ROOMS_LIST")
        await runtime.run(until(f"known.get({carol.id}) === true"))
    await runtime.run("stop()")


async def test_a_fault_of_a_handler_does_not_stop_the_others(runtime, server, alice, room):
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room)
    await do(
        runtime,
        """globalThis.reportError = (error) => console.log('reported', error.message);
        room.on('message', () => { throw new Error('a bug of the page'); });
        globalThis.stop = room.on('message', () => console.log('also'));
        await room.send('a');
        stop();
        await room.send('b');""",
    )
    said = [await runtime.logged() for _ in range(5)]
    assert said == ["1 a", "reported a bug of the page", "also", "2 b", "reported a bug of the page"]
    await runtime.run("chat.close()")
