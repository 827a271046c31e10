"""HTTP: rooms and their messages."""

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from duologue.chat import policy
from duologue.chat.blocks import BlockService
from duologue.chat.search import SearchService
from duologue.chat.service import PAGE, ROOMS_PAGE, ConversationService, change_view
from duologue.chat.store import NEWEST
from duologue.errors import AppError, Code, Detail
from duologue.identity import Identity
from duologue.wire.base import rfc3339
from duologue.wire.errors import ErrorBody
from duologue.wire.frames import ChangeData
from duologue.wire.rooms import (
    BlockList,
    EditRequest,
    FormerContent,
    Message,
    OpenedRoom,
    OpenRoomRequest,
    ReadRequest,
    Room,
    RoomList,
    SearchResult,
    SendRequest,
)

__all__ = ["block_router", "router"]

Conversations = NamedDependency[ConversationService]
Search = NamedDependency[SearchService]
Blocks = NamedDependency[BlockService]
Caller = NamedDependency[Identity]

LIMIT = Annotated[int, QueryParameter(ge=1, le=PAGE, description="how many messages at the most")]
SEQ = Annotated[int | None, QueryParameter(ge=0, le=NEWEST, description="a message's `seq`")]
MESSAGE_ID = Annotated[str, PathParameter(description="the message's id, a UUID")]
USER_ID = Annotated[str, PathParameter(description="the user's id")]
ROOM_ID = Annotated[str, PathParameter(description="the room's id, a UUID")]

NO_TOKEN = ResponseSpec(ErrorBody, description="No valid access token", generate_examples=False)
BAD_INPUT = ResponseSpec(ErrorBody, description="Invalid input; `details` says which field", generate_examples=False)
NOT_MEMBER = ResponseSpec(
    ErrorBody, description="The room belongs to others, or a foreign page asked", generate_examples=False
)
NO_ROOM = ResponseSpec(ErrorBody, description="There is no such room", generate_examples=False)
NO_USER = ResponseSpec(ErrorBody, description="There is no such user", generate_examples=False)
BUSY = ResponseSpec(ErrorBody, description="Busy; `Retry-After` says when to try again", generate_examples=False)
TOO_LARGE = ResponseSpec(ErrorBody, description="The body is too large", generate_examples=False)
NO_JSON = ResponseSpec(ErrorBody, description="The body is no JSON", generate_examples=False)
FOREIGN = ResponseSpec(ErrorBody, description="A foreign page asked", generate_examples=False)


@get(
    ["/room", "/rooms"],
    summary="The caller's rooms, and the token for the socket",
    responses={400: BAD_INPUT, 401: NO_TOKEN, 503: BUSY},
)
async def list_rooms(
    rooms: Conversations,
    identity: Caller,
    limit: Annotated[int, QueryParameter(ge=1, le=ROOMS_PAGE, description="how many rooms at the most")] = ROOMS_PAGE,
    before: Annotated[
        str | None, QueryParameter(format="date-time", description="rooms in which nothing happened since")
    ] = None,
    room: Annotated[
        UUID | None, QueryParameter(description="of the rooms of that moment, those behind this one")
    ] = None,
) -> Response[RoomList]:
    """The caller's rooms, the newest activity first, each with its newest message.

    The `Link` header (RFC 8288) names the page behind (`rel="next"`), where there is one.
    """
    found = await rooms.rooms(identity.user_id, limit + 1, policy.parse_activity(before, room))
    page = found[:limit]
    more = f'</msg/room?limit={limit}&{policy.activity(page[-1])}>; rel="next"' if len(found) > limit else None
    return Response(RoomList(rooms=page, token=identity.token), headers={"Link": more} if more else None)


@post(
    "/room",
    status_code=200,
    summary="Open the room with another user",
    responses={400: BAD_INPUT, 401: NO_TOKEN, 403: FOREIGN, 404: NO_USER, 413: TOO_LARGE, 415: NO_JSON, 503: BUSY},
)
async def open_room(data: JSONBody[OpenRoomRequest], rooms: Conversations, identity: Caller) -> OpenedRoom:
    """The same room for the same pair, whoever asks."""
    room = await rooms.open_room(identity.user_id, data.other_user_id)
    fields = {name: getattr(room, name) for name in Room.__struct_fields__}
    return OpenedRoom(**fields, room=room, token=identity.token)


@get(
    "/room/{room_id:str}/messages",
    summary="A page of a room's messages, oldest first",
    responses={400: BAD_INPUT, 401: NO_TOKEN, 403: NOT_MEMBER, 404: NO_ROOM, 503: BUSY},
)
async def history(
    room_id: ROOM_ID,
    rooms: Conversations,
    identity: Caller,
    limit: LIMIT = PAGE,
    before: SEQ = None,
    after: SEQ = None,
) -> Response[list[Message]]:
    """The newest page; with `before` the one ahead of that `seq`, with `after` the one behind it.

    The `Link` header (RFC 8288) names the page before (`rel="prev"`) and behind (`rel="next"`), where there is one.
    """
    room = policy.parse_room_id(room_id)
    if before is not None and after is not None:
        raise AppError(
            Code.INVALID_INPUT,
            "before and after exclude each other.",
            details=[Detail("after", "was given together with before")],
        )
    if after is not None:
        messages, membership = await rooms.page_after(identity.user_id, room, after, limit)
    else:
        messages, membership = await rooms.page_before(
            identity.user_id, room, NEWEST if before is None else before, limit
        )
    links = []
    if messages:
        path = f"/msg/room/{room_id}/messages?limit={limit}"
        if messages[0].seq > 1:
            links.append(f'<{path}&before={messages[0].seq}>; rel="prev"')
        if messages[-1].seq < membership.last_seq:
            links.append(f'<{path}&after={messages[-1].seq}>; rel="next"')
    return Response(messages, headers={"Link": ", ".join(links)} if links else None)


@post(
    "/room/{room_id:str}/messages",
    status_code=201,
    summary="Send a message",
    responses={400: BAD_INPUT, 401: NO_TOKEN, 403: NOT_MEMBER, 404: NO_ROOM, 413: TOO_LARGE, 415: NO_JSON, 503: BUSY},
)
async def send(room_id: ROOM_ID, data: JSONBody[SendRequest], rooms: Conversations, identity: Caller) -> Message:
    """Stored, then delivered: the same path as a socket's. A repeated `clientId` gives the first result."""
    return await rooms.send(identity.user_id, policy.parse_room_id(room_id), data.content, data.client_id or None)


@post(
    "/room/{room_id:str}/read",
    status_code=204,
    summary="Say how far the caller has read",
    responses={400: BAD_INPUT, 401: NO_TOKEN, 403: NOT_MEMBER, 404: NO_ROOM, 413: TOO_LARGE, 415: NO_JSON, 503: BUSY},
)
async def read(room_id: ROOM_ID, data: JSONBody[ReadRequest], rooms: Conversations, identity: Caller) -> None:
    """The mark only ever grows, and never passes the newest message; the room's listeners are told."""
    await rooms.read(identity.user_id, policy.parse_room_id(room_id), data.seq)


@patch(
    "/room/{room_id:str}/messages/{message_id:str}",
    summary="Edit a message",
    responses={400: BAD_INPUT, 401: NO_TOKEN, 403: NOT_MEMBER, 404: NO_ROOM, 413: TOO_LARGE, 415: NO_JSON, 503: BUSY},
)
async def edit(
    room_id: ROOM_ID,
    message_id: MESSAGE_ID,
    data: JSONBody[EditRequest],
    rooms: Conversations,
    identity: Caller,
) -> ChangeData:
    """Only its sender may. What it said before is kept for the sender."""
    policy.check_content(data.content)
    room, message = policy.parse_room_id(room_id), policy.parse_message_id(message_id)
    return change_view(await rooms.change(identity.user_id, room, message, data.content))


@delete(
    "/room/{room_id:str}/messages/{message_id:str}",
    status_code=200,
    summary="Delete a message",
    responses={401: NO_TOKEN, 403: NOT_MEMBER, 404: NO_ROOM, 503: BUSY},
)
async def remove(room_id: ROOM_ID, message_id: MESSAGE_ID, rooms: Conversations, identity: Caller) -> ChangeData:
    """Only its sender may. The message keeps its `seq`, without content; deleting twice is deleting once."""
    room, message = policy.parse_room_id(room_id), policy.parse_message_id(message_id)
    return change_view(await rooms.change(identity.user_id, room, message, None))


@get(
    "/room/{room_id:str}/messages/{message_id:str}/edits",
    summary="What a message said before",
    responses={401: NO_TOKEN, 403: NOT_MEMBER, 404: NO_ROOM, 503: BUSY},
)
async def edits(
    room_id: ROOM_ID, message_id: MESSAGE_ID, rooms: Conversations, identity: Caller
) -> list[FormerContent]:
    """For the sender alone; oldest first."""
    room, message = policy.parse_room_id(room_id), policy.parse_message_id(message_id)
    return [
        FormerContent(each.content, rfc3339(each.replaced_at))
        for each in await rooms.edits(identity.user_id, room, message)
    ]


@get(
    "/search",
    summary="Search the caller's messages",
    responses={400: BAD_INPUT, 401: NO_TOKEN, 503: BUSY},
)
async def find(
    q: Annotated[str, QueryParameter(description="words; the last one may be a beginning")],
    search: Search,
    identity: Caller,
    limit: Annotated[int, QueryParameter(ge=1, le=50, description="how many results at the most")] = 20,
    cursor: Annotated[str | None, QueryParameter(description="what the page before gave")] = None,
) -> SearchResult:
    """All words must be in the message; the best matches come first."""
    return await search.search(identity.user_id, q, limit, cursor)


@post(
    "/{user_id:str}/block",
    status_code=204,
    summary="Block a user",
    responses={400: BAD_INPUT, 401: NO_TOKEN, 403: FOREIGN, 404: NO_USER, 503: BUSY},
)
async def block(user_id: USER_ID, blocks: Blocks, identity: Caller) -> None:
    """The blocked can neither open a room with the caller nor post in theirs, at once. Their history stays."""
    await blocks.block(identity.user_id, parse_user_id(user_id))


@delete(
    "/{user_id:str}/block",
    status_code=204,
    summary="Unblock a user",
    responses={401: NO_TOKEN, 403: FOREIGN, 404: NO_USER, 503: BUSY},
)
async def unblock(user_id: USER_ID, blocks: Blocks, identity: Caller) -> None:
    """The user can post again."""
    await blocks.unblock(identity.user_id, parse_user_id(user_id))


@get("/blocked", summary="Whom the caller has blocked", responses={401: NO_TOKEN, 503: BUSY})
async def blocked(blocks: Blocks, identity: Caller) -> BlockList:
    """Their ids."""
    return BlockList(await blocks.blocked(identity.user_id))


def parse_user_id(text: str) -> int:
    """A user's id; what is none names nobody."""
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) >= 2**31:
        raise AppError(Code.UNKNOWN_USER, "There is no such user.")
    return int(text)


def router() -> Router:
    """The routes below `/msg`."""
    handlers = [list_rooms, open_room, history, send, read, edit, remove, edits, find]
    return Router("/msg", route_handlers=handlers, tags=["Messaging"])


def block_router() -> Router:
    """The routes of blocks, below `/users`."""
    return Router("/users", route_handlers=[block, unblock, blocked], tags=["People"])
