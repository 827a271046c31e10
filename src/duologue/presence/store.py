"""The SQL of the directory and of who was last seen when."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

__all__ = ["DirectoryRow", "PresenceStore"]

SAVE = """
UPDATE users SET last_seen_at = greatest(last_seen_at, seen.at)
FROM unnest($1::int[], $2::timestamptz[]) AS seen(id, at)
WHERE users.id = seen.id
"""
# $1: who looks, where that matters.
PEOPLE = """
SELECT id, email, created_at, last_seen_at FROM users
WHERE erased_at IS NULL AND id > $3
  AND ($2 = '' OR position(lower($2) IN email) > 0 OR position(lower($2) IN lower(display_name)) > 0)
  AND ($1::int IS NULL OR id = $1 OR id IN (
      SELECT user2_id FROM rooms WHERE user1_id = $1 UNION ALL SELECT user1_id FROM rooms WHERE user2_id = $1
  ))
ORDER BY id LIMIT $4
"""
# $1: those who must not be missing, $2: how many of the newest.
NEWEST = """
SELECT id, email, created_at, last_seen_at FROM users
WHERE erased_at IS NULL AND id IN (
    SELECT unnest($1::int[]) UNION ALL (SELECT id FROM users WHERE erased_at IS NULL ORDER BY id DESC LIMIT $2)
)
"""
CONTACTS = "SELECT user2_id FROM rooms WHERE user1_id = $1 UNION ALL SELECT user1_id FROM rooms WHERE user2_id = $1"
SOME_PEOPLE = "SELECT id, email, created_at, last_seen_at FROM users WHERE erased_at IS NULL AND id = ANY ($1::int[])"


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """A member of the directory."""

    id: int
    email: str
    created_at: datetime
    last_seen_at: datetime | None


class PresenceStore:
    """Reads the directory; writes when people left."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def save_last_seen(self, seen: Mapping[int, datetime]) -> None:
        """Write down when each of these users was last seen."""
        await self._pool.execute(SAVE, list(seen), list(seen.values()))

    async def people(self, viewer: int | None, query: str, after_id: int, limit: int) -> list[DirectoryRow]:
        """A page of the directory in id order; with a `viewer`, of that user's contacts."""
        return [DirectoryRow(*row) for row in await self._pool.fetch(PEOPLE, viewer, query, after_id, limit)]

    async def newest(self, wanted: Collection[int], limit: int) -> list[DirectoryRow]:
        """The newest people, and the wanted ones however old; in no order."""
        return [DirectoryRow(*row) for row in await self._pool.fetch(NEWEST, list(wanted), limit)]

    async def contacts(self, user_id: int) -> list[int]:
        """Whom the user shares a room with."""
        return [row[0] for row in await self._pool.fetch(CONTACTS, user_id)]

    async def some_people(self, user_ids: Sequence[int]) -> list[DirectoryRow]:
        """Those of these users who exist."""
        return [DirectoryRow(*row) for row in await self._pool.fetch(SOME_PEOPLE, list(user_ids))]
