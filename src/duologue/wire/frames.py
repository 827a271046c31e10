"""The frames of the sockets: JSON text, one object each.

Base sockets speak the frozen part: `Incoming` in; NEW_MESSAGE, MESSAGE_SENT, ALL_USERS, USER_STATUS, ROOMS_LIST,
ROOM_UPDATE and ERROR out. The subprotocol `duologue.v1` adds the commands and the other events; on `/ws`, which serves
many rooms, each command names its `roomId`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from duologue.wire.base import Timestamp, Wire
from duologue.wire.errors import ErrorCode
from duologue.wire.rooms import CLIENT_ID_LENGTH, CONTENT_LENGTH, Message, MessageAck, Person, Room

__all__ = [
    "AllUsers",
    "ChangeData",
    "Command",
    "Delivered",
    "ErrorFrame",
    "Incoming",
    "MessageDeleted",
    "MessageEdited",
    "MessageSent",
    "NewMessage",
    "Pong",
    "Presence",
    "PresenceData",
    "Read",
    "Resumed",
    "ResumedData",
    "RetryHint",
    "RoomUpdate",
    "RoomUpdateData",
    "RoomsList",
    "SessionExpiring",
    "SessionExpiringData",
    "Typing",
    "TypingData",
    "UserStatus",
    "WatermarkData",
]

ClientId = Annotated[str, Meta(min_length=1, max_length=CLIENT_ID_LENGTH)]
# In the document alone: a wrong content is refused with a code of its own (chat/policy).
Content = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": CONTENT_LENGTH})]
RoomId = Annotated[str, Meta(max_length=64)]
Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]
MessageId = Annotated[str, Meta(max_length=64)]


# In


class Incoming(Wire, frozen=True):
    """What a base socket of a room may say: `{"content": "..."}`, with a `clientId` if it wants a receipt."""

    content: Content | UnsetType = UNSET
    client_id: ClientId | None = None
    type: msgspec.Raw | UnsetType = UNSET


class Command(Wire, frozen=True):
    """What a `duologue.v1` socket may say: `{"type": ..., "data": {...}}`, or `{"content": ...}` in a room."""

    type: str | UnsetType = UNSET
    data: msgspec.Raw | UnsetType = UNSET
    content: Content | UnsetType = UNSET
    client_id: ClientId | None = None


class SendData(Wire, frozen=True):
    """SEND: store a message and deliver it."""

    content: Content
    client_id: ClientId | None = None
    room_id: RoomId | UnsetType = UNSET


class RoomData(Wire, frozen=True):
    """TYPING, UNSUBSCRIBE: which room."""

    room_id: RoomId | UnsetType = UNSET


class SubscribeData(Wire, frozen=True):
    """SUBSCRIBE: hear a room, from `after` on; `rev` also brings edits and deletions made since."""

    room_id: RoomId
    after: Annotated[Seq | None, Meta(description="replay what is behind this `seq` first")] = None
    rev: Annotated[Seq | None, Meta(description="replay edits and deletions behind this `rev` too")] = None
    client_id: ClientId | None = None


class ReadData(Wire, frozen=True):
    """READ: the caller has read the room up to `seq`."""

    seq: Seq
    room_id: RoomId | UnsetType = UNSET


class EditData(Wire, frozen=True):
    """EDIT: give a message of the caller another content."""

    id: MessageId
    content: Content
    room_id: RoomId | UnsetType = UNSET
    client_id: ClientId | None = None


class DeleteData(Wire, frozen=True):
    """DELETE: take a message of the caller away; its `seq` stays."""

    id: MessageId
    room_id: RoomId | UnsetType = UNSET
    client_id: ClientId | None = None


# Out: the frozen part


class NewMessage(Wire, frozen=True, tag_field="type", tag="NEW_MESSAGE"):
    """Someone said something in the room."""

    data: Message


class MessageSent(Wire, frozen=True, tag_field="type", tag="MESSAGE_SENT"):
    """The message of this socket with that `clientId` is stored."""

    data: MessageAck


class AllUsers(Wire, frozen=True, tag_field="type", tag="ALL_USERS"):
    """The first frame of `/users`."""

    data: list[Person]


class UserStatus(Wire, frozen=True, tag_field="type", tag="USER_STATUS"):
    """Someone came or went, or is new."""

    data: Person


class RoomsList(Wire, frozen=True, tag_field="type", tag="ROOMS_LIST"):
    """The first frame of `/rooms` and of `/ws`."""

    data: list[Room]


class RoomUpdateData(Wire, frozen=True):
    """A room of the caller has news. `room` comes with a room that is new."""

    room_id: str
    last_message: Message | None
    unread: Annotated[int, Meta(description="messages the caller has not read")]
    last_seq: Annotated[int, Meta(description="`seq` of the newest message")]
    room: Room | UnsetType = UNSET


class RoomUpdate(Wire, frozen=True, tag_field="type", tag="ROOM_UPDATE"):
    """A room of the caller has a new message, was read, or is new."""

    data: RoomUpdateData


class ErrorFrame(Wire, frozen=True):
    """The last input of this socket was refused; the socket stays open."""

    message: Annotated[str, Meta(description="for people")]
    code: ErrorCode
    client_id: Annotated[str, Meta(description="of the command it answers")] | UnsetType = UNSET
    retry_ms: Annotated[int, Meta(description="try again after so many milliseconds")] | UnsetType = UNSET
    room_id: Annotated[str, Meta(description="with duologue.v1: the room it is about")] | UnsetType = UNSET
    type: Literal["ERROR"] = "ERROR"


class RetryHint(Wire, frozen=True):
    """The close reason of 1012, 1013 and 4008: when to come back, in milliseconds."""

    retry_ms: int


# Out: duologue.v1


class TypingData(Wire, frozen=True):
    """Who is typing where. It holds for six seconds, or until that person's next message."""

    room_id: str
    user_id: int


class Typing(Wire, frozen=True, tag_field="type", tag="TYPING"):
    """The other is typing."""

    data: TypingData


class WatermarkData(Wire, frozen=True):
    """How far a member has come: 0 ≤ read ≤ delivered ≤ lastSeq."""

    room_id: str
    user_id: int
    seq: int


class Read(Wire, frozen=True, tag_field="type", tag="READ"):
    """A member has read the room up to `seq`."""

    data: WatermarkData


class Delivered(Wire, frozen=True, tag_field="type", tag="DELIVERED"):
    """A socket of a member was sent the room up to `seq`."""

    data: WatermarkData


class ChangeData(Message, frozen=True):
    """The message as it is now. `rev` counts the edits and deletions of its room from 1, without a gap in order."""

    rev: Annotated[int, Meta(description="this change's place among the room's changes")] = 0


class MessageEdited(Wire, frozen=True, tag_field="type", tag="MESSAGE_EDITED"):
    """A message has another content."""

    data: ChangeData


class MessageDeleted(Wire, frozen=True, tag_field="type", tag="MESSAGE_DELETED"):
    """A message was taken away: its content is empty, its `seq` stays."""

    data: ChangeData


class PresenceData(Wire, frozen=True):
    """Whether a person is there."""

    user_id: int
    online: bool
    last_seen_at: Timestamp | None


class Presence(Wire, frozen=True, tag_field="type", tag="PRESENCE"):
    """The other of a room came or went."""

    data: PresenceData


class ResumedData(Wire, frozen=True):
    """From here on the room is live. Not `complete`: messages up to `from` may have been edited or deleted unseen."""

    room_id: str
    from_: Annotated[int, Meta(description="the `after` that was asked for, or the room's end where that is less")] = (
        msgspec.field(name="from")
    )
    to: Annotated[int, Meta(description="`seq` of the last message that was replayed")] = 0
    rev: Annotated[int, Meta(description="edits and deletions up to here are known")] = 0
    read_seq: Annotated[int, Meta(description="how far the caller has read")] = 0
    peer_read_seq: Annotated[int, Meta(description="how far the other has read")] = 0
    peer_delivered_seq: Annotated[int, Meta(description="how far the other was sent the room")] = 0
    complete: Annotated[bool, Meta(description="whether edits and deletions before `from` are known too")] = True


class Resumed(Wire, frozen=True, tag_field="type", tag="RESUMED"):
    """The replay of a room is over: everything from `from` to `to` was sent before this frame."""

    data: ResumedData


class SessionExpiringData(Wire, frozen=True):
    """When the socket's last token runs out; refresh before that."""

    expires_at: Timestamp


class SessionExpiring(Wire, frozen=True, tag_field="type", tag="SESSION_EXPIRING"):
    """The session's token runs out within a minute."""

    data: SessionExpiringData


class Pong(Wire, frozen=True):
    """The answer to PING."""

    type: Literal["PONG"] = "PONG"
