"""The SQL of buckets and delays. What decides is one statement each."""

from datetime import datetime, timedelta

import asyncpg

__all__ = ["LimitStore"]

# $3: the burst, $4: tokens a second.
TAKE = """
INSERT INTO rate_buckets AS b (key, tokens, allowed, updated_at) VALUES ($1, $3::float8 - 1, true, $2)
ON CONFLICT (key) DO UPDATE SET
    allowed = least($3, b.tokens + greatest(0, extract(epoch FROM $2 - b.updated_at)) * $4::float8) >= 1,
    tokens = least($3, b.tokens + greatest(0, extract(epoch FROM $2 - b.updated_at)) * $4)
        - CASE WHEN least($3, b.tokens + greatest(0, extract(epoch FROM $2 - b.updated_at)) * $4) >= 1
          THEN 1 ELSE 0 END,
    updated_at = greatest(b.updated_at, $2)
RETURNING allowed, tokens
"""
# Without waiting for the disk: a crash forgets the failures of its last second, and a sign-in waits for one commit.
# $3: free tries, $4: the longest delay in seconds. Every try counts as wrong until it proves right, and is refused
# while a delay runs; both in one statement, so that parallel tries do not slip through together.
ATTEMPT = """
INSERT INTO login_failures AS f (key, failures, retry_at, failed_at)
SELECT $1, 1, $2::timestamptz, $2 FROM set_config('synchronous_commit', 'off', true)
ON CONFLICT (key) DO UPDATE SET
    failures = f.failures + 1,
    retry_at = CASE WHEN f.failures + 1 < $3 THEN $2
        ELSE $2 + make_interval(secs => least($4::float8, power(2, least(30, f.failures + 1 - $3)))) END,
    failed_at = $2
WHERE f.retry_at <= $2
RETURNING failures
"""
DELAYED = "SELECT retry_at FROM login_failures WHERE key = $1"
UNDO = """
UPDATE login_failures SET failures = failures - 1, retry_at = $2
FROM set_config('synchronous_commit', 'off', true) WHERE key = $1 AND failures > 0
"""
FORGIVE = "DELETE FROM login_failures WHERE key = $1"
SWEEP_BUCKETS = "DELETE FROM rate_buckets WHERE updated_at < $1"
SWEEP_FAILURES = "DELETE FROM login_failures WHERE failed_at < $1"


class LimitStore:
    """Counts tries and failures for the whole cluster."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def take(self, key: str, now: datetime, burst: float, rate: float) -> tuple[bool, float]:
        """Spend a token of a bucket that fills with `rate` a second; whether there was one, and how many are left."""
        allowed, tokens = await self._pool.fetchrow(TAKE, key, now, burst, rate)
        return allowed, tokens

    async def attempt(self, key: str, now: datetime, free: int, longest: timedelta) -> int | None:
        """Count a try as a failure; which one in a row it is, or None while a delay is running."""
        failures: int | None = await self._pool.fetchval(ATTEMPT, key, now, free, longest.total_seconds())
        return failures

    async def delayed_until(self, key: str) -> datetime | None:
        """When the next try is looked at."""
        retry_at: datetime | None = await self._pool.fetchval(DELAYED, key)
        return retry_at

    async def undo(self, key: str, now: datetime) -> None:
        """Take a try back."""
        await self._pool.execute(UNDO, key, now)

    async def forgive(self, conn: asyncpg.Connection, key: str) -> None:
        """Begin to count anew."""
        await conn.execute(FORGIVE, key)

    async def sweep(self, conn: asyncpg.Connection, buckets_before: datetime, failures_before: datetime) -> None:
        """Drop full buckets and old failures."""
        await conn.execute(SWEEP_BUCKETS, buckets_before)
        await conn.execute(SWEEP_FAILURES, failures_before)
