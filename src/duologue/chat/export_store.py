"""The SQL of what a user takes along: keyset pages, each an index scan, however long the conversation."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg

from duologue.chat.store import MessageRow, message_rows

__all__ = ["BEGINNING", "BlockedRow", "EditRow", "ExportStore", "OwnRoomRow"]


@dataclass(frozen=True, slots=True)
class OwnRoomRow:
    """A room and its other person."""

    id: UUID
    user1_id: int
    user2_id: int
    created_at: datetime
    peer_id: int
    peer_email: str
    peer_name: str | None


@dataclass(frozen=True, slots=True)
class EditRow:
    """What a message said before."""

    message_id: UUID
    replaced_at: datetime
    content: str


@dataclass(frozen=True, slots=True)
class BlockedRow:
    """Somebody the user has blocked."""

    user_id: int
    created_at: datetime


NIL: Final = UUID(int=0)
BEGINNING: Final = EditRow(NIL, datetime(1970, 1, 1, tzinfo=UTC), "")
"""What goes before every edit."""

ROOMS = """
SELECT r.id, r.user1_id, r.user2_id, r.created_at, p.id, p.email, p.display_name
FROM rooms r JOIN users p ON p.id = CASE WHEN r.user1_id = $1 THEN r.user2_id ELSE r.user1_id END
WHERE r.id IN (SELECT id FROM rooms WHERE user1_id = $1 UNION ALL SELECT id FROM rooms WHERE user2_id = $1)
  AND r.id > $2
ORDER BY r.id LIMIT $3
"""
MESSAGES = """
SELECT id, seq, sender_id, content, created_at, edited_at, deleted_at FROM messages
WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""
EDITS = """
SELECT e.message_id, e.replaced_at, e.content
FROM messages m JOIN message_edits e ON e.message_id = m.id
WHERE m.room_id = $1 AND m.rev IS NOT NULL AND m.sender_id = $2 AND (e.message_id, e.replaced_at) > ($3, $4)
ORDER BY e.message_id, e.replaced_at LIMIT $5
"""
BLOCKED = "SELECT blocked_id, created_at FROM blocks WHERE blocker_id = $1 AND blocked_id > $2 ORDER BY 1 LIMIT $3"


class ExportStore:
    """Reads pages; each call takes the last one of the page before."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def rooms(self, user_id: int, after: UUID = NIL, *, limit: int) -> list[OwnRoomRow]:
        """The user's rooms in the order of their ids."""
        return [OwnRoomRow(*row) for row in await self._pool.fetch(ROOMS, user_id, after, limit)]

    async def messages(self, room_id: UUID, after: int = 0, *, limit: int) -> list[MessageRow]:
        """A room's messages in order."""
        return message_rows(room_id, await self._pool.fetch(MESSAGES, room_id, after, limit))

    async def edits(self, room_id: UUID, user_id: int, after: EditRow = BEGINNING, *, limit: int) -> list[EditRow]:
        """What the user's own messages of a room said before."""
        rows = await self._pool.fetch(EDITS, room_id, user_id, after.message_id, after.replaced_at, limit)
        return [EditRow(*row) for row in rows]

    async def blocked(self, user_id: int, after: int = 0, *, limit: int) -> list[BlockedRow]:
        """Whom the user has blocked."""
        return [BlockedRow(*row) for row in await self._pool.fetch(BLOCKED, user_id, after, limit)]
