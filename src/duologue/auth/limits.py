"""How often an address and a network may try: token buckets and growing delays, cluster-wide in PostgreSQL.

Both count alike for addresses that exist and that do not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from duologue.auth.client import Client
from duologue.auth.limits_store import LimitStore
from duologue.errors import AppError, Code

__all__ = ["FREE_FAILURES", "LIMITS", "LONGEST_DELAY", "Limit", "Limits", "delay_key", "failure_delay", "too_many"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket of `burst` tries that fills again within `seconds`."""

    name: str
    burst: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Pair:
    """The limits of one kind of request: for the network it comes from, and for the address it names."""

    network: Limit
    address: Limit


# A network may be a whole office behind one address; an address is one person.
LIMITS: Final = {
    "login": Pair(Limit("login-network", 60, 60), Limit("login-address", 20, 60)),
    "register": Pair(Limit("register-network", 60, 3600), Limit("register-address", 6, 3600)),
    "code": Pair(Limit("code-network", 120, 600), Limit("code-address", 60, 600)),
    "export": Pair(Limit("export-network", 60, 3600), Limit("export-address", 10, 3600)),
    "mail": Pair(Limit("mail-network", 60, 3600), Limit("mail-address", 30, 3600)),
}
FREE_FAILURES: Final = 5
LONGEST_DELAY: Final = timedelta(minutes=15)
FORGOTTEN: Final = timedelta(days=90)


def failure_delay(failures: int) -> timedelta:
    """How long to wait after that many wrong passwords in a row."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    return min(LONGEST_DELAY, timedelta(seconds=2 ** min(30, failures - FREE_FAILURES)))


def too_many(retry_after: float, limit: Limit | None = None) -> AppError:
    """429, with the header fields of draft-ietf-httpapi-ratelimit-headers."""
    seconds = max(1, math.ceil(retry_after))
    name, burst, window = (limit.name, limit.burst, limit.seconds) if limit else ("delay", 1, seconds)
    return AppError(
        Code.RATE_LIMITED,
        f"Too many tries; wait {seconds} seconds.",
        retry_after=seconds - 0.5,  # the edge rounds up
        headers={
            "RateLimit-Policy": f'"{name}";q={burst};w={window}',
            "RateLimit": f'"{name}";r=0;t={seconds}',
        },
    )


class Limits:
    """Refuses what comes too often."""

    def __init__(self, store: LimitStore, clock: Callable[[], datetime], factor: float) -> None:
        """`factor` multiplies every bucket; 0 switches buckets and delays off."""
        self._store = store
        self._clock = clock
        self._factor = factor

    async def check(self, kind: str, client: Client, email: str | None = None) -> None:
        """Spend a try; the network's first, so that a refused network can not use up an address's tries."""
        if not self._factor:
            return
        pair = LIMITS[kind]
        await self._take(pair.network, client.network)
        if email is not None:
            await self._take(pair.address, email)

    async def attempt(self, key: str) -> int:
        """Count a password about to be verified; which try in a row it is. Refused while a delay is running.

        A refused try is not looked at, so it does not count either.
        """
        if not self._factor:
            return 0
        now = self._clock()
        failures = await self._store.attempt(key, now, FREE_FAILURES, LONGEST_DELAY)
        if failures is None:
            retry_at = await self._store.delayed_until(key)
            raise too_many((retry_at - now).total_seconds() if retry_at else 1.0)
        return failures

    async def undo(self, key: str) -> None:
        """The password could not be looked at: the try does not count."""
        await self._store.undo(key, self._clock())

    async def forgive(self, conn: asyncpg.Connection, key: str) -> None:
        """A right password: the count begins again."""
        await self._store.forgive(conn, key)

    async def sweep(self, conn: asyncpg.Connection, now: datetime) -> None:
        """Drop full buckets and old failures."""
        await self._store.sweep(conn, now - timedelta(hours=1), now - FORGOTTEN)

    async def _take(self, limit: Limit, key: str) -> None:
        burst = max(1.0, limit.burst * self._factor)
        rate = burst / limit.seconds
        allowed, tokens = await self._store.take(f"{limit.name}:{key}", self._clock(), burst, rate)
        if not allowed:
            raise too_many((1 - tokens) / rate, limit)


def delay_key(email: str, client: Client, *, known_network: bool) -> str:
    """Whose failures count together: the whole world's, but those from a network its owner is known in apart.

    So strangers who keep guessing delay each other, and not the owner at home.
    """
    return f"{email} {client.network}" if known_network else email
