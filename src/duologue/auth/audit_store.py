"""The SQL of security events."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

__all__ = ["AuditStore", "EventRow"]


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of a user's security history."""

    id: UUID
    event: str
    session_id: UUID | None
    address: str | None
    user_agent: str | None
    detail: str | None
    at: datetime


ADD = """
INSERT INTO security_events (id, event, session_id, address, user_agent, detail, at, user_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
HISTORY = """
SELECT id, event, session_id, address, user_agent, detail, at FROM security_events
WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""
SWEEP = "DELETE FROM security_events WHERE at < $1"


class AuditStore:
    """Only ever adds, until a line is old."""

    async def add(self, conn: asyncpg.Connection, row: EventRow, user_id: int | None) -> None:
        """Add a line; `user_id` is None where nobody has the address."""
        await conn.execute(
            ADD, row.id, row.event, row.session_id, row.address, row.user_agent, row.detail, row.at, user_id
        )

    async def history(
        self, conn: asyncpg.Connection, user_id: int, limit: int, before: UUID | None = None
    ) -> list[EventRow]:
        """The user's events, newest first; `before` continues a page."""
        return [EventRow(*row) for row in await conn.fetch(HISTORY, user_id, before, limit)]

    async def sweep(self, conn: asyncpg.Connection, before: datetime) -> None:
        """Drop what is older."""
        await conn.execute(SWEEP, before)
