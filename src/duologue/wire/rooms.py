"""Rooms, messages and people, as HTTP and sockets show them."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from duologue.wire.base import Timestamp, Wire

__all__ = [
    "CLIENT_ID_LENGTH",
    "CONTENT_LENGTH",
    "BlockList",
    "DirectoryPage",
    "EditRequest",
    "FormerContent",
    "Found",
    "Message",
    "MessageAck",
    "OpenRoomRequest",
    "OpenedRoom",
    "Peer",
    "Person",
    "ReadRequest",
    "Room",
    "RoomList",
    "SearchResult",
    "SendRequest",
]

CONTENT_LENGTH = 8_000
CLIENT_ID_LENGTH = 64


class Person(Wire, frozen=True):
    """A member of the directory."""

    id: int
    email: str
    is_verified: bool
    created_at: Timestamp
    online: bool
    last_seen_at: Timestamp | None


class Peer(Wire, frozen=True):
    """The other person of a room."""

    id: int
    email: str
    display_name: str | None
    online: bool
    last_seen_at: Timestamp | None


class Message(Wire, frozen=True):
    """`seq` counts the messages of its room from 1 without a gap; a deleted message keeps it, without content."""

    id: str
    room_id: str
    sender_id: int
    content: str
    created_at: Timestamp
    seq: Annotated[int, Meta(description="its place in the room, from 1")]
    edited_at: Timestamp | UnsetType | None = UNSET
    deleted_at: Timestamp | UnsetType | None = UNSET


class MessageAck(Wire, frozen=True):
    """The sender's receipt: the message is stored."""

    client_id: Annotated[str, Meta(description="what the sender called the message")]
    id: Annotated[str, Meta(description="the message's id")]
    seq: Annotated[int, Meta(description="its place in the room")]
    created_at: Timestamp
    room_id: Annotated[str, Meta(description="with duologue.v1")] | UnsetType = UNSET


class Room(Wire, frozen=True):
    """A conversation of two. `messages` holds its newest message, or nothing."""

    id: str
    user1_id: Annotated[int, Meta(description="the smaller of the two user ids")]
    user2_id: int
    created_at: Timestamp
    messages: list[Message]
    last_seq: Annotated[int, Meta(description="`seq` of the newest message, 0 in an empty room")]
    unread: Annotated[int, Meta(description="messages the caller has not read")]
    read_seq: Annotated[int, Meta(description="how far the caller has read")]
    peer: Peer


class RoomList(Wire, frozen=True):
    """`token` is the caller's access token, for the socket."""

    rooms: list[Room]
    token: str


class OpenedRoom(Room, frozen=True):
    """The room itself and `token`; `room` repeats it for clients that read it there."""

    room: Room
    token: str


class OpenRoomRequest(Wire, frozen=True):
    """Opens the room with another user, or finds it."""

    other_user_id: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class ReadRequest(Wire, frozen=True):
    """The caller has read the room up to `seq`."""

    seq: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class EditRequest(Wire, frozen=True):
    """Another content for a message."""

    content: str


class FormerContent(Wire, frozen=True):
    """What a message said before an edit."""

    content: str
    replaced_at: Timestamp


class BlockList(Wire, frozen=True):
    """The ids of those whom the caller has blocked."""

    blocked: list[int]


class Found(Wire, frozen=True):
    """A message that matches a search, with the room's other person."""

    message: Message
    peer: Peer


class SearchResult(Wire, frozen=True):
    """The best matches first; `cursor` continues, where there is more."""

    results: list[Found]
    cursor: str | None


class DirectoryPage(Wire, frozen=True):
    """People in the order of their ids; `cursor` continues, where there is more."""

    users: list[Person]
    cursor: str | None


class SendRequest(Wire, frozen=True):
    """A message to store. The same `clientId` of one sender in one room is stored once, for ever."""

    content: str
    client_id: Annotated[str, Meta(min_length=1, max_length=CLIENT_ID_LENGTH)] | UnsetType = UNSET
