"""What a person does with the Python client, on a good link."""

import asyncio

import pytest

from duologue.client import (
    ApiError,
    Delivered,
    Duologue,
    FellBehind,
    MessageDeleted,
    MessageEdited,
    NewMessage,
    OutboxFull,
    Phase,
    Presence,
    Read,
    RoomsList,
    RoomUpdate,
    SignedOut,
    Typing,
)
from tests.client.hearing import contents, heard, phase
from tests.harness.people import PASSWORD, mailed_code, unused_address


async def test_somebody_registers_finds_another_and_talks(server, client, ben, bob):
    email = unused_address()
    async with Duologue(server.url) as duologue:
        assert await duologue.register(email, PASSWORD) == email
        account = await duologue.verify(email, await mailed_code(client, email))
        assert (account.email, (await duologue.profile()).id) == (email, account.id)
        [found] = (await duologue.people(bob.email)).users
        conversation = await duologue.open_room(found.id)
        first = await conversation.send("Hello! 👋 שלום")
        assert (first.seq, first.sender_id, first.content) == (1, account.id, "Hello! 👋 שלום")

        theirs = await ben.open_room(account.id, after=0)
        stream = theirs.events()
        assert await contents(stream, 1) == ["Hello! 👋 שלום"]
        await theirs.send("And hello to you.")
        assert await contents(conversation.events(), 2) == ["Hello! 👋 שלום", "And hello to you."]
        assert [each.content for each in conversation.messages] == ["Hello! 👋 שלום", "And hello to you."]
        assert duologue.rooms[0].peer.email == bob.email
        assert [each.message.id for each in (await duologue.search("hello")).results] != []


async def test_both_hear_each_message_once_and_in_the_same_order(ann, ben, alice, bob):
    hers, his = await ann.open_room(bob.id), await ben.open_room(alice.id)
    streams = hers.events(), his.events()
    await asyncio.gather(
        *(hers.send(f"a{number}") for number in range(100)), *(his.send(f"b{number}") for number in range(100))
    )
    hearing = await asyncio.gather(*(contents(stream, 200) for stream in streams))
    assert hearing[0] == hearing[1]
    assert [text for text in hearing[0] if text[0] == "a"] == [f"a{number}" for number in range(100)]
    assert [text for text in hearing[0] if text[0] == "b"] == [f"b{number}" for number in range(100)]
    assert not hers.unsent


async def test_typing_marks_presence_edits_and_deletions_are_told(ann, ben, alice, bob):
    hers, his = await ann.open_room(bob.id), await ben.open_room(alice.id)
    await asyncio.gather(hers.live(), his.live())
    stream = hers.events()
    his.typing()
    assert (await heard(stream, Typing)).data.user_id == bob.id
    said = await hers.send("Helo")
    assert (await heard(stream, Delivered)).data.seq == said.seq
    await heard(his.events(), NewMessage)
    his.read()
    assert (await heard(stream, Read)).data.seq == said.seq
    assert hers.peer_read_seq == hers.peer_delivered_seq == said.seq

    changes = his.events()
    await hers.edit(said.id, "Hello")
    assert (await heard(changes, MessageEdited)).data.content == "Hello"
    assert [each.content for each in await hers.former(said.id)] == ["Helo"]
    await hers.delete(said.id)
    assert (await heard(changes, MessageDeleted)).data.content == ""
    assert [each.content for each in his.messages] == [each.content for each in hers.messages] == [""]


async def test_who_comes_is_told(ann, client_of, bob, room):
    hers = await ann.conversation(room)
    stream = hers.events()
    assert not (await heard(stream, Presence)).data.online
    assert not hers.peer.online
    await client_of(bob)
    assert (await heard(stream, Presence)).data.online
    assert hers.peer.online
    assert ann.rooms[0].peer.online


async def test_the_list_of_rooms_is_kept_up_to_date(ann, ben, alice, bob):
    await ann.online()
    told = asyncio.Queue()
    ann.on(RoomUpdate, told.put_nowait)
    his = await ben.open_room(alice.id)
    async with asyncio.timeout(10):
        while not ann.rooms:
            await told.get()
        await his.send("News")
        while ann.rooms[0].unread != 1:
            await told.get()
    assert ann.rooms[0].messages[0].content == "News"
    hers = await ann.conversation(his.id, after=0)
    await heard(hers.events(), NewMessage)
    hers.read()
    async with asyncio.timeout(10):
        while ann.rooms[0].unread:
            await told.get()


async def test_history_is_read_page_by_page_and_joins_what_is_known(ann, alice, bob, room):
    hers = await ann.conversation(room)
    for number in range(7):
        await hers.send(str(number))
    again = Duologue(str(alice.http.base_url))
    async with again:
        await again.sign_in(alice.email, PASSWORD)
        conversation = await again.conversation(room)
        await conversation.live()
        assert not conversation.messages
        assert [each.content for each in await conversation.load_earlier(3)] == ["4", "5", "6"]
        assert [each.content for each in await conversation.load_earlier(3)] == ["1", "2", "3"]
        await conversation.load_earlier(3)
        assert await conversation.load_earlier(3) == []
        assert [each.content for each in conversation.messages] == list("0123456")
        assert [each.content for each in await conversation.history(after=2, limit=2)] == ["2", "3"]


@pytest.mark.parametrize(("text", "code"), [(" ", "EMPTY_CONTENT"), ("x" * 8_001, "CONTENT_TOO_LONG")])
async def test_what_the_server_refuses_for_good_is_told_and_does_not_stop_the_next_message(ann, room, text, code):
    hers = await ann.conversation(room)
    refused, stored = await asyncio.gather(hers.send(text), hers.send("after it"), return_exceptions=True)
    assert isinstance(refused, ApiError)
    assert refused.code == code
    assert stored.content == "after it"


async def test_a_blocked_person_is_told_so(ann, ben, alice, bob):
    hers, his = await ann.open_room(bob.id), await ben.open_room(alice.id)
    await ben.block(alice.id)
    assert await ben.blocked() == [alice.id]
    with pytest.raises(ApiError, match="BLOCKED"):
        await hers.send("Are you there?")
    await ben.unblock(alice.id)
    await hers.send("Are you there?")
    assert await contents(his.events(), 1) == ["Are you there?"]


async def test_nothing_that_cannot_be_sent_is_taken(ann, room):
    hers = await ann.conversation(room)
    with pytest.raises(UnicodeEncodeError):
        await hers.send("half of a pair: \ud83d")
    with pytest.raises(ValueError, match="client_id"):
        await hers.send("Hello", client_id="x" * 65)
    assert not hers.unsent


async def test_the_same_client_id_is_the_same_message(ann, room):
    hers = await ann.conversation(room)
    first, second = await asyncio.gather(hers.send("once", client_id="1"), hers.send("once", client_id="1"))
    assert first == second == await hers.send("once", client_id="1")
    assert [each.content for each in await hers.history()] == ["once"]


async def test_an_outbox_that_is_full_takes_no_more(client_of, alice, room):
    duologue = await client_of(alice, outbox_limit=3)
    hers = await duologue.conversation(room)
    sending = [asyncio.ensure_future(hers.send(str(number))) for number in range(4)]
    outcomes = await asyncio.gather(*sending, return_exceptions=True)
    assert [each.content for each in outcomes[:3]] == ["0", "1", "2"]
    assert isinstance(outcomes[3], OutboxFull)


async def test_a_reader_that_falls_behind_is_told_so(ann, room, monkeypatch):
    monkeypatch.setattr("duologue.client.events.WAITING", 5)
    hers = await ann.conversation(room)
    stream = hers.events()
    for number in range(6):
        await hers.send(str(number))
    with pytest.raises(FellBehind):
        await contents(stream, 6)
    assert [each.content for each in hers.messages] == list("012345")


async def test_a_listener_that_fails_harms_nobody(ann, room, caplog):
    hers = await ann.conversation(room)
    hers.on(NewMessage, lambda event: 1 / 0)
    told = []
    off = hers.on(NewMessage, lambda event: told.append(event.data.content))
    await hers.send("one")
    off()
    await hers.send("two")
    assert told == ["one"]
    assert "ZeroDivisionError" in caplog.text


async def test_a_wrong_password_is_said_by_its_code(server, alice):
    async with Duologue(server.url) as duologue:
        with pytest.raises(ApiError, match="INVALID_CREDENTIALS") as refused:
            await duologue.sign_in(alice.email, "another one")
        assert refused.value.status == 401
        with pytest.raises(SignedOut):
            await duologue.online()
        with pytest.raises(SignedOut):
            await duologue.profile()


async def test_signing_out_ends_streams_and_one_may_sign_in_again(ann, alice, room):
    hers = await ann.conversation(room)
    stream = hers.events()
    await hers.live()
    await ann.sign_out()
    with pytest.raises(SignedOut):
        await contents(stream, 1)
    with pytest.raises(SignedOut):
        await hers.send("Too late")
    await ann.sign_in(alice.email, PASSWORD)
    again = await ann.conversation(room)
    assert (await again.send("Back")).content == "Back"


async def test_a_session_that_is_revoked_elsewhere_ends_the_client(ann, alice, room):
    hers = await ann.conversation(room)
    stream = hers.events()
    await hers.live()
    answer = await alice.http.delete("/auth/sessions")  # all others
    assert answer.status_code == 200
    await phase(ann, Phase.SIGNED_OUT)
    with pytest.raises(SignedOut):
        await contents(stream, 1)
    with pytest.raises(SignedOut):
        await ann.people()


async def test_leaving_a_room_ends_its_streams_and_one_may_come_back(ann, ben, alice, bob):
    hers, his = await ann.open_room(bob.id), await ben.open_room(alice.id)
    stream = hers.events()
    await hers.live()
    await ann.leave(hers)
    assert [event async for event in stream if isinstance(event, NewMessage)] == []
    await his.send("Where are you?")
    back = await ann.open_room(alice.id if ann.account.id == bob.id else bob.id, after=0)
    assert await contents(back.events(), 1) == ["Where are you?"]


async def test_closing_leaves_no_task_and_no_stream(server, alice, room):
    before = asyncio.all_tasks()
    duologue = Duologue(server.url)
    await duologue.sign_in(alice.email, PASSWORD)
    listed = asyncio.Event()
    duologue.on(RoomsList, lambda event: listed.set())
    conversation = await duologue.conversation(room)
    reading = asyncio.ensure_future(contents(conversation.events(), 1))
    waiting = asyncio.ensure_future(duologue.session.refresh())
    await conversation.live()
    assert asyncio.all_tasks() - before > set()
    waiting.cancel()
    await duologue.close()
    outcome, _ = await asyncio.gather(reading, waiting, return_exceptions=True)
    assert isinstance(outcome, Exception)
    assert asyncio.all_tasks() - before == set()
    assert duologue.state.phase is Phase.CLOSED


def tasks_of_clients():
    """Those that clients have begun; other fixtures of this process have theirs."""
    running = ((task, task.get_coro()) for task in asyncio.all_tasks())
    return {task for task, coroutine in running if "duologue/client" in coroutine.cr_code.co_filename}


async def test_a_task_that_is_cancelled_anywhere_leaves_none_behind(server, alice, room):
    before = tasks_of_clients()

    async def live(reached):
        async with Duologue(server.url) as duologue:
            reached.set()
            await duologue.sign_in(alice.email, PASSWORD)
            conversation = await duologue.conversation(room)
            async for _ in conversation:
                await conversation.send("again and again")

    for seconds in (0.0, 0.01, 0.05, 0.2, 0.4):
        reached = asyncio.Event()
        task = asyncio.create_task(live(reached))
        await reached.wait()
        await asyncio.wait({task}, timeout=seconds)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert tasks_of_clients() - before == set()
