"""The Python client on bad links, and with servers that have enough or go away."""

import asyncio
import contextlib
import hashlib
import json
import re
from base64 import b64encode
from datetime import timedelta

import pytest

from duologue.client import (
    Backoff,
    ClientError,
    Duologue,
    LinkError,
    LinkState,
    MessageDeleted,
    MessageEdited,
    NewMessage,
    Phase,
    Resumed,
)
from tests.client.hearing import SECONDS, contents, heard, phase
from tests.harness.fault_proxy import FaultProxy, Plan, every_phase, no_fault
from tests.harness.joining import delete, edit, send
from tests.harness.node import Node, free_port
from tests.harness.people import PASSWORD, log_in

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
CUTS = 5  # before the second half is said, however fast the machine is


async def talk_over_a_bad_link(server, alice, bob, *, total, planner, seconds):
    """Both say `total` messages over links that are cut; what each was told."""
    async with FaultProxy(server.port, planner, seed=7) as proxy, asyncio.timeout(seconds):
        url = f"http://127.0.0.1:{proxy.port}"
        enough = asyncio.Event()

        async def converse(person, other, name):
            kept = person.http.cookies
            async with Duologue(url, window=2, outbox_limit=2_000, backoff=Backoff(0.02, 0.2)) as duologue:
                await persistently(lambda: duologue.adopt(access=kept["accessToken"], refresh=kept["refreshToken"]))
                conversation = await persistently(lambda: duologue.open_room(other.id, after=0))

                async def say(number: int):
                    if number >= total // 2:
                        await enough.wait()
                    return await conversation.send(f"{name}{number}")

                saying = asyncio.gather(*(say(number) for number in range(total)))
                told = [event.data async for event in until(conversation, 2 * total)]
                stored = await saying
                assert not conversation.unsent
            return told, stored

        async def watch() -> None:
            while proxy.cuts.total() < CUTS:
                await asyncio.sleep(0.02)
            enough.set()

        *outcomes, _ = await asyncio.gather(converse(alice, bob, "a"), converse(bob, alice, "b"), watch())
        cuts = proxy.cuts.total()
    room = await alice.open_room(bob)
    history = [(each["seq"], each["content"]) for each in await alice.whole_history(room)]
    assert [seq for seq, _ in history] == list(range(1, 2 * total + 1))
    for (told, stored), name in zip(outcomes, "ab", strict=True):
        assert [(each.seq, each.content) for each in told] == history
        assert [each.content for each in stored] == [f"{name}{number}" for number in range(total)]
        assert [text for _, text in history if text[0] == name] == [each.content for each in stored]
    return cuts


async def until(conversation, count):
    stream = conversation.events()
    while count:
        event = await anext(stream)
        if isinstance(event, NewMessage):
            count -= 1
            yield event


async def persistently(do):
    """HTTP over a link that is cut, as an app would: again."""
    while True:
        with contextlib.suppress(LinkError):
            return await do()


async def test_two_talk_over_a_link_that_is_cut_in_every_phase(server, alice, bob):
    cuts = await talk_over_a_bad_link(server, alice, bob, total=500, planner=every_phase(0.05, 0.1), seconds=60)
    assert cuts >= CUTS


@pytest.mark.thorough
async def test_two_thousand_messages_each_way_over_a_link_that_is_cut_every_300_ms(server, alice, bob):
    cuts = await talk_over_a_bad_link(
        server, alice, bob, total=2_000, planner=lambda rng: Plan(0.3, reset=rng.random() < 0.5), seconds=120
    )
    assert cuts >= CUTS


async def test_what_was_edited_and_deleted_meanwhile_is_told_after_the_link_is_back(server, alice, bob):
    room = await alice.open_room(bob)
    one, two, _ = [await send(alice, room, text) for text in ("one", "two", "three")]
    async with FaultProxy(server.port, no_fault) as proxy, Duologue(f"http://127.0.0.1:{proxy.port}") as duologue:
        await duologue.sign_in(bob.email, PASSWORD)
        conversation = await duologue.conversation(room, after=0)
        stream = conversation.events()
        assert await contents(stream, 3) == ["one", "two", "three"]
        await heard(stream, Resumed)
        proxy.cut()
        await phase(duologue, Phase.OFFLINE)
        await edit(alice, room, one["id"], "ONE")
        await delete(alice, room, two["id"])
        await send(alice, room, "four")
        proxy.mend()
        events = {type(event): event.data for event in await some(stream, MessageEdited, MessageDeleted, NewMessage)}
        assert events[MessageEdited].content == "ONE"
        assert events[MessageDeleted].id == two["id"]
        assert events[NewMessage].content == "four"
        assert [each.content for each in conversation.messages] == ["ONE", "", "three", "four"]
        assert (await heard(stream, Resumed)).data.complete


async def some(stream, *kinds):
    """One event of each type."""
    found = {}
    async with asyncio.timeout(SECONDS):
        while len(found) < len(kinds):
            event = await anext(stream)
            if isinstance(event, kinds):
                found[type(event)] = event
    return list(found.values())


async def test_a_server_that_restarts_is_come_back_to_and_nothing_is_lost(database, folder):
    node = Node(
        {"DATABASE_URL": database, "RATE_LIMITS": "off", "DATA_DIR": str(folder / "data")}, folder, measured=False
    )
    await node.start()
    people = [await log_in(node.url, database) for _ in range(2)]
    room = await people[0].open_room(people[1])
    async with Duologue(node.url, backoff=Backoff(0.05, 0.2)) as ann, Duologue(node.url) as ben:
        await ann.sign_in(people[0].email, PASSWORD)
        await ben.sign_in(people[1].email, PASSWORD)
        hers, his = [await each.conversation(room) for each in (ann, ben)]
        stream = his.events()
        await hers.send("before")
        offline = asyncio.ensure_future(phase(ben, Phase.OFFLINE))
        await asyncio.sleep(0)
        await node.stop()
        assert (await offline).retry > 0
        sending = asyncio.ensure_future(hers.send("while it was away"))
        await node.start()
        ben.hurry()
        assert (await sending).seq == 2
        assert await contents(stream, 2) == ["before", "while it was away"]
    await node.stop()
    for person in people:
        await person.http.aclose()


async def test_an_outbox_in_a_file_outlives_the_process(server, client_of, alice, bob, tmp_path):
    room = await alice.open_room(bob)
    file = tmp_path / "outbox"
    dead = "http://127.0.0.1:1"  # where nobody ever listens
    for text in ("one", "two"):
        # A life without a link: signed in with what was kept, it says something, and ends.
        async with Duologue(server.url, outbox=file) as duologue:
            await duologue.sign_in(alice.email, PASSWORD)
            conversation = await duologue.conversation(room)
            duologue._link._url = dead.replace("http", "ws") + "/ws"
            async with asyncio.timeout(20):
                while duologue.state.phase is not Phase.OFFLINE:
                    duologue._link.cut()  # also one that was being opened when the address changed
                    await asyncio.sleep(0)
            saying = asyncio.ensure_future(conversation.send(text, client_id=text))
            await asyncio.sleep(0)
        assert isinstance((await asyncio.gather(saying, return_exceptions=True))[0], Exception)
    assert file.stat().st_mode & 0o777 == 0o600
    with file.open("ab") as torn:
        torn.write(b'{"clientId":"thr')

    theirs = await client_of(bob)
    stream = (await theirs.conversation(room, after=0)).events()
    async with Duologue(server.url, outbox=file) as duologue:
        await duologue.sign_in(alice.email, PASSWORD)
        assert await contents(stream, 2) == ["one", "two"]  # although nobody has opened the room
        conversation = await duologue.conversation(room, after=0)
        assert await contents(conversation.events(), 2) == ["one", "two"]
        assert (await conversation.send("one", client_id="one")).seq == 1
    with pytest.raises(ValueError, match="give each person a file"):
        await poisoned(server, file, alice, bob, room)


async def poisoned(server, file, alice, bob, room):
    """Bob with a file in which a message of Alice's waits."""
    async with Duologue(server.url, outbox=file) as duologue:
        await duologue.sign_in(alice.email, PASSWORD)
        conversation = await duologue.conversation(room)
        duologue._link.cut()
        saying = asyncio.ensure_future(conversation.send("unsent"))
        await asyncio.sleep(0)
        saying.cancel()
    async with Duologue(server.url, outbox=file) as duologue:
        await duologue.sign_in(bob.email, PASSWORD)


async def test_a_server_that_limits_gets_every_message_in_order(database, client_of, tmp_path):
    node = Node({"DATABASE_URL": database, "RATE_LIMITS": "on", "DATA_DIR": str(tmp_path)}, tmp_path)
    await node.start()
    alice, bob = [await log_in(node.url, database) for _ in range(2)]
    duologue = await client_of(alice)
    conversation = await duologue.open_room(bob.id)
    texts = [str(number) for number in range(60)]  # the burst is 40
    stored = await asyncio.gather(*(conversation.send(text) for text in texts))
    assert [each.seq for each in stored] == list(range(1, 61))
    assert [each.content for each in conversation.messages] == texts
    await duologue.close()
    await node.stop()
    for person in (alice, bob):
        await person.http.aclose()


async def test_a_fault_of_the_client_itself_is_told_to_whoever_waits(client_of, alice, room, monkeypatch, caplog):
    duologue = await client_of(alice)
    conversation = await duologue.conversation(room)
    stream = conversation.events()
    await duologue.online()  # one that is just being opened cannot be cut
    monkeypatch.setattr(duologue.session, "token", lambda: 1 / 0)
    duologue._link.cut()
    with pytest.raises(ClientError, match="ZeroDivisionError"):
        await contents(stream, 1)
    with pytest.raises(ClientError, match="ZeroDivisionError"):
        await duologue.online()
    assert "ended by a fault" in caplog.text


async def test_a_first_frame_right_behind_the_handshake_is_heard_on_a_socket_that_is_there():
    async def answer(reader, writer):
        [key] = re.findall(rb"Sec-WebSocket-Key: (\S+)", await reader.readuntil(b"\r\n\r\n"), re.IGNORECASE)
        frame = json.dumps({"type": "ROOMS_LIST", "data": []}).encode()
        upgraded = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        accept = b"Sec-WebSocket-Accept: " + b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()) + b"\r\n"
        protocol = b"Sec-WebSocket-Protocol: duologue.v1\r\n\r\n"
        writer.write(upgraded + accept + protocol + bytes([0x81, len(frame)]) + frame)
        await reader.read()
        writer.close()

    happened = []
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Duologue(url, backoff=Backoff(0.01, 0.01)) as duologue:
            duologue.session.http.cookies.set("accessToken", "any")
            link = duologue._link
            duologue.on(LinkState, lambda state: happened.append((state.phase, link.is_online)))
            link.start()
            await phase(duologue, Phase.ONLINE)
            link.cut()
            await phase(duologue, Phase.OFFLINE)
    assert happened[:3] == [(Phase.CONNECTING, False), (Phase.ONLINE, True), (Phase.OFFLINE, False)]


async def test_a_client_backs_off_further_each_time_and_hurries_when_asked():
    states = []
    async with Duologue(f"http://127.0.0.1:{free_port()}", backoff=Backoff(0.01, 60)) as duologue:
        duologue.session.http.cookies.set("accessToken", "any")
        duologue.on(LinkState, states.append)
        duologue._link.start()
        async with asyncio.timeout(10):
            while not states or states[-1].retry < 0.3:
                await asyncio.sleep(0.01)
        waits = [state.retry for state in states if state.phase is Phase.OFFLINE]
        for number, wait in enumerate(waits):
            assert 0.5 <= wait / (0.01 * 2**number) <= 1
        count = len(states)
        duologue.hurry()
        async with asyncio.timeout(0.2):
            while len(states) == count:
                await asyncio.sleep(0.01)


def test_what_the_server_asks_for_is_kept_to():
    backoff = Backoff(0.2, 30)
    assert backoff.seconds(1, 2.5) == 2.5
    assert backoff.seconds(9, 0) == 0
    assert backoff.seconds(1, 10_000) == 300
    assert backoff.seconds(100) <= 30
    assert timedelta(seconds=backoff.seconds(100)) >= timedelta(seconds=15)
