"""Rules of a conversation, without I/O."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from duologue.chat.store import FIRST_ROOM, Membership
from duologue.errors import AppError, Code, Detail
from duologue.wire.rooms import CONTENT_LENGTH, Room

__all__ = [
    "Activity",
    "activity",
    "check_client_id",
    "check_content",
    "may_enter",
    "parse_activity",
    "parse_message_id",
    "parse_room_id",
    "unread",
]


class Activity(NamedTuple):
    """A place in a list of rooms: when something happened last, and in which of the rooms of that moment."""

    at: datetime
    room: UUID


def activity(room: Room) -> str:
    """The room's place in a list, as a query that `parse_activity` understands."""
    return f"before={(room.messages[0] if room.messages else room).created_at}&room={room.id}"


def parse_activity(before: str | None, room: UUID | None) -> Activity | None:
    """A time (RFC 3339) alone is ahead of all its rooms."""
    if before is None:
        return None
    try:
        at = datetime.fromisoformat(before)
        if at.tzinfo is not None:
            return Activity(at.astimezone(UTC), room or FIRST_ROOM)
    except (ValueError, OverflowError):  # the first and the last day of all have no UTC everywhere
        pass
    raise AppError(
        Code.INVALID_INPUT,
        "before must be a time such as 2026-01-01T00:00:00.000Z.",
        details=[Detail("before", "is no time of ours")],
    )


def parse_room_id(text: str) -> UUID:
    """A room's id; what is no UUID in its canonical form names no room."""
    try:
        room_id = UUID(text)
    except ValueError:
        raise AppError(Code.UNKNOWN_ROOM, "There is no such room.") from None
    if str(room_id) != text:
        raise AppError(Code.UNKNOWN_ROOM, "There is no such room.")
    return room_id


def parse_message_id(text: str) -> UUID:
    """A message's id; what is no UUID names no message."""
    try:
        return UUID(text)
    except ValueError:
        raise AppError(Code.UNKNOWN_MESSAGE, "There is no such message.") from None


def check_content(content: str) -> None:
    """A message says something, in at most 8,000 characters that PostgreSQL can store."""
    if not content or content.isspace():
        raise AppError(Code.EMPTY_CONTENT, "content must not be empty.", details=[Detail("content", "is empty")])
    if len(content) > CONTENT_LENGTH:
        raise AppError(
            Code.CONTENT_TOO_LONG,
            f"content is longer than {CONTENT_LENGTH:,} characters.",
            details=[Detail("content", f"has {len(content):,} characters, {CONTENT_LENGTH:,} are allowed")],
        )
    if "\0" in content:
        raise AppError(
            Code.INVALID_INPUT,
            "content must not contain the character U+0000.",
            details=[Detail("content", "contains U+0000")],
        )


def check_client_id(client_id: str | None) -> None:
    """A `clientId` is stored as it is: no U+0000."""
    if client_id is not None and "\0" in client_id:
        raise AppError(
            Code.INVALID_INPUT,
            "clientId must not contain the character U+0000.",
            details=[Detail("clientId", "contains U+0000")],
        )


def may_enter(membership: Membership | None, user_id: int) -> Membership:
    """The membership, for one of the two; raises `UNKNOWN_ROOM` or `ACCESS_DENIED`."""
    if membership is None:
        raise AppError(Code.UNKNOWN_ROOM, "There is no such room.")
    if user_id not in (membership.user1_id, membership.user2_id):
        raise AppError(Code.ACCESS_DENIED, "This room belongs to others.")
    return membership


def unread(last_seq: int, read_seq: int) -> int:
    """Unread messages of a member: arithmetic, never a counter that can drift."""
    return max(0, last_seq - read_seq)
