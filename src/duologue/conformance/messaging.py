"""The contract's rows of `/msg` and `/users` over HTTP."""

import secrets

from duologue.conformance.caller import Caller
from duologue.conformance.case import case, equal, true
from duologue.conformance.sign_in import refused
from duologue.conformance.stage import Stage

NOWHERE = "00000000-0000-7000-8000-000000000000"
MESSAGE_FIELDS = ["content", "createdAt", "id", "roomId", "senderId", "seq"]


async def post_message(caller: Caller, room: str, content: str = "") -> dict[str, object]:
    """A message by HTTP."""
    answer = await caller.post(f"/msg/room/{room}/messages", {"content": content or secrets.token_hex(4)})
    equal(answer.status, 201, "the status of a POST to messages")
    message: dict[str, object] = answer.json
    return message


@case("POST /msg/room")
async def the_same_pair_has_the_same_room_in_either_order(stage: Stage) -> None:
    hers = await stage.ann.post("/msg/room", {"otherUserId": stage.ben.id})
    his = await stage.ben.post("/msg/room", {"otherUserId": stage.ann.id})
    equal((hers.status, his.status), (200, 200), "the statuses")
    equal(his.json["id"], hers.json["id"], "Ben's room")
    equal({hers.json["user1Id"], hers.json["user2Id"]}, {stage.ann.id, stage.ben.id}, "the room's people")
    equal(hers.json["token"], stage.ann.token, "the token")


@case("POST /msg/room", grown=True)
async def nobody_has_a_room_with_oneself_or_with_nobody(stage: Stage) -> None:
    refused(await stage.ann.post("/msg/room", {"otherUserId": stage.ann.id}), 400, "OWN_ROOM")
    refused(await stage.ann.post("/msg/room", {"otherUserId": 2**31 - 1}), 404, "UNKNOWN_USER")


@case("GET /msg/room, /msg/rooms")
async def the_callers_rooms_come_with_the_newest_message_and_the_token(stage: Stage) -> None:
    message = await post_message(stage.ben, stage.room)
    for path in ("/msg/room", "/msg/rooms"):
        answer = await stage.ann.get(path)
        equal(answer.status, 200, f"the status of {path}")
        equal(answer.json["token"], stage.ann.token, "the token")
        room = answer.json["rooms"][0]
        equal(room["id"], stage.room, "the room with the newest activity")
        true({"user1Id", "user2Id", "createdAt"} <= set(room), "the room has its fields")
        equal([each["id"] for each in room["messages"]], [message["id"]], "its newest message")


@case("GET /msg/room, /msg/rooms", grown=True)
async def a_room_says_how_much_is_unread_and_who_the_other_is(stage: Stage) -> None:
    seq = (await post_message(stage.ben, stage.room))["seq"]
    room = (await stage.ann.get("/msg/room")).json["rooms"][0]
    equal(room["lastSeq"], seq, "lastSeq")
    equal(room["unread"], room["lastSeq"] - room["readSeq"], "unread")
    equal((room["peer"]["id"], room["peer"]["email"]), (stage.ben.id, stage.ben.email.lower()), "the peer")
    true({"displayName", "online", "lastSeenAt"} <= set(room["peer"]), "the peer has all fields")
    equal((await stage.ann.post(f"/msg/room/{stage.room}/read", {"seq": seq})).status, 204, "the status of read")
    room = (await stage.ann.get("/msg/room")).json["rooms"][0]
    equal((room["unread"], room["readSeq"]), (0, seq), "unread and readSeq after reading")


@case("GET /msg/room", grown=True)
async def rooms_come_in_pages(stage: Stage) -> None:
    if stage.eve is not None:
        await stage.ann.post("/msg/room", {"otherUserId": stage.eve.id})
    newest = await post_message(stage.ben, stage.room)
    answer = await stage.ann.get("/msg/room", limit=1)
    equal(answer.status, 200, "the status")
    equal([room["id"] for room in answer.json["rooms"]], [stage.room], "the rooms with limit=1")
    behind = await stage.ann.get("/msg/room", before=newest["createdAt"])
    true(stage.room not in [room["id"] for room in behind.json["rooms"]], "its room is not before its newest message")
    true(behind.json["rooms"] or stage.eve is None, "another room is")
    refused(await stage.ann.get("/msg/room", limit=0), 400, "INVALID_INPUT")


@case("GET /msg/room/{roomId}/messages")
async def the_history_is_an_array_the_oldest_first(stage: Stage) -> None:
    sent = [await post_message(stage.ann, stage.room) for _ in range(3)]
    answer = await stage.ben.get(f"/msg/room/{stage.room}/messages")
    equal(answer.status, 200, "the status")
    true(isinstance(answer.json, list), "the history is an array")
    equal(answer.json[-3:], sent, "the newest three")
    equal(sorted(set(answer.json[-1]) & set(MESSAGE_FIELDS)), MESSAGE_FIELDS, "a message's fields")
    equal(answer.json[-1]["senderId"], stage.ann.id, "the sender")
    seqs = [message["seq"] for message in answer.json]
    equal(seqs, list(range(seqs[0], seqs[0] + len(seqs))), "the seqs")


@case("GET /msg/room/{roomId}/messages", grown=True)
async def the_history_pages_by_seq_in_both_directions(stage: Stage) -> None:
    for _ in range(5):
        await post_message(stage.ann, stage.room)
    last, path = await stage.newest_seq(), f"/msg/room/{stage.room}/messages"
    before = await stage.ann.get(path, limit=2, before=last)
    equal([message["seq"] for message in before.json], [last - 2, last - 1], "the page before the newest")
    links = before.headers.get("link") or ""
    true('rel="prev"' in links and 'rel="next"' in links, "Link names the pages around it")
    after = await stage.ann.get(path, limit=2, after=last - 3)
    equal([message["seq"] for message in after.json], [last - 2, last - 1], "the page behind")
    refused(await stage.ann.get(path, limit=101), 400, "INVALID_INPUT")


@case("GET /msg/room/{roomId}/messages", grown=True)
async def only_members_read_a_room(stage: Stage) -> None:
    refused(await stage.ann.get(f"/msg/room/{NOWHERE}/messages"), 404, "UNKNOWN_ROOM")
    if stage.eve is not None:
        refused(await stage.eve.get(f"/msg/room/{stage.room}/messages"), 403, "ACCESS_DENIED")
        refused(await stage.eve.post(f"/msg/room/{stage.room}/messages", {"content": "x"}), 403, "ACCESS_DENIED")


@case("POST /msg/room/{roomId}/messages", grown=True)
async def a_repeated_client_id_gives_the_first_result(stage: Stage) -> None:
    path, body = f"/msg/room/{stage.room}/messages", {"content": "once", "clientId": secrets.token_hex(8)}
    first, second = await stage.ann.post(path, body), await stage.ann.post(path, body)
    equal((first.status, second.status), (201, 201), "the statuses")
    equal(second.json, first.json, "the second result")
    equal(await stage.newest_seq(), first.json["seq"], "the newest seq")


@case("POST /msg/room/{roomId}/messages", grown=True)
async def a_message_has_1_to_8000_characters(stage: Stage) -> None:
    path = f"/msg/room/{stage.room}/messages"
    refused(await stage.ann.post(path, {"content": ""}), 400, "EMPTY_CONTENT")
    refused(await stage.ann.post(path, {"content": "x" * 8001}), 400, "CONTENT_TOO_LONG")
    longest = "é" * 8000
    equal((await post_message(stage.ann, stage.room, longest))["content"], longest, "the longest content")


@case("PATCH, DELETE /msg/room/{roomId}/messages/{id}", grown=True)
async def the_sender_edits_and_deletes_and_the_seq_stays(stage: Stage) -> None:
    message = await post_message(stage.ann, stage.room, "first")
    path = f"/msg/room/{stage.room}/messages/{message['id']}"
    refused(await stage.ben.request("PATCH", path, {"content": "his"}), 403)
    edited = await stage.ann.request("PATCH", path, {"content": "second"})
    equal(edited.status, 200, "the status of PATCH")
    equal((edited.json["content"], edited.json["seq"]), ("second", message["seq"]), "content and seq")
    true(edited.json["editedAt"], "editedAt is there")
    refused(await stage.ben.request("DELETE", path), 403)
    equal((await stage.ann.request("DELETE", path)).status, 200, "the status of DELETE")
    newest = (await stage.ben.get(f"/msg/room/{stage.room}/messages", limit=1)).json[0]
    equal((newest["seq"], newest["content"]), (message["seq"], ""), "seq and content of the deleted message")
    true(newest["deletedAt"], "deletedAt is there")


@case("GET /msg/search", grown=True)
async def a_search_finds_the_callers_messages_only(stage: Stage) -> None:
    word = "w" + secrets.token_hex(8)
    message = await post_message(stage.ann, stage.room, f"here is {word} somewhere")
    found = await stage.ben.get("/msg/search", q=word)
    equal(found.status, 200, "the status")
    equal([each["message"]["id"] for each in found.json["results"]], [message["id"]], "what Ben finds")
    if stage.eve is not None:
        equal((await stage.eve.get("/msg/search", q=word)).json["results"], [], "what Eve finds")


@case("GET /users", grown=True)
async def the_directory_finds_people_by_address(stage: Stage) -> None:
    answer = await stage.ann.get("/users", query=stage.ben.email)
    equal(answer.status, 200, "the status")
    equal([each["id"] for each in answer.json["users"]], [stage.ben.id], "whom it finds")
    refused(await stage.visitor().get("/users"), 401, "NO_TOKEN")


@case("POST, DELETE /users/{id}/block", grown=True)
async def the_blocked_cannot_post_until_unblocked(stage: Stage) -> None:
    equal((await stage.ann.post(f"/users/{stage.ben.id}/block")).status, 204, "the status of the block")
    try:
        refused(await stage.ben.post(f"/msg/room/{stage.room}/messages", {"content": "x"}), 403, "BLOCKED")
    finally:
        lifted = await stage.ann.request("DELETE", f"/users/{stage.ben.id}/block")
    equal(lifted.status, 204, "the status of the unblock")
    await post_message(stage.ben, stage.room)


@case("POST, DELETE /users/{id}/block", grown=True, needs="mailbox")
async def the_blocked_cannot_open_a_room(stage: Stage) -> None:
    new = await stage.sign_up("blocked")
    equal((await stage.ann.post(f"/users/{new.id}/block")).status, 204, "the status of the block")
    answer = await new.post("/msg/room", {"otherUserId": stage.ann.id})
    true(
        answer.status in (403, 404), f"the room is refused, with 403 or as if there were no such user: {answer.status}"
    )
