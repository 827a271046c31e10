"""How the JavaScript client holds its socket: silence, refusals, gaps; against a server that does what it is told."""

import asyncio
import itertools
import json
import time

import pytest

from tests.clients.script import Node, client_page, do, enter, until
from tests.clients.script import sign_in as really_sign_in
from tests.harness.fault_proxy import FaultProxy, Plan
from tests.harness.joining import send
from tests.js_client.pretender import ME, ROOM, message, pretender, sign_in

pytestmark = pytest.mark.xdist_group("js-client")

SPEED = 12
"""Of time in Node: 35 s of silence are 3 s."""


@pytest.fixture
async def fast_node():
    """A process of Node whose time goes faster."""
    node = await Node.start(SPEED)
    yield node
    await node.stop()


async def opened(node, server, page="[]", after=0):
    """A socket whose conversation is live."""
    await sign_in(node, server.port, page)
    caller = await server.connected()
    assert await node.logged() == "online"
    assert await caller.hears("SUBSCRIBE") == {"roomId": ROOM, "after": after, "clientId": "subscribe"}
    await caller.resume(after)
    await node.run("await opened")
    return caller


async def test_a_silent_link_is_asked_and_a_dead_one_is_left(fast_node):
    async with pretender() as server:
        caller = await opened(fast_node, server)
        await caller.hears("PING")
        await caller.say("PONG", None)
        await caller.hears("PING")  # and nobody answers
        again = await server.connected()
        assert await again.hears("SUBSCRIBE") == {"roomId": ROOM, "after": 0, "rev": 0, "clientId": "subscribe"}
        assert [await fast_node.logged() for _ in range(2)] == ["offline", "online"]
        await fast_node.run("chat.close()")


@pytest.mark.parametrize("code", [4008, 1012, 1013])
async def test_it_comes_back_when_the_server_says(node, code):
    async with pretender() as server:
        caller = await opened(node, server)
        await caller.connection.close(code, json.dumps({"retryMs": 400}))
        closed = time.monotonic()
        await server.connected()
        assert time.monotonic() - closed >= 0.39
        await node.run("chat.close()")


async def test_it_asks_less_and_less_often(fast_node):
    async with pretender() as server:
        await sign_in(fast_node, server.port)
        moments = []
        for _ in range(8):
            caller = await server._connections.get()
            moments.append(time.monotonic())
            await caller.connection.close(1011)
        waits = [later - earlier for earlier, later in itertools.pairwise(moments)]
        for number, wait in enumerate(waits):
            assert wait >= 0.1 * 0.3 * 2**number / SPEED
        await fast_node.run("chat.close()")
        assert await server.nobody_comes(2 * 30 / SPEED)


@pytest.mark.parametrize("code", [4001, 4002])
async def test_a_session_that_cannot_be_refreshed_is_over(node, code):
    async with pretender() as server:
        await sign_in(node, server.port, refresh=401)
        caller = await server.connected()
        await caller.connection.close(code)
        assert [await node.logged() for _ in range(3)] == ["online", "offline", "out SESSION_ENDED"]
        assert await node.run("await opened.catch((error) => error.code)") == "SESSION_ENDED"
        assert await server.nobody_comes(0.5)


async def test_a_token_that_is_refused_again_and_again_is_not_refreshed_in_a_hurry(fast_node):
    async with pretender() as server:
        await sign_in(fast_node, server.port)
        first = time.monotonic()
        for _ in range(6):
            caller = await server._connections.get()
            await caller.connection.close(4002)
        assert time.monotonic() - first >= 0.1 * 0.3 * (2 + 4 + 8 + 16) / SPEED
        await fast_node.run("chat.close()")


async def test_a_session_that_ended_elsewhere_is_over(node):
    async with pretender() as server:
        caller = await opened(node, server)
        await caller.connection.close(4010, "signed out")
        assert [await node.logged() for _ in range(2)] == ["offline", "out SESSION_ENDED"]
        assert await server.nobody_comes(0.5)


async def test_a_message_that_nobody_answers_is_tried_five_times(fast_node):
    async with pretender() as server:
        caller = await opened(fast_node, server)
        await fast_node.run("void room.send('hello?')")
        first = await caller.hears("SEND")
        for _ in range(4):
            caller = await server.connected()
            await caller.hears("SUBSCRIBE")
            await caller.resume(0)
            assert await caller.hears("SEND") == first
        while (line := await fast_node.logged()) in ("online", "offline"):
            pass
        assert line == "failed - hello?"
        assert await fast_node.run("room.pending") == []
        await fast_node.run("chat.close()")


async def test_refusals_that_pass_are_waited_for_and_others_are_told(node):
    async with pretender() as server:
        caller = await opened(node, server)
        await node.run("void (room.send('a'), room.send('b'))")
        for code in ("BUSY", "RATE_LIMITED", "UNAVAILABLE"):
            data = await caller.hears("SEND")
            assert data["content"] == "a"
            refusal = {"message": "Later.", "code": code, "clientId": data["clientId"], "roomId": ROOM, "retryMs": 60}
            asked = time.monotonic()
            await caller.say("ERROR", None, **refusal)
        data = await caller.hears("SEND")
        assert time.monotonic() - asked >= 0.059
        await caller.say("ERROR", None, message="Never.", code="BLOCKED", clientId=data["clientId"], roomId=ROOM)
        assert await node.logged() == "failed - a"
        assert (await caller.hears("SEND"))["content"] == "b"
        await node.run("chat.close()")


async def test_a_subscription_that_is_refused_for_now_is_asked_for_again(node):
    async with pretender() as server:
        await sign_in(node, server.port)
        caller = await server.connected()
        await caller.hears("SUBSCRIBE")
        refusal = {"message": "Later.", "code": "UNAVAILABLE", "clientId": "subscribe", "roomId": ROOM, "retryMs": 20}
        await caller.say("ERROR", None, **refusal)
        await caller.hears("SUBSCRIBE")
        await node.run("void room.send('a')")
        data = await caller.hears("SEND")
        refusal |= {"code": "NOT_SUBSCRIBED", "clientId": data["clientId"]}
        await caller.say("ERROR", None, **refusal)
        heard = {await kind_of(caller), await kind_of(caller)}
        assert heard == {"SUBSCRIBE", "SEND"}
        await node.run("chat.close()")


async def kind_of(caller):
    async with asyncio.timeout(10):
        return json.loads(await caller.connection.recv())["type"]


async def test_messages_wait_for_those_before_them_and_a_gap_that_stays_is_read_again(node):
    async with pretender() as server:
        caller = await opened(node, server)
        for seq in (2, 4, 1):
            await caller.deliver(seq, f"m{seq}")
        assert [await node.logged() for _ in range(2)] == ["message 1 m1", "message 2 m2"]
        assert (await caller.hears("SUBSCRIBE"))["after"] == 2
        for seq in (3, 4):
            await caller.deliver(seq, f"m{seq}")
        await caller.resume(2, 4)
        assert [await node.logged() for _ in range(2)] == ["message 3 m3", "message 4 m4"]
        await node.run("chat.close()")


async def test_a_message_whose_receipt_was_lost_is_shown_once_and_known_as_ones_own(node):
    async with pretender() as server:
        caller = await opened(node, server)
        await node.run("void (globalThis.sent = room.send('mine'))")
        client_id = (await caller.hears("SEND"))["clientId"]
        await caller.connection.close(1001)  # stored, and nobody was told
        caller = await server.connected()
        await caller.hears("SUBSCRIBE")
        assert (await caller.hears("SEND"))["clientId"] == client_id
        await caller.deliver(1, "mine", ME)
        await caller.deliver(2, "theirs")
        await caller.resume(0, 2)
        stored = {"clientId": client_id, "roomId": ROOM} | {
            key: message(1, "")[key] for key in ("id", "seq", "createdAt")
        }
        await caller.say("MESSAGE_SENT", stored)
        assert (await node.run("await sent"))["seq"] == 1
        said = [await node.logged() for _ in range(5)]
        assert said == ["offline", "online", "message 1 mine", "message 2 theirs", "sent 1 mine"]
        assert await node.run("room.messages.map((message) => message.clientId ?? null)") == [client_id, None]
        await node.run("chat.close()")


async def test_a_server_that_was_restored_from_a_backup_is_believed(node):
    page = json.dumps([message(seq, "old") for seq in range(1, 6)])
    async with pretender() as server:
        caller = await opened(node, server, page, after=5)
        await node.run(f"void (globalThis.page = {json.dumps([message(1, 'restored')])})")
        await caller.connection.close(1001)
        caller = await server.connected()
        assert (await caller.hears("SUBSCRIBE"))["after"] == 5
        await caller.resume(1, complete=False)
        assert (await caller.hears("SUBSCRIBE"))["after"] == 1
        await caller.resume(1)
        await node.run(until("room.isLive"))
        assert await node.run("room.messages.map((message) => message.content)") == ["restored"]
        await node.run("chat.close()")


async def test_the_end_of_a_replay_that_was_given_up_is_not_taken_for_that_of_the_next(node):
    async with pretender() as server:
        await sign_in(node, server.port)
        caller = await server.connected()
        await caller.hears("SUBSCRIBE")
        await caller.deliver(1, "first")
        assert [await node.logged() for _ in range(2)] == ["online", "message 1 first"]
        await node.run("(room.close(), void (globalThis.opened = room.open()))")
        await caller.hears("UNSUBSCRIBE")
        assert (await caller.hears("SUBSCRIBE"))["after"] == 1
        await caller.resume(0, 1)  # it was on its way
        await caller.deliver(2, "second")
        assert await node.logged() == "message 2 second"
        assert await node.run("room.isLive") is False
        await caller.resume(1, 2)
        await node.run("await opened")
        assert await node.run("room.messages.map((message) => message.content)") == ["first", "second"]
        await node.run("chat.close()")


async def test_without_a_websocket_it_says_so_and_http_goes_on(node, server, alice, bob, room):
    await really_sign_in(node, server.port, alice)
    script = f"""
        globalThis.chat = new Duologue({{ url: 'http://localhost:{server.port}', WebSocket: null }});
        await chat.signIn('{alice.email}', 'correct horse 42');
        await chat.conversation('{room}').send('by HTTP');
        return await chat.conversation('{room}').open().catch((error) => error.message);
    """
    assert "no WebSocket" in await do(node, script)
    assert [each["content"] for each in await bob.history(room)] == ["by HTTP"]


async def test_a_network_that_is_back_is_used_at_once(browsers, server, alice, bob, room):
    is_there = True
    cut = Plan(up=1)  # before anything is asked
    async with FaultProxy(server.port, lambda rng: Plan() if is_there else cut) as proxy:
        page = await client_page(await browsers(), proxy.port)
        await really_sign_in(page, proxy.port, alice)
        await enter(page, room)
        await page.run("chat.on('connection', (state) => console.log(state))")
        await page.run("void (Math.random = () => 1)")  # the longest waits
        is_there = False
        for link in list(proxy._links):
            link.cancel()
        while await page.logged() != "offline":
            pass
        await send(bob, room, "Are you there?")
        await page.run("void room.send('Not yet.')")
        for _ in range(3):  # the next wait is of 2.4 s
            while await page.logged() != "offline":
                pass
        is_there = True
        back = time.monotonic()
        await page.run("dispatchEvent(new Event('online')); undefined")
        assert {await page.logged() for _ in range(4)} >= {"online", "1 Are you there?", "2 Not yet."}
        assert time.monotonic() - back < 2.2
        await page.run("chat.close()")
