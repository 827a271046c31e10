"""The table of waiting mails."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

__all__ = ["OutboxStore", "Waiting"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail we hold the lease of. `attempts` counts this one too, and tells our lease from a later one."""

    id: UUID
    template: str
    recipient: str
    sealed: bytes
    attempts: int
    expires_at: datetime


class OutboxStore:
    """SQL of the outbox. Times are the caller's."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    ADD = """
        INSERT INTO mail_outbox (id, template, recipient, sealed, created_at, due_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $5, $6)
    """

    async def add(
        self,
        conn: asyncpg.Connection,
        mail_id: UUID,
        template: str,
        recipient: str,
        sealed: bytes,
        now: datetime,
        expires_at: datetime,
    ) -> None:
        """In the caller's transaction: the mail exists if and only if what it reports does."""
        await conn.execute(self.ADD, mail_id, template, recipient, sealed, now, expires_at)

    COUNT = "SELECT count(*) FROM mail_outbox"

    async def count(self) -> int:
        """How many wait, also those that are being sent."""
        number: int = await self._pool.fetchval(self.COUNT)
        return number

    CLAIM = """
        WITH due AS (
            SELECT id FROM mail_outbox WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
        )
        UPDATE mail_outbox AS mail SET due_at = $2, attempts = attempts + 1 FROM due WHERE mail.id = due.id
        RETURNING mail.id, template, recipient, sealed, attempts, expires_at
    """

    async def claim(self, now: datetime, lease_until: datetime, limit: int) -> list[Waiting]:
        """Take up to `limit` due mails for ourselves until `lease_until`; several nodes may ask at once."""
        return [Waiting(**row) for row in await self._pool.fetch(self.CLAIM, now, lease_until, limit)]

    REMOVE = "DELETE FROM mail_outbox WHERE id = $1 AND attempts = $2"

    async def remove(self, mail: Waiting) -> None:
        """Sent, or given up. Nothing happens if the lease has passed to someone else."""
        await self._pool.execute(self.REMOVE, mail.id, mail.attempts)

    POSTPONE = "UPDATE mail_outbox SET due_at = $3 WHERE id = $1 AND attempts = $2"

    async def postpone(self, mail: Waiting, due_at: datetime) -> None:
        """Give the lease back and try again at `due_at`."""
        await self._pool.execute(self.POSTPONE, mail.id, mail.attempts, due_at)

    async def release(self, mails: Iterable[Waiting], now: datetime) -> None:
        """Give leases back at once, for another node or the next start."""
        await self._pool.executemany(self.POSTPONE, [(mail.id, mail.attempts, now) for mail in mails])
