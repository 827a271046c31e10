"""What the JavaScript client has sent without an answer: over reloads, tabs, limits and restarts, once and in order."""

import asyncio

import pytest
import pytest_asyncio

from tests.clients.script import client_page, do, enter, load_client, sign_in, until
from tests.harness.node import Node as Server
from tests.harness.people import PASSWORD, log_in

pytestmark = pytest.mark.xdist_group("js-client")

SAY = "for (let number = {first}; number < {last}; number += 1) room.send('m' + number)"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def frail(database, tmp_path_factory):
    """A server of these tests' own, to stop and start, which limits."""
    folder = tmp_path_factory.mktemp("frail")
    settings = {"DATABASE_URL": database, "RATE_LIMITS": "on", "DATA_DIR": str(folder / "data")}
    server = Server(settings, folder)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def talkers(frail, database):
    """Two people there and their room."""
    people = [await log_in(frail.url, database) for _ in range(2)]
    yield (*people, await people[0].open_room(people[1]))
    for person in people:
        await person.http.aclose()


async def said(person, room):
    """What the room has in the end."""
    return [message["content"] for message in await person.whole_history(room)]


def numbered(count):
    return [f"m{number}" for number in range(count)]


async def test_a_reload_in_the_middle_of_sending_loses_nothing_and_sends_nothing_twice(
    browsers, server, alice, bob, room
):
    page = await client_page(await browsers(), server.port)
    await sign_in(page, server.port, alice)
    await enter(page, room)
    await do(page, SAY.format(first=0, last=150))
    await page.run(until("room.messages.length > 20"))
    await load_client(page, server.port)
    waiting = await page.run("Object.keys(localStorage).filter((key) => key.startsWith('duologue:outbox')).length")
    assert 0 < waiting < 150
    await page.run("void (globalThis.chat = new Duologue())")
    await enter(page, room)
    await page.run(until("room.messages.at(-1)?.content === 'm149' && !room.pending.length"))
    assert await said(bob, room) == numbered(150)
    shown = await page.run("room.messages.map((message) => message.content)")
    assert shown == numbered(150)[-len(shown) :]
    assert await page.run("Object.keys(localStorage).filter((key) => key.startsWith('duologue:outbox')).length") == 0
    await page.run("chat.close()")


async def test_a_closed_tabs_messages_are_sent_by_the_other_tab(browsers, server, alice, bob, room):
    first = await client_page(await browsers(), server.port)
    await sign_in(first, server.port, alice)
    await enter(first, room)
    second = await client_page(await browsers(), server.port, beside=first)
    await second.run("void (globalThis.chat = new Duologue())")
    await enter(second, room)
    await second.run("room.on('sending', ({ content }) => console.log('sending', content))")
    await first.run(f"chat.close(); {SAY.format(first=0, last=5)}")
    await second.run("await chat.profile(); undefined")
    assert await second.run("room.pending") == []  # as long as the first one is there, they are its own
    assert await said(bob, room) == []
    await first.close()
    heard = [await second.logged() for _ in range(10)]
    assert [line for line in heard if line.startswith("sending")] == [f"sending {text}" for text in numbered(5)]
    await second.run(until("!room.pending.length"))
    assert await said(bob, room) == numbered(5)
    assert await second.run("room.messages.map((message) => message.content)") == numbered(5)
    await second.run("chat.close()")


async def test_a_program_that_starts_again_with_its_storage_goes_on(node, server, alice, bob, room):
    await do(
        node,
        """const values = new Map();
        globalThis.storage = {
            get length() { return values.size; },
            key: (index) => [...values.keys()][index] ?? null,
            getItem: (key) => values.get(key) ?? null,
            setItem: (key, value) => values.set(key, value),
            removeItem: (key) => values.delete(key),
        };
        globalThis.cookies = new Map();""",
    )
    await sign_in(node, server.port, alice, "storage, cookies")
    await enter(node, room)
    await node.run("chat.close()")
    await do(node, SAY.format(first=0, last=5))
    assert len(await node.run("room.pending")) == 5
    await do(
        node,
        f"""globalThis.chat = new Duologue({{ url: 'http://localhost:{server.port}', WebSocket, storage, cookies }});
        await chat.profile();""",
    )
    await enter(node, room)
    await node.run(until("room.messages.length === 5 && !room.pending.length"))
    assert await said(bob, room) == numbered(5)
    assert await node.run("storage.length") == 1  # whose session it is
    await node.run("chat.close()")


async def test_signing_out_throws_away_what_was_not_sent(runtime, server, alice, bob, room):
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room)
    await runtime.run("chat.close()")
    await runtime.run("void (globalThis.sent = room.send('secret').catch((error) => error.code))")
    await runtime.run("await chat.signOut()")
    assert await runtime.run("await sent") == "SIGNED_OUT"
    await runtime.run(f"void (await chat.signIn('{alice.email}', '{PASSWORD}'))")
    await enter(runtime, room)
    assert await runtime.run("room.pending") == []
    assert await said(bob, room) == []
    await runtime.run("chat.close()")


async def test_the_outbox_has_a_bound(runtime, server, alice, room):
    await sign_in(runtime, server.port, alice)
    await enter(runtime, room)
    await runtime.run("chat.close()")
    await do(runtime, SAY.format(first=0, last=1_000))
    assert await runtime.run("await room.send('one more').catch((error) => error.code)") == "OUTBOX_FULL"
    assert await runtime.run("room.pending.length") == 1_000
    await runtime.run("await chat.signOut()")


async def test_a_full_or_forbidden_storage_stops_no_message(runtime, server, alice, bob, room):
    storage = """storage: {
        length: 0, key: () => null, getItem: () => null, removeItem: () => {},
        setItem: () => { throw new Error('full'); },
    }"""
    await sign_in(runtime, server.port, alice, storage)
    await enter(runtime, room)
    await runtime.run("await room.send('m0')")
    assert await said(bob, room) == numbered(1)
    await runtime.run("chat.close()")


async def test_a_limit_slows_it_down_and_changes_nothing_else(runtimes, frail, talkers):
    alice, bob, room = talkers
    runtime = await runtimes(frail.port)
    await sign_in(runtime, frail.port, alice)
    await enter(runtime, room)
    await do(runtime, SAY.format(first=0, last=70))
    await runtime.run(until("room.messages.length === 70"))
    assert await said(bob, room) == numbered(70)
    assert [await runtime.logged() for _ in range(70)] == [f"{number + 1} m{number}" for number in range(70)]
    await runtime.run("chat.close()")


async def test_a_server_that_dies_in_the_middle_of_sending_is_waited_for(runtimes, frail, talkers):
    alice, bob, room = talkers
    runtime = await runtimes(frail.port)
    await sign_in(runtime, frail.port, alice)
    await enter(runtime, room)
    await runtime.run("chat.on('connection', (state) => state === 'offline' && console.log('offline'))")
    await do(runtime, SAY.format(first=0, last=45))
    await runtime.run(until("room.messages.length > 5"))
    await frail.kill()
    await asyncio.wait_for(until_logged(runtime, "offline"), 10)
    await do(runtime, SAY.format(first=45, last=50))
    await frail.start()
    await runtime.run(until("room.messages.length === 50 && !room.pending.length"))
    assert await said(bob, room) == numbered(50)
    assert await runtime.run("room.messages.map((message) => message.content)") == numbered(50)
    await runtime.run("chat.close()")


async def until_logged(runtime, line):
    while await runtime.logged() != line:
        pass


async def test_a_message_for_a_room_that_is_not_open_goes_by_http(runtime, server, alice, bob, room):
    await sign_in(runtime, server.port, alice)
    async with bob.socket(f"/room/{room}") as socket:
        stored = await runtime.run(f"await chat.conversation('{room}').send('m0')")
        assert (await socket.receive())["data"]["id"] == stored["id"]
    assert await said(bob, room) == numbered(1)
    assert await runtime.run("chat.connection") == "offline"
