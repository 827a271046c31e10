"""Two JavaScript clients talk over a link that is cut all the time: nothing missing, nothing twice, all in order."""

import asyncio
from collections import Counter

import pytest

from tests.clients.script import do, sign_in
from tests.harness.fault_proxy import FaultProxy, Phase, Plan, every_phase

pytestmark = pytest.mark.xdist_group("js-client")

WINDOW = 20  # messages that a client has in its outbox at once
TALK = """
globalThis.heard = [];
globalThis.half = new Promise((go) => {{ globalThis.goOn = go; }});
globalThis.room = chat.conversation('{room}');
room.on('message', (message) => heard.push([message.seq, message.content]));
globalThis.talked = (async () => {{
    await room.open({options});
    const waiting = [];
    for (let number = 0; number < {count}; number += 1) {{
        if (number === {count} / 2) await half;
        waiting.push(room.send('{name} ' + number));
        if (waiting.length === {window}) await waiting.shift();
    }}
    await Promise.all(waiting);
    while (room.messages.length < {total}) await new Promise((go) => room.on('message', go));
    return [room.messages.length, room.pending.length];
}})();
"""


async def converse(runtimes, server, alice, bob, room, *, count, seconds, cut_after):
    """Both talk, each from a runtime of their own; everything goes through the bad link, HTTP too."""
    faulty = every_phase(cut_after - 0.05, cut_after + 0.05)
    is_bad = False
    async with FaultProxy(server.port, lambda rng: faulty(rng) if is_bad else Plan(), 1) as proxy:
        people = {"a": (await runtimes(proxy.port), alice), "b": (await runtimes(proxy.port), bob)}
        for runtime, person in people.values():
            await sign_in(runtime, proxy.port, person)
        is_bad = True
        for name, (runtime, _) in people.items():
            options = "{ after: 0 }" if name == "a" else ""  # the other one asks for a page by HTTP
            talk = TALK.format(room=room, name=name, options=options, count=count, total=2 * count, window=WINDOW)
            await do(runtime, talk)
        async with asyncio.timeout(seconds):
            while sum(proxy.cuts.values()) <= 5:
                await asyncio.sleep(0.02)
            for runtime, _ in people.values():
                await runtime.run("goOn()")
            for runtime, _ in people.values():
                while (ended := await runtime.run(RACE)) is None:
                    pass
                assert ended == [2 * count, 0]
        cuts = Counter(proxy.cuts)
        is_bad = False
    history = await alice.whole_history(room)
    stored = [[message["seq"], message["content"]] for message in history]
    assert [seq for seq, _ in stored] == list(range(1, 2 * count + 1))
    for name, (runtime, _) in people.items():
        assert [text for _, text in stored if text.startswith(name)] == [f"{name} {number}" for number in range(count)]
        assert await runtime.run("room.messages.map((message) => [message.seq, message.content])") == stored
        heard = await runtime.run("heard")
        assert heard == stored[len(stored) - len(heard) :]
        await runtime.run("chat.close()")
    return cuts


# A script may run for less time than the whole takes: ask again and again.
RACE = "await Promise.race([talked, new Promise((go) => setTimeout(go, 5_000, null))])"


async def test_a_short_conversation_over_a_link_that_is_cut_at_once(runtimes, server, alice, bob, room):
    await converse(runtimes, server, alice, bob, room, count=150, seconds=60, cut_after=0.3)


@pytest.mark.thorough
async def test_two_thousand_messages_each_way_over_a_link_that_is_cut_every_300_ms(runtimes, server, alice, bob, room):
    cuts = await converse(runtimes, server, alice, bob, room, count=2_000, seconds=400, cut_after=0.3)
    assert set(cuts) >= {Phase.HANDSHAKE, Phase.BYTES, Phase.TIME, Phase.STALL}
