"""Whatever three devices do over a link that is cut all the time, in the end each shows what is stored."""

import asyncio
import json

import pytest

from tests.clients.script import do, enter, sign_in
from tests.harness.fault_proxy import FaultProxy, Plan, every_phase

pytestmark = pytest.mark.xdist_group("js-client")

LIVE = """
globalThis.live = async (chat, room, seed, count) => {
    let state = seed;
    const random = (below) => { // an LCG of Numerical Recipes
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor(state / 2 ** 32 * below);
    };
    const sent = [];
    const own = () => room.messages.filter((message) => message.senderId === chat.user.id && !message.deletedAt);
    const changes = [];
    const lost = () => {}; // a change on a cut link may or may not be done
    for (let number = 0; number < count; number += 1) {
        const dice = random(100);
        const mine = own();
        const message = mine[random(mine.length)];
        if (dice < 55) sent.push(room.send(`${seed} says ${number}`));
        else if (dice < 70 && message) changes.push(room.edit(message.id, `${seed} has edited ${number}`).catch(lost));
        else if (dice < 75 && message) changes.push(room.delete(message.id).catch(lost));
        else if (dice < 82) { room.close(); if (dice % 2) await new Promise((go) => setTimeout(go, 20)); room.open(); }
        else if (dice < 87) { chat.close(); chat.connect(); }
        else if (dice < 95) room.read();
        else room.typing();
        await new Promise((go) => setTimeout(go, random(15)));
    }
    await Promise.all(sent);
    await Promise.all(changes);
    await room.open();
    return sent.length;
};
"""
FIELDS = ("id", "seq", "senderId", "content", "editedAt", "deletedAt")
STATE = f"""room.messages.map((message) => Object.fromEntries(
    {json.dumps(FIELDS)}.map((name) => [name, message[name] ?? null])))"""
# A script may run for less time than the whole takes: ask again and again.
RACE = "await Promise.race([lived, new Promise((go) => setTimeout(go, 5_000, null))])"


async def converge(runtimes, server, alice, bob, room, *, count, seed, seconds):
    faulty = every_phase(0.2, 0.4)
    is_bad = False
    async with FaultProxy(server.port, lambda rng: faulty(rng) if is_bad else Plan(), seed) as proxy:
        devices = [await runtimes(proxy.port) for _ in range(3)]
        for device, person in zip(devices, (alice, alice, bob), strict=True):
            await do(device, LIVE)
            await sign_in(device, proxy.port, person)
            await enter(device, room)
        is_bad = True
        for number, device in enumerate(devices):
            await device.run(f"void (globalThis.lived = live(chat, room, {seed + number}, {count}))")
        said = 0
        async with asyncio.timeout(seconds):
            for device in devices:
                while (sent := await device.run(RACE)) is None:
                    pass
                said += sent
        is_bad = False
        for link in list(proxy._links):
            link.cancel()
        for device in devices:
            await agrees(device, alice, room, said)
            await device.run("chat.close()")
    assert sum(proxy.cuts.values()) > 5


async def agrees(device, person, room, count):
    """What it shows is what is stored. A change that was cut off may only just be stored: both are read again."""
    give_up = asyncio.get_running_loop().time() + 60
    while True:
        stored = [{name: message.get(name) for name in FIELDS} for message in await person.whole_history(room)]
        shown = await device.run(STATE)
        if shown == stored or asyncio.get_running_loop().time() > give_up:
            break
    assert [each for each in zip(shown, stored, strict=True) if each[0] != each[1]] == []
    assert len(stored) == count
    assert await device.run("room.pending") == []


@pytest.mark.thorough
async def test_three_devices_agree_in_the_end(runtimes, server, alice, bob, room):
    await converge(runtimes, server, alice, bob, room, count=80, seed=1, seconds=60)


@pytest.mark.long
@pytest.mark.parametrize("seed", [10, 20, 30])
async def test_three_devices_agree_after_a_long_time(runtimes, server, alice, bob, room, seed):
    await converge(runtimes, server, alice, bob, room, count=1_000, seed=seed, seconds=300)
