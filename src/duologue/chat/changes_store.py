"""The SQL of edits and deletions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

__all__ = ["Change", "ChangesStore", "Replaced"]

CHANGE = """
SELECT o_status, o_changed, o_seq, o_sender, o_content, o_created_at, o_edited_at, o_deleted_at, o_rev, o_last_seq
FROM message_change($1, $2, $3, $4)
"""
SINCE = """
SELECT id, seq, sender_id, content, created_at, edited_at, deleted_at, rev
FROM messages WHERE room_id = $1 AND rev > $2 ORDER BY rev LIMIT $3
"""
EDITS = """
SELECT e.content, e.replaced_at FROM message_edits e
JOIN messages m ON m.id = e.message_id
WHERE m.room_id = $1 AND m.id = $2 AND m.sender_id = $3 ORDER BY e.replaced_at
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A message as it is after its newest change."""

    id: str
    room_id: str
    sender_id: int
    content: str
    created_at: datetime
    seq: int
    edited_at: datetime | None
    deleted_at: datetime | None
    rev: int
    is_newest: bool = False
    """Whether it is the room's newest message."""
    is_fresh: bool = True
    """False when the message was so already."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a message said before."""

    content: str
    replaced_at: datetime


class ChangesStore:
    """Changes messages under their room's lock; lists changes in their order."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def change(self, room_id: UUID, message_id: UUID, user_id: int, content: str | None) -> Change | str:
        """Give the message this content, or take it away (`None`); `unknown` or `denied` when that cannot be."""
        row = await self._pool.fetchrow(CHANGE, room_id, message_id, user_id, content)
        status, changed, seq, sender, now, created_at, edited_at, deleted_at, rev, last_seq = row
        if status != "ok":
            return str(status)
        return Change(
            id=str(message_id),
            room_id=str(room_id),
            sender_id=sender,
            content=now,
            created_at=created_at,
            seq=seq,
            edited_at=edited_at,
            deleted_at=deleted_at,
            rev=rev or 0,
            is_newest=seq == last_seq,
            is_fresh=changed,
        )

    async def since(self, room_id: UUID, rev: int, limit: int) -> list[Change]:
        """The messages changed after `rev`, in the order of their newest changes."""
        room = str(room_id)
        return [
            Change(str(r[0]), room, r[2], r[3], r[4], r[1], r[5], r[6], r[7])
            for r in await self._pool.fetch(SINCE, room_id, rev, limit)
        ]

    async def edits(self, room_id: UUID, message_id: UUID, user_id: int) -> list[Replaced]:
        """What the user's message said before, oldest first."""
        return [Replaced(*row) for row in await self._pool.fetch(EDITS, room_id, message_id, user_id)]
