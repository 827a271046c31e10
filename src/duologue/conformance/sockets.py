"""The contract's rows of base sockets: who may open one, and what is said on it."""

import json
import secrets

from picows.websockets.exceptions import InvalidStatus

from duologue.conformance.caller import Caller, Frames
from duologue.conformance.case import Broken, broken_by, case, equal, true
from duologue.conformance.messaging import MESSAGE_FIELDS, NOWHERE, post_message
from duologue.conformance.stage import Stage
from duologue.errors import Close

BAD_INPUT = {
    "{": "INVALID_JSON",
    "{}": "EMPTY_CONTENT",
    '{"content": ""}': "EMPTY_CONTENT",
    '{"content": 5}': "INVALID_INPUT",
    json.dumps({"content": "x" * 8001}): "CONTENT_TOO_LONG",
    '{"type": "TYPING"}': "UNKNOWN_TYPE",
}


async def close_code(
    caller: Caller, route: str, token: str | None = None, headers: dict[str, str] | None = None
) -> int:
    """The code with which the server closes such a socket."""
    async with caller.socket(route, token=token, headers=headers) as socket:
        return (await socket.closed())[0] or 0


async def is_open(caller: Caller, token: str | None, headers: dict[str, str] | None = None) -> bool:
    """Whether `/users` begins to speak."""
    async with caller.socket("/users", token=token, headers=headers) as socket:
        return bool((await socket.receive())["type"] == "ALL_USERS")


async def opened(socket: Frames) -> None:
    """Wait until the server hears the room for this socket: a ping has its pong."""
    await socket.silent("nothing of this name")


@case("WebSocket: close codes")
async def an_unknown_route_is_4000(stage: Stage) -> None:
    equal(await close_code(stage.ann, "/nowhere"), Close.UNKNOWN_ROUTE, "the close code")


@case("WebSocket: close codes")
async def no_token_is_4001(stage: Stage) -> None:
    equal(await close_code(stage.ann, "/users", token=""), Close.NO_TOKEN, "the close code")


@case("WebSocket: close codes")
async def an_invalid_token_is_4002(stage: Stage) -> None:
    equal(await close_code(stage.ann, "/users", token="nonsense"), Close.INVALID_TOKEN, "the close code")  # noqa: S106


@case("WebSocket: close codes")
async def somebody_elses_room_or_no_room_id_is_4003(stage: Stage) -> None:
    equal(await close_code(stage.ann, "/room/"), Close.ACCESS_DENIED, "the close code without a room id")
    if stage.eve is not None:
        equal(await close_code(stage.eve, f"/room/{stage.room}"), Close.ACCESS_DENIED, "Eve's close code")


@case("WebSocket: close codes")
async def no_such_room_is_4004(stage: Stage) -> None:
    equal(await close_code(stage.ann, f"/room/{NOWHERE}"), Close.UNKNOWN_ROOM, "the close code")


@case("WebSocket: tokens")
async def the_first_token_present_decides_cookie_then_address_then_bearer(stage: Stage) -> None:
    ann, good = stage.ann, stage.ann.token
    cookie, bearer = {"Cookie": f"accessToken={good}"}, {"Authorization": f"Bearer {good}"}
    true(await is_open(ann, "", cookie), "the cookie opens a socket")
    true(await is_open(ann, good), "the address opens a socket")
    true(await is_open(ann, "", bearer), "the header opens a socket")
    true(await is_open(ann, "nonsense", cookie), "the cookie goes before the address")
    equal(
        await close_code(ann, "/users", "nonsense", bearer), Close.INVALID_TOKEN, "a bad address before a good header"
    )
    bad = {"Cookie": "accessToken=nonsense"}
    equal(await close_code(ann, "/users", good, bad), Close.INVALID_TOKEN, "a bad cookie before a good address")


@case("WebSocket: origins")
async def a_foreign_origin_is_403_before_the_upgrade(stage: Stage) -> None:
    try:
        async with stage.ann.socket("/users", headers={"Origin": "https://evil.example"}):
            raise Broken("a page of another origin got a socket")
    except InvalidStatus as refusal:
        equal(refusal.response.status_code, 403, "the status")


@case("WebSocket: origins")
async def the_servers_own_pages_are_allowed(stage: Stage) -> None:
    true(await is_open(stage.ann, None, {"Origin": stage.url}), "the own origin opens a socket")


@case("/users")
async def the_directory_comes_first_then_who_comes_and_goes(stage: Stage) -> None:
    visitor = await stage.sign_in(stage.ben.email, stage.ben.password)
    async with stage.ann.socket("/users") as watcher:
        first = await watcher.receive()
        equal(first["type"], "ALL_USERS", "the first frame")
        fields = {"id", "email", "isVerified", "createdAt", "online", "lastSeenAt"}
        true(first["data"] and all(set(each) >= fields for each in first["data"]), "each person has all fields")
        known = {each["id"]: each for each in first["data"]}
        true(stage.ann.id in known or len(known) >= 500, "the caller is listed")
        if known.get(stage.ben.id, {}).get("online"):
            while (await watcher.until("USER_STATUS"))["data"]["id"] != stage.ben.id:
                pass  # he leaves: an earlier case had his sockets
        async with visitor.socket("/rooms"):
            came = await watcher.until("USER_STATUS")
            while came["data"]["id"] != stage.ben.id:
                came = await watcher.until("USER_STATUS")
            equal(came["data"]["online"], True, "online of who came")
        went = await watcher.until("USER_STATUS")
        while went["data"]["id"] != stage.ben.id:
            went = await watcher.until("USER_STATUS")
        equal(went["data"]["online"], False, "online of who went")
        true(went["data"]["lastSeenAt"], "lastSeenAt of who went")


@case("/room/<roomId>")
async def a_message_reaches_the_other_and_not_its_socket(stage: Stage) -> None:
    route = f"/room/{stage.room}"
    async with stage.ann.socket(route) as hers, stage.ben.socket(route) as his:
        await opened(his)
        await hers.send({"content": "Hello world"})
        heard = await his.receive()
        equal(heard["type"], "NEW_MESSAGE", "the type")
        equal(sorted(heard["data"]), MESSAGE_FIELDS, "the message's fields")
        data = heard["data"]
        said = (data["content"], data["senderId"], data["roomId"])
        equal(said, ("Hello world", stage.ann.id, stage.room), "what was heard")
        true(await hers.silent(), "the sending socket hears nothing")
    history = (await stage.ann.get(f"/msg/room/{stage.room}/messages", limit=1)).json
    equal(history, [data], "the newest message of the history")


@case("Delivery", grown=True)
async def the_senders_other_sockets_hear_it_too(stage: Stage) -> None:
    route = f"/room/{stage.room}"
    async with stage.ann.socket(route) as first, stage.ann.socket(route) as second:
        await opened(second)
        await first.send({"content": "from the first tab"})
        equal((await second.receive())["data"]["content"], "from the first tab", "what the second tab hears")


@case("clientId", grown=True)
async def a_client_id_is_answered_and_a_retry_is_stored_once(stage: Stage) -> None:
    client_id, route = secrets.token_hex(8), f"/room/{stage.room}"
    async with stage.ann.socket(route) as hers, stage.ben.socket(route) as his:
        await opened(his)
        await hers.send({"content": "once", "clientId": client_id})
        first = await hers.receive()
        equal(first["type"], "MESSAGE_SENT", "the answer's type")
        equal(sorted(first["data"]), ["clientId", "createdAt", "id", "seq"], "the receipt's fields")
        await hers.send({"content": "once", "clientId": client_id})
        equal(await hers.receive(), first, "the answer to the retry")
        equal((await his.receive())["data"]["id"], first["data"]["id"], "what the other hears")
        true(await his.silent(), "the other hears it once")
    answer = await stage.ann.post(f"/msg{route}/messages", {"content": "once", "clientId": client_id})
    equal(answer.json["id"], first["data"]["id"], "the result of the same clientId over HTTP")


@case("Bad input")
async def bad_input_is_answered_and_the_socket_stays_open(stage: Stage) -> None:
    async with stage.ann.socket(f"/room/{stage.room}") as socket:
        for text, code in BAD_INPUT.items():
            await socket.send(text)
            broken_by(await socket.receive(), code)
        await socket.send({"content": "", "clientId": "the one"})
        equal((await socket.receive())["clientId"], "the one", "the clientId of the error")
        await socket.send({"content": "still here", "clientId": secrets.token_hex(8)})
        equal((await socket.receive())["type"], "MESSAGE_SENT", "the answer to a good message afterwards")


@case("Bad input")
async def binary_frames_and_frames_over_64_kib_close_the_socket(stage: Stage) -> None:
    async with stage.ann.socket(f"/room/{stage.room}") as socket:
        await socket.send(b'{"content": "binary"}')
        equal((await socket.closed())[0], Close.UNSUPPORTED_DATA, "the close code of a binary frame")
    async with stage.ann.socket(f"/room/{stage.room}") as socket:
        await socket.send(json.dumps({"content": "x" * 70_000}))
        code, reason = await socket.closed()
        equal(code, Close.TOO_BIG, "the close code of a large frame")
        true(isinstance(json.loads(reason).get("retryMs"), int), "its reason names retryMs")


@case("/room/<roomId>", grown=True)
async def after_replays_what_was_missed_in_order_own_messages_included(stage: Stage) -> None:
    start = await stage.newest_seq()
    sent = [await post_message(caller, stage.room) for caller in (stage.ann, stage.ben, stage.ann)]
    async with stage.ann.socket(f"/room/{stage.room}", after=start) as socket:
        got = [(await socket.receive())["data"] for _ in sent]
        equal(got, sent, "what is replayed")
        live = await post_message(stage.ben, stage.room)
        equal((await socket.receive())["data"], live, "what is live afterwards")
        true(await socket.silent(), "nothing comes twice")


@case("/rooms")
async def the_lobby_lists_the_rooms_then_tells_their_news(stage: Stage) -> None:
    async with stage.ann.socket("/rooms") as lobby:
        first = await lobby.receive()
        equal(first["type"], "ROOMS_LIST", "the first frame")
        rooms = {room["id"]: room for room in first["data"]}
        true(stage.room in rooms, "the room is listed")
        true({"unread", "lastSeq", "messages"} <= set(rooms[stage.room]), "the room has its fields")
        message = await post_message(stage.ben, stage.room)
        update = (await lobby.until("ROOM_UPDATE"))["data"]
        equal((update["roomId"], update["lastMessage"]), (stage.room, message), "room and message of the update")
        equal(update["lastSeq"], message["seq"], "lastSeq of the update")
        true(update["unread"] >= 1, "the message is unread")


@case("/rooms", grown=True, needs="mailbox")
async def a_new_room_appears_at_once_for_both(stage: Stage) -> None:
    new = await stage.sign_up("new")
    async with stage.ben.socket("/rooms") as his, new.socket("/rooms") as theirs:
        for lobby in (his, theirs):
            await lobby.until("ROOMS_LIST")
        room = (await new.post("/msg/room", {"otherUserId": stage.ben.id})).json["id"]
        for lobby in (his, theirs):
            update = (await lobby.until("ROOM_UPDATE"))["data"]
            equal((update["roomId"], update["room"]["id"]), (room, room), "the room of the update")


@case("Sessions and sockets", grown=True)
async def signing_out_closes_the_sessions_sockets_with_4010_and_no_others(stage: Stage) -> None:
    other = await stage.sign_in(stage.ann.email, stage.ann.password)
    async with other.socket("/rooms") as ending, stage.ann.socket("/rooms") as staying:
        await ending.until("ROOMS_LIST")
        await staying.until("ROOMS_LIST")
        await other.post("/auth/logout")
        equal((await ending.closed())[0], Close.SESSION_ENDED, "the close code")
        true(await staying.silent("nothing of this name"), "the other session's socket is open")


@case("Sessions and sockets", grown=True)
async def a_token_of_a_session_that_ended_opens_no_socket(stage: Stage) -> None:
    other = await stage.sign_in(stage.ann.email, stage.ann.password)
    token = other.token
    await other.post("/auth/logout")
    code = await close_code(other, "/users", token=token)
    true(code in (Close.INVALID_TOKEN, Close.SESSION_ENDED), f"4002 or 4010, not {code}")
