"""The SQL of sessions. A session is one row, and one statement decides what a refresh token is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from duologue.auth.client import Client
from duologue.auth.tokens import Claims, Family

__all__ = ["Ended", "Rotated", "SessionRow", "SessionStore"]

OPEN = """
INSERT INTO sessions (id, user_id, generation, parent_generation, rotated_at, confirmed, created_at, last_used_at,
    absolute_expires_at, user_agent, address, network)
VALUES ($1, $2, 1, 0, $3, true, $3, $3, $4, $5, $6, $7)
"""
KNOWN_DEVICE = """
SELECT NOT EXISTS (SELECT FROM sessions WHERE user_id = $1)
    OR EXISTS (SELECT FROM sessions WHERE user_id = $1 AND user_agent = $2)
"""
# $2: the generation presented, $3: now, $4: the grace, $5: how long a lost answer may be asked for again.
PRESENT = "$2::int = generation"
PARENT = "$2::int = parent_generation"
SAME = f"{PARENT} AND $3::timestamptz < rotated_at + $4::interval"
# Once: after that the generation is two ahead of its parent.
LOST = (
    f"{PARENT} AND NOT confirmed AND generation = parent_generation + 1 AND $3::timestamptz < rotated_at + $5::interval"
)
# PostgreSQL judges the row again, in its newest version, after waiting for its lock: fifty at once rotate once.
#   the present generation              -> the next one
#   its parent, within the grace        -> nothing changes: the same successor once more
#   its parent, successor never used    -> the answer was lost: another successor
#   anything older                      -> stolen: the family ends
ROTATE = f"""
UPDATE sessions SET
    generation = CASE WHEN {PRESENT} THEN generation + 1 WHEN {SAME} THEN generation
        WHEN {LOST} THEN generation + 1 ELSE generation END,
    parent_generation = CASE WHEN {PRESENT} THEN generation ELSE parent_generation END,
    confirmed = CASE WHEN {PRESENT} THEN false ELSE confirmed END,
    rotated_at = CASE WHEN {PRESENT} THEN $3 WHEN {SAME} THEN rotated_at WHEN {LOST} THEN $3 ELSE rotated_at END,
    ended_at = CASE WHEN {PRESENT} OR ({SAME}) OR ({LOST}) THEN NULL ELSE $3 END,
    end_reason = CASE WHEN {PRESENT} OR ({SAME}) OR ({LOST}) THEN NULL ELSE 'reuse' END,
    last_used_at = $3, user_agent = $6, address = $7, network = $8
WHERE id = $1 AND ended_at IS NULL AND absolute_expires_at > $3
RETURNING user_id, generation, rotated_at, absolute_expires_at, ended_at IS NOT NULL
"""
# Locked in the order of ids, as nodes may write the same sessions.
CONFIRM = """
UPDATE sessions s SET confirmed = true, last_used_at = greatest(last_used_at, $3)
FROM (
    SELECT s.id, c.generation FROM unnest($1::uuid[], $2::int[]) AS c(id, generation) JOIN sessions s ON s.id = c.id
    ORDER BY s.id FOR NO KEY UPDATE OF s
) c
WHERE s.id = c.id AND s.generation = c.generation AND s.ended_at IS NULL
"""
END_ONE = """
UPDATE sessions SET ended_at = $3, end_reason = $4
WHERE id = $1 AND ($2::int IS NULL OR user_id = $2) AND ended_at IS NULL RETURNING id, user_id
"""
END_ALL = """
UPDATE sessions SET ended_at = $3, end_reason = $4
WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND ended_at IS NULL RETURNING id, user_id
"""
LIVE = """
SELECT id, user_agent, address, created_at, last_used_at, absolute_expires_at FROM sessions
WHERE user_id = $1 AND ended_at IS NULL AND absolute_expires_at > $2 AND rotated_at > $2 - $3::interval
ORDER BY last_used_at DESC, id
"""
ENDED_SINCE = "SELECT id, user_id, end_reason FROM sessions WHERE ended_at > $1"
ROTATED = "SELECT id, rotated_at FROM sessions WHERE id = ANY ($1::uuid[]) AND ended_at IS NULL"
SWEEP = "DELETE FROM sessions WHERE ended_at < $1 OR absolute_expires_at < $1"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What became of a refresh."""

    family: Family
    stolen: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that just ended."""

    session_id: UUID
    user_id: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A live session, for its owner's list."""

    id: UUID
    user_agent: str
    address: str
    created_at: datetime
    last_used_at: datetime
    absolute_expires_at: datetime


class SessionStore:
    """Opens, rotates and ends sessions."""

    async def open(self, conn: asyncpg.Connection, family: Family, client: Client) -> bool:
        """A new session; True when its device is new to a user who has signed in before."""
        known = await conn.fetchval(KNOWN_DEVICE, family.user_id, client.user_agent)
        await conn.execute(
            OPEN,
            family.session_id,
            family.user_id,
            family.rotated_at,
            family.absolute_expires_at,
            client.user_agent,
            client.address,
            client.network,
        )
        return not known

    async def rotate(
        self,
        conn: asyncpg.Connection,
        claims: Claims,
        client: Client,
        now: datetime,
        *,
        grace: timedelta,
        lost_answer: timedelta,
    ) -> Rotated | None:
        """Swap a generation for its successor; None when the session is over."""
        row = await conn.fetchrow(
            ROTATE,
            claims.session_id,
            claims.generation,
            now,
            grace,
            lost_answer,
            client.user_agent,
            client.address,
            client.network,
        )
        if row is None:
            return None
        user_id, generation, rotated_at, absolute_expires_at, stolen = row
        return Rotated(Family(claims.session_id, user_id, generation, rotated_at, absolute_expires_at), stolen)

    async def confirm(self, conn: asyncpg.Connection, rotations: Sequence[tuple[UUID, int]], now: datetime) -> None:
        """These generations of sessions arrived: their access tokens are in use."""
        ids, generations = zip(*rotations, strict=True)
        await conn.execute(CONFIRM, ids, generations, now)

    async def end(
        self, conn: asyncpg.Connection, session_id: UUID, reason: str, now: datetime, *, user_id: int | None = None
    ) -> Ended | None:
        """End one session, of this user if given; None when it is not live or not theirs."""
        row = await conn.fetchrow(END_ONE, session_id, user_id, now, reason)
        return Ended(*row) if row else None

    async def end_all(
        self, conn: asyncpg.Connection, user_id: int, reason: str, now: datetime, *, keep: UUID | None = None
    ) -> list[Ended]:
        """End every session of the user but `keep`."""
        return [Ended(*row) for row in await conn.fetch(END_ALL, user_id, keep, now, reason)]

    async def live(self, conn: asyncpg.Connection, user_id: int, now: datetime, idle: timedelta) -> list[SessionRow]:
        """The user's sessions that can still be refreshed, the last used first."""
        return [SessionRow(*row) for row in await conn.fetch(LIVE, user_id, now, idle)]

    async def ended_since(self, conn: asyncpg.Connection, moment: datetime) -> list[tuple[UUID, int, str]]:
        """Sessions that ended after `moment`: id, user and reason."""
        return [(row[0], row[1], row[2]) for row in await conn.fetch(ENDED_SINCE, moment)]

    async def rotated(self, conn: asyncpg.Connection, session_ids: Sequence[UUID]) -> list[tuple[UUID, datetime]]:
        """When each of these, if it is live, was last refreshed."""
        return [(row[0], row[1]) for row in await conn.fetch(ROTATED, list(session_ids))]

    async def sweep(self, conn: asyncpg.Connection, before: datetime) -> None:
        """Drop sessions that have been over for long."""
        await conn.execute(SWEEP, before)
