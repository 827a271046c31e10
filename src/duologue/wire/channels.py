"""Which frame is spoken on which socket route, in which direction, with or without `duologue.v1`; with examples."""

from dataclasses import dataclass
from typing import Final, get_args

import msgspec

from duologue.errors import Close
from duologue.wire import frames
from duologue.wire.base import Wire
from duologue.wire.rooms import Message, MessageAck, Peer, Person, Room

__all__ = ["CHANNELS", "CLOSE_REASON", "SUBPROTOCOL", "Channel", "Command", "Event", "Query"]

SUBPROTOCOL: Final = "duologue.v1"

CLOSE_REASON: Final[dict[int, type[Wire]]] = dict.fromkeys(
    (Close.TOO_BIG, Close.RESTARTING, Close.OVERLOADED, Close.TOO_SLOW), frames.RetryHint
)
"""Close codes whose reason is JSON."""

ROOM_ID: Final = "0199f0c8-7a51-7c3e-9d0a-3b1f5e6a7c80"
MESSAGE_ID: Final = "0199f0c9-1c2d-7e4f-8a9b-0c1d2e3f4a5b"
MOMENT: Final = "2026-01-01T12:00:00.000Z"
LATER: Final = "2026-01-01T12:05:00.000Z"

BEN: Final = Person(2, "ben@example.com", True, MOMENT, True, None)
HELLO: Final = Message(MESSAGE_ID, ROOM_ID, 1, "Hello!", MOMENT, 7)
ROOM: Final = Room(
    id=ROOM_ID,
    user1_id=1,
    user2_id=2,
    created_at=MOMENT,
    messages=[HELLO],
    last_seq=7,
    unread=1,
    read_seq=6,
    peer=Peer(2, "ben@example.com", None, True, None),
)


@dataclass(frozen=True, slots=True)
class Event:
    """A frame of the server; the Struct says its `type`."""

    example: Wire

    @property
    def struct(self) -> type[Wire]:
        """What it is made from."""
        return type(self.example)

    @property
    def name(self) -> str:
        """Its `type`."""
        if isinstance(tag := self.struct.__struct_config__.tag, str):
            return tag
        kinds = [field.type for field in msgspec.structs.fields(self.struct) if field.encode_name == "type"]
        return str(get_args(kinds[0])[0])


@dataclass(frozen=True, slots=True)
class Command:
    """A frame of the client: `{"type": name, "data": {...}}`; without a name the data stand by themselves."""

    name: str
    summary: str
    data: type[Wire] | None = None
    example: Wire | None = None
    names_room: bool = False
    """Whether it has to name its room: on `/ws`."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of a route's address."""

    name: str
    description: str
    kind: str = "integer"


@dataclass(frozen=True, slots=True)
class Channel:
    """A socket route. What is in `v1_*` is spoken with `duologue.v1` alone, in addition."""

    key: str
    address: str
    summary: str
    description: str
    sends: tuple[Event, ...] = ()
    v1_sends: tuple[Event, ...] = ()
    receives: tuple[Command, ...] = ()
    v1_receives: tuple[Command, ...] = ()
    query: tuple[Query, ...] = ()


TOKEN: Final = Query("token", "The access token, for clients without cookies.", "string")
AFTER: Final = Query("after", "Replay everything behind this `seq` first, in order, own messages included.")
REV: Final = Query("rev", "With `after` and `duologue.v1`: also the edits and deletions behind this `rev`.")

NEW_MESSAGE: Final = Event(frames.NewMessage(HELLO))
MESSAGE_SENT: Final = Event(frames.MessageSent(MessageAck("c-1", MESSAGE_ID, 7, MOMENT)))
ERROR: Final = Event(frames.ErrorFrame("content must not be empty.", "EMPTY_CONTENT", "c-1"))
ALL_USERS: Final = Event(frames.AllUsers([BEN]))
USER_STATUS: Final = Event(frames.UserStatus(Person(2, "ben@example.com", True, MOMENT, False, LATER)))
ROOMS_LIST: Final = Event(frames.RoomsList([ROOM]))
ROOM_UPDATE: Final = Event(frames.RoomUpdate(frames.RoomUpdateData(ROOM_ID, HELLO, 1, 7)))

SESSION_EXPIRING: Final = Event(frames.SessionExpiring(frames.SessionExpiringData(LATER)))
PONG: Final = Event(frames.Pong())
ROOM_EVENTS: Final = (
    Event(frames.Typing(frames.TypingData(ROOM_ID, 2))),
    Event(frames.Read(frames.WatermarkData(ROOM_ID, 2, 7))),
    Event(frames.Delivered(frames.WatermarkData(ROOM_ID, 2, 7))),
    Event(
        frames.MessageEdited(
            frames.ChangeData(MESSAGE_ID, ROOM_ID, 1, "Hello, Ben!", MOMENT, 7, edited_at=LATER, deleted_at=None, rev=3)
        )
    ),
    Event(
        frames.MessageDeleted(
            frames.ChangeData(MESSAGE_ID, ROOM_ID, 1, "", MOMENT, 7, edited_at=None, deleted_at=LATER, rev=4)
        )
    ),
    Event(frames.Presence(frames.PresenceData(2, False, LATER))),
    Event(frames.Resumed(frames.ResumedData(ROOM_ID, from_=5, to=7, rev=4, read_seq=6, peer_read_seq=5))),
)

BARE_MESSAGE: Final = Command(
    "",
    "Say something; with a `clientId` the answer is MESSAGE_SENT.",
    example=frames.Incoming("Hello!", "c-1"),
)
PING: Final = Command("PING", "Is somebody there? The answer is PONG.")


def room_commands(room_id: str | None) -> tuple[Command, ...]:
    """The commands of a room; on `/ws` each names its room."""
    room = msgspec.UNSET if room_id is None else room_id
    named = room_id is not None
    return (
        Command(
            "SEND",
            "Store a message and deliver it; with a `clientId` the answer is MESSAGE_SENT, and a retry is stored once.",
            frames.SendData,
            frames.SendData("Hello!", "c-1", room),
            named,
        ),
        Command(
            "TYPING",
            "Tell the other that one is typing; every 2.5 s is enough.",
            frames.RoomData if named else None,
            frames.RoomData(room) if named else None,
            named,
        ),
        Command("READ", "The user has read the room up to `seq`.", frames.ReadData, frames.ReadData(7, room), named),
        Command(
            "EDIT",
            "Give a message of one's own another content.",
            frames.EditData,
            frames.EditData(MESSAGE_ID, "Hello, Ben!", room),
            named,
        ),
        Command(
            "DELETE",
            "Take a message of one's own away; its `seq` stays.",
            frames.DeleteData,
            frames.DeleteData(MESSAGE_ID, room),
            named,
        ),
        PING,
    )


CHANNELS: Final = (
    Channel(
        "users",
        "/users",
        "The directory, and who comes and goes",
        "First `ALL_USERS`, with at most 500 people, those online before the newest (`GET /users` pages through "
        "all); then a `USER_STATUS` for "
        "everybody who comes, goes or is new, at most four times a second. It only speaks.",
        sends=(ALL_USERS, USER_STATUS, ERROR),
        v1_sends=(SESSION_EXPIRING,),
        query=(TOKEN,),
    ),
    Channel(
        "room",
        "/room/{roomId}",
        "A conversation of two",
        "What one says, the other hears, and so do the speaker's other sockets; the speaking socket does not. A "
        "message is stored before anyone hears it, and everybody hears a room in the order of `seq`, which has no "
        "gaps. Bad input is answered with `ERROR`; the socket stays open.",
        sends=(NEW_MESSAGE, MESSAGE_SENT, ERROR),
        v1_sends=(*ROOM_EVENTS, SESSION_EXPIRING, PONG),
        receives=(BARE_MESSAGE,),
        v1_receives=room_commands(None),
        query=(TOKEN, AFTER, REV),
    ),
    Channel(
        "rooms",
        "/rooms",
        "The caller's rooms, and their news",
        "First `ROOMS_LIST`, the newest activity first; then a `ROOM_UPDATE` for every new message, for what was "
        "read, and for a room that is new. It only speaks.",
        sends=(ROOMS_LIST, ROOM_UPDATE, ERROR),
        v1_sends=(SESSION_EXPIRING,),
        query=(TOKEN,),
    ),
    Channel(
        "ws",
        "/ws",
        "One socket for everything",
        "The lobby of `/rooms`, and every room that is subscribed to, on one socket: the same commands and events as "
        "on `/room/{roomId}`, each with its `roomId`. A `RESUMED` ends the replay that follows `SUBSCRIBE`.",
        v1_sends=(
            ROOMS_LIST,
            ROOM_UPDATE,
            NEW_MESSAGE,
            MESSAGE_SENT,
            ERROR,
            *ROOM_EVENTS,
            SESSION_EXPIRING,
            PONG,
        ),
        v1_receives=(
            Command(
                "SUBSCRIBE",
                "Hear a room; with `after`, everything behind that `seq` first.",
                frames.SubscribeData,
                frames.SubscribeData(ROOM_ID, 5, 2),
                True,
            ),
            Command("UNSUBSCRIBE", "Hear a room no more.", frames.RoomData, frames.RoomData(ROOM_ID), True),
            *room_commands(ROOM_ID),
        ),
        query=(TOKEN,),
    ),
)
