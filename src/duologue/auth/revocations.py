"""Sessions that ended while tokens of theirs may still be valid: known in memory, asked on every request."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from duologue.auth.events import SessionEvents
from duologue.auth.sessions_store import SessionStore
from duologue.auth.tokens import ACCESS_LIFETIME
from duologue.database.faults import AWAY

__all__ = ["Revocations"]

SWEEP_SECONDS: Final = 60.0
MARGIN: Final = timedelta(minutes=1)  # transactions commit after the moment they write

log = structlog.get_logger("duologue.auth")


class Revocations:
    """At most a minute behind the table for what other nodes ended; at once for what ended here."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        store: SessionStore,
        events: SessionEvents,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._store = store
        self._events = events
        self._clock = clock
        self._forget_at: dict[UUID, datetime] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def is_revoked(self, session_id: UUID) -> bool:
        """Whether tokens of this session are no longer believed. Needs no query."""
        return session_id in self._forget_at

    def revoke(self, session_id: UUID, reason: str) -> None:
        """Believe no token of this session from now on, and tell the listeners and the other nodes, once."""
        self._revoke(session_id, reason, here=True)

    def learn(self, session_id: UUID, reason: str) -> None:
        """Likewise, for a session that another node has ended."""
        self._revoke(session_id, reason, here=False)

    async def start(self) -> None:
        """Know what the table knows, then look again every minute."""
        await self.sweep()
        self._sweeper = asyncio.create_task(self._run(), name="session revocations")

    async def stop(self) -> None:
        """End the sweeping."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None

    async def sweep(self) -> None:
        """Take from the table what was missed, and forget sessions whose last token has run out."""
        now = self._clock()
        async with self._pool.acquire() as conn:
            ended = await self._store.ended_since(conn, now - ACCESS_LIFETIME - MARGIN)
        for session_id, _, reason in ended:
            self.learn(session_id, reason)
        self._forget_at = {id_: at for id_, at in self._forget_at.items() if at > now}

    async def expiries(self, session_ids: Sequence[UUID]) -> dict[UUID, int]:
        """When the newest access token of each live session runs out, in seconds since the epoch."""
        async with self._pool.acquire() as conn:
            rotated = await self._store.rotated(conn, session_ids)
        return {id_: int((moment + ACCESS_LIFETIME).timestamp()) for id_, moment in rotated}

    def _revoke(self, session_id: UUID, reason: str, *, here: bool) -> None:
        if session_id in self._forget_at:
            return
        self._forget_at[session_id] = self._clock() + ACCESS_LIFETIME + MARGIN
        self._events.ended(session_id, reason, here=here)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except (*AWAY, asyncpg.PostgresError) as error:
                log.warning("revocations wait for the database", reason=type(error).__name__)
