"""What nodes of one installation tell all the others. Nothing of it reaches a client.

A node that does not know a notice, or misses a part of it, passes it over: nodes of two versions run side by side
during a deploy.
"""

from uuid import UUID

import msgspec

__all__ = [
    "Alive",
    "Blocked",
    "Came",
    "Notice",
    "RoomOpened",
    "SessionEnded",
    "SessionRefreshed",
    "Went",
    "read_notice",
    "write_notice",
]


class Notice(msgspec.Struct, frozen=True):
    """Something that every node wants to know."""


class Alive(Notice, frozen=True, tag=True):
    """The node is heard; every second. `lost` grows when it could not send something: then the log has to be asked."""

    node: UUID
    lost: int


class SessionEnded(Notice, frozen=True, tag=True):
    """Its sockets close, its tokens are not believed any more."""

    session: UUID
    reason: str


class SessionRefreshed(Notice, frozen=True, tag=True):
    """Its sockets live on until that moment, in seconds since the epoch."""

    session: UUID
    expires_at: int


class Blocked(Notice, frozen=True, tag=True):
    """Whether that member of the room may not post, from now on."""

    room: str
    user: int
    blocked: bool


class RoomOpened(Notice, frozen=True, tag=True):
    """A new room appears for both."""

    room: str
    user1: int
    user2: int


class Came(Notice, frozen=True, tag=True):
    """These people have sockets on that node now; its leases say so already."""

    node: UUID
    users: list[int]


class Went(Notice, frozen=True, tag=True):
    """These have none there any more: user, and when last seen, in seconds since the epoch."""

    node: UUID
    users: list[tuple[int, float]]


_Known = Alive | SessionEnded | SessionRefreshed | Blocked | RoomOpened | Came | Went
_encode = msgspec.msgpack.Encoder().encode
_decode: msgspec.msgpack.Decoder[_Known] = msgspec.msgpack.Decoder(_Known)


def write_notice(notice: Notice) -> bytes:
    """Ready for the broker."""
    return _encode(notice)


def read_notice(body: bytes) -> Notice | None:
    """What another node says; `None` when this version does not know it."""
    try:
        return _decode.decode(body)
    except msgspec.MsgspecError:
        return None
