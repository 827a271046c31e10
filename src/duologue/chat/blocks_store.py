"""The SQL of blocks."""

import asyncpg

__all__ = ["BlockStore"]

BLOCK = """
INSERT INTO blocks (blocker_id, blocked_id)
SELECT $1, id FROM users WHERE id = $2 AND erased_at IS NULL
ON CONFLICT (blocker_id, blocked_id) DO UPDATE SET blocked_id = excluded.blocked_id
RETURNING blocked_id
"""
UNBLOCK = "DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2"
BLOCKED = "SELECT blocked_id FROM blocks WHERE blocker_id = $1 ORDER BY blocked_id"
ROOM_OF = """
SELECT id, EXISTS (SELECT FROM blocks WHERE blocker_id = $1 AND blocked_id = $2)
FROM rooms WHERE user1_id = least($1::int, $2::int) AND user2_id = greatest($1::int, $2::int)
"""


class BlockStore:
    """Writes and reads blocks."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def block(self, user_id: int, other_id: int) -> bool:
        """Whether there is such an other."""
        return await self._pool.fetchval(BLOCK, user_id, other_id) is not None

    async def unblock(self, user_id: int, other_id: int) -> None:
        """Forget the block."""
        await self._pool.execute(UNBLOCK, user_id, other_id)

    async def blocked(self, user_id: int) -> list[int]:
        """Whom the user has blocked."""
        return [row[0] for row in await self._pool.fetch(BLOCKED, user_id)]

    async def room_of(self, user_id: int, other_id: int) -> tuple[str, bool] | None:
        """The room of the two, and whether the user has blocked the other now."""
        row = await self._pool.fetchrow(ROOM_OF, user_id, other_id)
        return (str(row[0]), row[1]) if row else None
