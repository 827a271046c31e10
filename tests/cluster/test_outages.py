"""NATS away, a node cut off, stopped or killed: everybody gets everything, and all recovers by itself."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest
import websockets

from tests.harness.http import plain_client
from tests.harness.joining import edit, joined, send
from tests.harness.people import LATE_SECONDS, SECONDS, Person, Socket

SWEEP_SECONDS = 20.0  # five, what it takes to see that NATS is away, and a busy machine

pytestmark = [pytest.mark.early, pytest.mark.xdist_group("cluster")]  # two nodes for all of them


@asynccontextmanager
async def no_nats(cluster):
    """NATS is killed, and comes back."""
    cluster.nats.end()
    try:
        yield
    finally:
        await cluster.nats.start()


@asynccontextmanager
async def cut_off(cluster):
    """The second node does not reach NATS; the first does not know."""
    cluster.link.cut()
    try:
        yield
    finally:
        cluster.link.mend()


@asynccontextmanager
async def stopped(node):
    """The node's process stands still."""
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)


async def hear(socket: Socket, *contents: str) -> None:
    """Exactly these, in this order."""
    for content in contents:
        assert (await socket.receive_type("NEW_MESSAGE"))["data"]["content"] == content


async def ended(socket: Socket, seconds: float) -> int:
    """How it was closed."""
    async with asyncio.timeout(seconds):
        await socket.connection.wait_closed()
    return socket.connection.close_code or 0


async def revoke(person: Person) -> None:
    """Sign out, which ends the session."""
    assert (await person.http.post("/auth/logout")).status_code == 200


async def until_heard(couple) -> None:
    """Both nodes hear each other again: a message crosses over within a fifth of a second, both ways."""
    async with (
        asyncio.timeout(SECONDS),
        joined(couple.there, couple.room) as there,
        joined(couple.here, couple.room) as here,
    ):
        for speaker, socket in ((couple.here, there), (couple.there, here)):
            quick = False
            while not quick:
                begun = asyncio.get_running_loop().time()
                sent = await send(speaker, couple.room, "are you there?")
                while (await socket.receive_type("NEW_MESSAGE"))["data"]["id"] != sent["id"]:
                    pass
                quick = asyncio.get_running_loop().time() - begun < 0.2


@pytest.mark.parametrize("outage", [no_nats, pytest.param(cut_off, marks=pytest.mark.thorough)])
async def test_messages_edits_and_marks_arrive_while_nats_is_away_and_after(cluster, couple, outage):
    async with (
        joined(couple.there, couple.room) as there,
        joined(couple.here, couple.room) as here,
        couple.there.socket("/rooms") as rooms,
    ):
        await rooms.receive_type("ROOMS_LIST")
        async with outage(cluster):
            sent = await send(couple.here, couple.room, "1")
            await send(couple.here, couple.room, "2")
            await hear(there, "1", "2")
            await there.command("READ", seq=2)
            while (await here.receive_type("READ"))["data"]["seq"] != 2:
                pass  # marks are told as they were collected: the first message's may come by itself
            while (await rooms.receive_type("ROOM_UPDATE"))["data"]["lastSeq"] != 2:
                pass
            await send(couple.there, couple.room, "3")
            await hear(here, "3")
            await edit(couple.here, couple.room, sent["id"], "one")
            assert (await there.receive_type("MESSAGE_EDITED"))["data"]["content"] == "one"
        await send(couple.here, couple.room, "4")
        await hear(there, "4")
    await until_heard(couple)


@pytest.mark.parametrize("outage", [no_nats, pytest.param(cut_off, marks=pytest.mark.thorough)])
async def test_a_block_holds_within_two_polls_while_nats_is_away(cluster, couple, outage):
    async with couple.there.socket(f"/room/{couple.room}") as there, outage(cluster):
        assert (await couple.here.http.post(f"/users/{couple.there.id}/block")).status_code < 300
        async with asyncio.timeout(SWEEP_SECONDS):
            number = 0
            kind = ""
            while kind != "ERROR":
                number += 1
                await there.say("hello?", f"c{number}")
                kind = (await there.receive())["type"]
    assert (await couple.here.http.delete(f"/users/{couple.there.id}/block")).status_code < 300
    await until_heard(couple)


async def test_a_revocation_closes_sockets_on_every_node_within_a_second(cluster, couple):
    async with (
        couple.here.socket(f"/room/{couple.room}") as here,
        couple.at(cluster.second).socket(f"/room/{couple.room}") as elsewhere,
        couple.at(cluster.second).socket("/users") as users,
    ):
        await users.receive()
        token = couple.here.token
        await revoke(couple.here)
        assert [await ended(socket, LATE_SECONDS) for socket in (here, elsewhere, users)] == [4010] * 3
    async with websockets.connect(f"{cluster.second.ws_url}/rooms?token={token}") as socket:
        assert await ended(Socket(socket), 5.0) in (4002, 4010)
    async with plain_client(base_url=cluster.second.url) as http:
        assert (await http.get("/auth/profile", headers={"Authorization": f"Bearer {token}"})).status_code == 401


@pytest.mark.parametrize("outage", [no_nats, pytest.param(cut_off, marks=pytest.mark.thorough)])
async def test_a_revocation_reaches_other_nodes_by_the_sweep_while_nats_is_away(cluster, couple, outage):
    async with couple.at(cluster.second).socket("/users") as elsewhere, outage(cluster):
        await revoke(couple.here)
        assert await ended(elsewhere, SWEEP_SECONDS) == 4010


async def test_a_node_that_stood_still_catches_up(cluster, couple):
    async with couple.there.socket(f"/room/{couple.room}") as there:
        async with stopped(cluster.second):
            for number in range(50):
                await send(couple.here, couple.room, f"{number}")
        await hear(there, *(f"{number}" for number in range(50)))
    await until_heard(couple)


async def test_watchers_hear_once_that_the_people_of_a_killed_node_are_gone(cluster, couple):
    third = await cluster.node(cluster.nats.url).start()
    visitor = couple.at(third)
    async with couple.there.socket("/users") as watcher:
        await watcher.receive_type("ALL_USERS")
        async with websockets.connect(f"{visitor.ws_url}/rooms?token={visitor.token}", compression=None):
            await news_of(watcher, couple.here.id, online=True)
            await third.kill()
            begun = asyncio.get_running_loop().time()
            await news_of(watcher, couple.here.id, online=False)
            assert asyncio.get_running_loop().time() - begun < SECONDS
        async with couple.here.socket("/rooms"):
            # The next news of this person is the coming back: the going was told once.
            await news_of(watcher, couple.here.id, online=True)


async def news_of(watcher: Socket, user_id: int, *, online: bool) -> None:
    """The next news of that person."""
    while True:
        person = (await watcher.receive(20.0))["data"]
        if person["id"] == user_id:
            assert person["online"] is online
            return
