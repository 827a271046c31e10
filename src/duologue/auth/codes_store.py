"""The SQL of one-time codes. What decides is one statement each: count, compare and consume at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from duologue.auth.otp import Purpose

__all__ = ["CODE_ATTEMPTS", "CodeRow", "CodeStore", "Draft"]

CODE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Draft:
    """A code about to be stored. Without registration and user it is a decoy that nothing opens."""

    id: UUID
    purpose: Purpose
    email: str
    registration_id: UUID | None
    user_id: int | None
    salt: bytes
    digest: bytes
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CodeRow:
    """What a guess needs to know beforehand; none of it ever changes but `attempts` and `consumed`."""

    id: UUID
    salt: bytes
    user_id: int | None
    attempts: int
    expires_at: datetime
    consumed: bool


ADD = """
INSERT INTO codes (id, purpose, email, registration_id, user_id, salt, digest, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
# A new code takes the place of the older ones of the same purpose and owner.
SUPERSEDE = """
DELETE FROM codes WHERE email = $1 AND purpose = $2
AND registration_id IS NOT DISTINCT FROM $3 AND user_id IS NOT DISTINCT FROM $4
"""
NEWEST = """
SELECT id, salt, user_id, attempts, expires_at, consumed_at IS NOT NULL FROM codes
WHERE email = $1 AND purpose = $2
AND ($3::uuid IS NULL OR registration_id = $3) AND ($4::int IS NULL OR user_id = $4)
ORDER BY created_at DESC, id DESC LIMIT 1
"""
# Each guess locks the row, so that of any number at once the sixth sees five attempts and is not compared.
GUESS = f"""
UPDATE codes SET
    attempts = attempts + 1,
    consumed_at = CASE WHEN digest = $2 THEN $3::timestamptz END
WHERE id = $1 AND attempts < {CODE_ATTEMPTS} AND consumed_at IS NULL AND expires_at > $3
RETURNING digest = $2
"""
# A sliding day of moments. The WHERE is judged again on the newest version of the row, so parallel calls cannot
# slip through together.
TAKE = """
INSERT INTO code_budgets AS b (email, kind, events, last_at) VALUES ($1, $2, ARRAY[$3::timestamptz], $3)
ON CONFLICT (email, kind) DO UPDATE SET
    events = ARRAY(SELECT e FROM unnest(b.events) e WHERE e > $3 - interval '1 day') || $3::timestamptz,
    last_at = $3
WHERE b.last_at <= $3 - $4::interval
  AND (SELECT count(*) FROM unnest(b.events) e WHERE e > $3 - interval '1 hour') < $5
  AND (SELECT count(*) FROM unnest(b.events) e WHERE e > $3 - interval '1 day') < $6
RETURNING true
"""
BUDGET = "SELECT events, last_at FROM code_budgets WHERE email = $1 AND kind = $2"
NOTE = """
INSERT INTO code_budgets AS b (email, kind, events, last_at) VALUES ($1, $2, '{}', $3)
ON CONFLICT (email, kind) DO UPDATE SET last_at = greatest(b.last_at, $3)
"""
SWEEP_CODES = "DELETE FROM codes WHERE expires_at <= $1"
SWEEP_BUDGETS = "DELETE FROM code_budgets WHERE last_at <= $1"


class CodeStore:
    """Keeps codes and how often an address was bothered with them."""

    async def add(self, conn: asyncpg.Connection, draft: Draft) -> None:
        """Store a code; the owner's older ones are gone."""
        await conn.execute(SUPERSEDE, draft.email, draft.purpose.value, draft.registration_id, draft.user_id)
        await conn.execute(
            ADD,
            draft.id,
            draft.purpose.value,
            draft.email,
            draft.registration_id,
            draft.user_id,
            draft.salt,
            draft.digest,
            draft.created_at,
            draft.expires_at,
        )

    async def newest(
        self,
        conn: asyncpg.Connection,
        email: str,
        purpose: Purpose,
        *,
        registration_id: UUID | None = None,
        user_id: int | None = None,
    ) -> CodeRow | None:
        """The code a guess is meant for."""
        row = await conn.fetchrow(NEWEST, email, purpose.value, registration_id, user_id)
        return CodeRow(*row) if row else None

    async def guess(self, conn: asyncpg.Connection, code_id: UUID, digest: bytes, now: datetime) -> bool | None:
        """Count the attempt, compare, and consume when right. None: used up, expired or consumed, not compared."""
        right: bool | None = await conn.fetchval(GUESS, code_id, digest, now)
        return right

    async def take(
        self,
        conn: asyncpg.Connection,
        email: str,
        kind: str,
        now: datetime,
        *,
        cool_down: timedelta,
        per_hour: int,
        per_day: int,
    ) -> bool:
        """Spend one of the address's chances; False when it has none now."""
        return await conn.fetchval(TAKE, email, kind, now, cool_down, per_hour, per_day) is True

    async def budget(self, conn: asyncpg.Connection, email: str, kind: str) -> tuple[list[datetime], datetime] | None:
        """What was spent within about a day, and the last moment."""
        row = await conn.fetchrow(BUDGET, email, kind)
        return (row[0], row[1]) if row else None

    async def note(self, conn: asyncpg.Connection, email: str, kind: str, now: datetime) -> None:
        """Begin the cool-down without spending a chance."""
        await conn.execute(NOTE, email, kind, now)

    async def sweep(self, conn: asyncpg.Connection, codes_before: datetime, budgets_before: datetime) -> None:
        """Drop what no rule looks at any more."""
        await conn.execute(SWEEP_CODES, codes_before)
        await conn.execute(SWEEP_BUDGETS, budgets_before)
