"""Rules of a conversation, without I/O."""

from uuid import UUID

from duologue.chat.store import Membership
from duologue.errors import AppError, Code, Detail
from duologue.wire.rooms import CONTENT_LENGTH

__all__ = ["check_client_id", "check_content", "may_enter", "parse_message_id", "parse_room_id", "unread"]


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
