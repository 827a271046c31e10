"""What nodes tell each other of a room: ready frames, and the little that a hub must know of them."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["PARCEL_BYTES", "Changed", "Marked", "Messages", "Parcel", "Typed", "frames_of", "pack", "payload", "unpack"]

PARCEL_BYTES: Final = 256 << 10  # of frames; NATS takes a megabyte unless told otherwise

MESSAGES: Final = struct.Struct("!cQIIIQQ")
CHANGED: Final = struct.Struct("!cQ?")
MARKED: Final = struct.Struct("!cIQQ??")
TYPED: Final = struct.Struct("!cI")


@dataclass(frozen=True, slots=True)
class Messages:
    """What one commit added to the room, without a gap; large commits come in several."""

    first_seq: int
    sender_id: int
    """Of the last of them."""
    user1_id: int
    user2_id: int
    read1: int
    read2: int
    frames: Sequence[bytes]

    def read(self, user_id: int) -> int:
        """How far the member has read."""
        return self.read1 if user_id == self.user1_id else self.read2


@dataclass(frozen=True, slots=True)
class Changed:
    """An edit or a deletion."""

    rev: int
    is_newest: bool
    frame: bytes


@dataclass(frozen=True, slots=True)
class Marked:
    """How far a member has come."""

    user_id: int
    read: int
    delivered: int
    read_grew: bool
    delivered_grew: bool


@dataclass(frozen=True, slots=True)
class Typed:
    """A member is typing."""

    user_id: int
    frame: bytes


Parcel = Messages | Changed | Marked | Typed


def pack(parcel: Parcel) -> Iterator[bytes]:
    """Ready for the broker, in pieces that fit."""
    if isinstance(parcel, Messages):
        yield from _pack_messages(parcel)
    elif isinstance(parcel, Changed):
        yield CHANGED.pack(b"C", parcel.rev, parcel.is_newest) + parcel.frame
    elif isinstance(parcel, Marked):
        yield MARKED.pack(b"W", parcel.user_id, parcel.read, parcel.delivered, parcel.read_grew, parcel.delivered_grew)
    else:
        yield TYPED.pack(b"T", parcel.user_id) + parcel.frame


def unpack(data: bytes) -> Parcel | None:
    """What another node sent; `None` is of a newer version, and not for us."""
    kind = data[:1]
    if kind == b"M":
        _, first_seq, sender_id, user1_id, user2_id, read1, read2 = MESSAGES.unpack_from(data)
        return Messages(first_seq, sender_id, user1_id, user2_id, read1, read2, list(frames_of(data, MESSAGES.size)))
    if kind == b"C":
        _, rev, is_newest = CHANGED.unpack_from(data)
        return Changed(rev, is_newest, data[CHANGED.size :])
    if kind == b"W":
        return Marked(*MARKED.unpack_from(data)[1:])
    if kind == b"T":
        return Typed(TYPED.unpack_from(data)[1], data[TYPED.size :])
    return None


def frames_of(data: bytes, start: int) -> Iterator[bytes]:
    """The unmasked frames that follow each other in `data` (RFC 6455 §5.2)."""
    while start < len(data):
        size, head = data[start + 1], 2
        if size == 126:
            size, head = int.from_bytes(data[start + 2 : start + 4]), 4
        elif size == 127:
            size, head = int.from_bytes(data[start + 2 : start + 10]), 10
        yield data[start : start + head + size]
        start += head + size


def payload(frame: bytes) -> bytes:
    """What is in an unmasked frame."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def _pack_messages(parcel: Messages) -> Iterator[bytes]:
    frames = parcel.frames
    begin = 0
    while begin < len(frames):
        end, size = begin, 0
        while end < len(frames) and (size == 0 or size + len(frames[end]) <= PARCEL_BYTES):
            size += len(frames[end])
            end += 1
        head = MESSAGES.pack(
            b"M",
            parcel.first_seq + begin,
            parcel.sender_id,
            parcel.user1_id,
            parcel.user2_id,
            parcel.read1,
            parcel.read2,
        )
        yield b"".join((head, *frames[begin:end]))
        begin = end
