"""The SQL of presence leases."""

from collections.abc import Collection
from uuid import UUID

import asyncpg

__all__ = ["LEASE_SECONDS", "LeaseStore"]

LEASE_SECONDS = 10.0  # without a heartbeat a node counts as dead, and with the next beat of another its users are gone

BEAT = """
INSERT INTO presence_nodes (node_id, beat_at) VALUES ($1, clock_timestamp())
ON CONFLICT (node_id) DO UPDATE SET beat_at = excluded.beat_at
RETURNING xmax = 0
"""
TAKE = """
INSERT INTO presence_leases (user_id, node_id) SELECT unnest($2::int[]), $1 ON CONFLICT DO NOTHING
"""
GIVE_BACK = "DELETE FROM presence_leases WHERE node_id = $1 AND user_id = ANY ($2::int[])"
HELD = "SELECT user_id FROM presence_leases WHERE node_id = $1"
# One array a node: of many users, rows would cost more than what is in them.
ELSEWHERE = """
SELECT n.node_id, array_agg(l.user_id) FILTER (WHERE l.user_id IS NOT NULL)
FROM presence_nodes n LEFT JOIN presence_leases l ON l.node_id = n.node_id
WHERE n.node_id <> $1 AND n.beat_at > clock_timestamp() - make_interval(secs => $2)
GROUP BY n.node_id
"""
# A dead node's users were last seen when it last beat. Whoever comes first buries it.
BURY = """
WITH dead AS (
    DELETE FROM presence_nodes WHERE beat_at <= clock_timestamp() - make_interval(secs => $1)
    RETURNING node_id, beat_at
), orphans AS (
    DELETE FROM presence_leases l USING dead WHERE l.node_id = dead.node_id RETURNING l.user_id, dead.beat_at
)
UPDATE users SET last_seen_at = greatest(last_seen_at, date_trunc('milliseconds', o.beat_at))
FROM (SELECT user_id, max(beat_at) AS beat_at FROM orphans GROUP BY user_id) o
WHERE users.id = o.user_id
"""
LEAVE = """
WITH gone AS (DELETE FROM presence_nodes WHERE node_id = $1)
DELETE FROM presence_leases WHERE node_id = $1
"""


class LeaseStore:
    """Takes, keeps and gives back the leases of one node."""

    def __init__(self, pool: asyncpg.Pool, node_id: UUID) -> None:
        self._pool = pool
        self._node_id = node_id

    async def beat(self) -> bool:
        """The node lives; whether the table did not know it."""
        return bool(await self._pool.fetchval(BEAT, self._node_id))

    async def take(self, user_ids: Collection[int]) -> None:
        """These users have a socket here."""
        await self._pool.execute(TAKE, self._node_id, list(user_ids))

    async def give_back(self, user_ids: Collection[int]) -> None:
        """These users have none any more."""
        await self._pool.execute(GIVE_BACK, self._node_id, list(user_ids))

    async def held(self) -> set[int]:
        """Whom the table believes here."""
        return {row[0] for row in await self._pool.fetch(HELD, self._node_id)}

    async def elsewhere(self) -> dict[UUID, set[int]]:
        """Who has a socket on each of the other living nodes."""
        return {row[0]: set(row[1] or ()) for row in await self._pool.fetch(ELSEWHERE, self._node_id, LEASE_SECONDS)}

    async def bury(self) -> None:
        """End the leases of nodes that died; write down when their users were last seen."""
        await self._pool.execute(BURY, LEASE_SECONDS)

    async def leave(self) -> None:
        """The node goes."""
        await self._pool.execute(LEAVE, self._node_id)
