"""The contract's rows of `duologue.v1`."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from duologue.conformance.caller import Caller, Frames
from duologue.conformance.case import broken_by, case, equal, true
from duologue.conformance.messaging import post_message
from duologue.conformance.sockets import close_code, opened
from duologue.conformance.stage import Stage
from duologue.errors import Close

GROWN = ("TYPING", "READ", "DELIVERED", "MESSAGE_EDITED", "MESSAGE_DELETED", "PRESENCE", "RESUMED", "PONG")


@asynccontextmanager
async def joined(caller: Caller, room: str) -> AsyncIterator[Frames]:
    """A socket of the room that is live."""
    async with caller.socket(f"/room/{room}", v1=True) as socket:
        await socket.until("RESUMED")
        yield socket


@case("duologue.v1", grown=True)
async def the_subprotocol_is_chosen_where_it_is_offered(stage: Stage) -> None:
    async with stage.ann.socket("/rooms", v1=True) as grown, stage.ann.socket("/rooms") as base:
        equal(grown.subprotocol, "duologue.v1", "the chosen subprotocol")
        equal(base.subprotocol, None, "the subprotocol of a base socket")


@case("duologue.v1", grown=True)
async def a_base_socket_never_hears_of_it(stage: Stage) -> None:
    async with stage.ben.socket(f"/room/{stage.room}") as base, joined(stage.ann, stage.room) as hers:
        await opened(base)
        await hers.command("TYPING")
        await hers.command("SEND", content="a", clientId=secrets.token_hex(8))
        message = (await hers.until("MESSAGE_SENT"))["data"]
        await hers.command("EDIT", id=message["id"], content="b")
        await hers.until("MESSAGE_EDITED")
        await hers.command("DELETE", id=message["id"])
        await hers.until("MESSAGE_DELETED")
        heard = await base.receive()
        equal(heard["type"], "NEW_MESSAGE", "the only frame")
        true(await base.silent(*GROWN), "nothing of duologue.v1 comes")


@case("SEND", grown=True)
async def send_and_bare_content_are_the_same(stage: Stage) -> None:
    async with joined(stage.ann, stage.room) as hers, joined(stage.ben, stage.room) as his:
        await hers.command("SEND", content="as a command", clientId="a" + secrets.token_hex(8))
        await hers.send({"content": "bare", "clientId": "b" + secrets.token_hex(8)})
        for wanted in ("as a command", "bare"):
            equal((await his.until("NEW_MESSAGE"))["data"]["content"], wanted, "what the other hears")
            equal((await hers.until("MESSAGE_SENT"))["data"]["roomId"], stage.room, "the receipt's room")


@case("TYPING", grown=True)
async def typing_is_told_to_the_other(stage: Stage) -> None:
    async with joined(stage.ann, stage.room) as hers, joined(stage.ben, stage.room) as his:
        await hers.command("TYPING")
        equal((await his.until("TYPING"))["data"]["userId"], stage.ann.id, "who types")


@case("READ, DELIVERED", grown=True)
async def marks_move_and_never_pass_the_newest_message(stage: Stage) -> None:
    async with joined(stage.ann, stage.room) as hers, joined(stage.ben, stage.room) as his:
        seq = (await post_message(stage.ann, stage.room))["seq"]
        await his.until("NEW_MESSAGE")
        delivered = (await hers.until("DELIVERED"))["data"]
        while delivered["userId"] != stage.ben.id or delivered["seq"] < seq:  # what came before may be told late
            delivered = (await hers.until("DELIVERED"))["data"]
        equal(delivered["seq"], seq, "how far Ben was sent the room")
        await his.command("READ", seq=2**40)
        read = (await hers.until("READ"))["data"]
        equal((read["userId"], read["seq"]), (stage.ben.id, seq), "who has read how far")
    room = next(each for each in (await stage.ben.get("/msg/room")).json["rooms"] if each["id"] == stage.room)
    equal((room["unread"], room["readSeq"]), (0, seq), "unread and readSeq of Ben's room")


@case("EDIT, DELETE", grown=True)
async def edits_and_deletions_reach_both(stage: Stage) -> None:
    message = await post_message(stage.ann, stage.room, "first")
    async with joined(stage.ann, stage.room) as hers, joined(stage.ben, stage.room) as his:
        await hers.command("EDIT", id=message["id"], content="second")
        for socket in (hers, his):
            edited = (await socket.until("MESSAGE_EDITED"))["data"]
            equal(
                (edited["id"], edited["content"], edited["seq"]), (message["id"], "second", message["seq"]), "the edit"
            )
        await hers.command("DELETE", id=message["id"])
        for socket in (hers, his):
            gone = (await socket.until("MESSAGE_DELETED"))["data"]
            equal((gone["id"], gone["content"], gone["seq"]), (message["id"], "", message["seq"]), "the deletion")
        await his.command("EDIT", id=message["id"], content="not his")
        equal((await his.until("ERROR"))["type"], "ERROR", "the answer to somebody else's edit")


@case("RESUMED", grown=True)
async def a_resumed_socket_says_where_it_is_live_from(stage: Stage) -> None:
    start = await stage.newest_seq()
    sent = [await post_message(stage.ben, stage.room) for _ in range(3)]
    async with stage.ann.socket(f"/room/{stage.room}", v1=True, after=start) as socket:
        got = [(await socket.until("NEW_MESSAGE"))["data"] for _ in sent]
        equal(got, sent, "what is replayed")
        data = (await socket.until("RESUMED"))["data"]
        equal((data["from"], data["to"]), (start, sent[-1]["seq"]), "from and to")
        true(isinstance(data["complete"], bool), "complete is true or false")


@case("PRESENCE", grown=True)
async def the_others_presence_is_told(stage: Stage) -> None:
    async with joined(stage.ann, stage.room) as hers:
        data = (await hers.until("PRESENCE"))["data"]
        equal(data["userId"], stage.ben.id, "whose presence it is")
        true(isinstance(data["online"], bool) and "lastSeenAt" in data, "online and lastSeenAt are there")


@case("PING", grown=True)
async def a_ping_has_its_pong(stage: Stage) -> None:
    async with joined(stage.ann, stage.room) as socket:
        await socket.send({"type": "PING"})
        equal((await socket.until("PONG"))["type"], "PONG", "the answer")


@case("duologue.v1: bad input", grown=True)
async def an_unknown_command_is_answered(stage: Stage) -> None:
    async with joined(stage.ann, stage.room) as socket:
        await socket.send({"type": "JUMP"})
        broken_by(await socket.until("ERROR"), "UNKNOWN_TYPE")
        await socket.command("SEND", content="", clientId="the one")
        equal((await socket.until("ERROR"))["clientId"], "the one", "the clientId of the error")


@case("/ws", grown=True)
async def one_socket_serves_the_lobby_and_every_room(stage: Stage) -> None:
    async with stage.ann.socket("/ws", v1=True) as everything:
        await everything.until("ROOMS_LIST")
        start = await stage.newest_seq()
        missed = await post_message(stage.ben, stage.room)
        await everything.until("ROOM_UPDATE")
        await everything.command("SUBSCRIBE", roomId=stage.room, after=start)
        equal((await everything.until("NEW_MESSAGE"))["data"], missed, "what is replayed")
        equal((await everything.until("RESUMED"))["data"]["roomId"], stage.room, "the resumed room")
        live = await post_message(stage.ben, stage.room)
        equal((await everything.until("NEW_MESSAGE"))["data"], live, "what is live")
        await everything.command("SEND", roomId=stage.room, content="from /ws", clientId=secrets.token_hex(8))
        equal((await everything.until("MESSAGE_SENT"))["data"]["roomId"], stage.room, "the receipt's room")
        await everything.command("UNSUBSCRIBE", roomId=stage.room)
        await everything.command("SEND", roomId=stage.room, content="from nowhere")
        broken_by(await everything.until("ERROR"), "NOT_SUBSCRIBED")
        await post_message(stage.ben, stage.room)
        true(await everything.silent("NEW_MESSAGE"), "an unsubscribed room is not heard")


@case("/ws", grown=True)
async def without_the_subprotocol_there_is_no_ws(stage: Stage) -> None:
    equal(await close_code(stage.ann, "/ws"), Close.UNKNOWN_ROUTE, "the close code")
