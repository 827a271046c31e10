"""Leases: how nodes know of each other's users, and what remains of a node that was killed."""

import asyncio
from collections.abc import Callable

import structlog

from duologue.database.faults import AWAY
from duologue.presence.leases_store import LeaseStore

__all__ = ["Leases"]

BEAT_SECONDS = 5.0
WRITE_SECONDS = 0.25  # comings and goings are written together

log = structlog.get_logger("duologue.presence")


class Leases:
    """Writes who is here a quarter of a second after the fact; reads who is elsewhere with every heartbeat.

    A node whose heartbeat stops is buried by any other within 20 s; a single node that was killed, by its next start.
    """

    def __init__(self, store: LeaseStore, present: Callable[[], set[int]], changed: Callable[[int], None]) -> None:
        """`present()` are this node's users; `changed(user_id)` hears of those who came or went elsewhere."""
        self._store = store
        self._present = present
        self._changed = changed
        self._written: set[int] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.elsewhere: set[int] = set()
        """Users with a socket on another node."""

    async def start(self) -> None:
        """Take part."""
        await self._beat()
        self._tasks = [
            asyncio.create_task(self._beating(), name="presence heartbeat"),
            asyncio.create_task(self._writing(), name="presence leases"),
        ]

    async def stop(self) -> None:
        """Give everything back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._store.leave()
        except AWAY as error:
            log.warning("presence leases were left to run out", reason=type(error).__name__)

    def note(self) -> None:
        """Somebody came here, or went."""
        self._wake.set()

    async def _beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._beat()
            except AWAY as error:
                log.warning("presence waits for PostgreSQL", reason=type(error).__name__)

    async def _beat(self) -> None:
        await self._store.beat()
        await self._store.bury()
        # A crash of PostgreSQL empties the table: what it holds of ours is compared, not remembered.
        self._written = await self._store.held()
        self._wake.set()
        before, self.elsewhere = self.elsewhere, await self._store.elsewhere()
        for user_id in before ^ self.elsewhere:
            self._changed(user_id)

    async def _writing(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(WRITE_SECONDS)
            self._wake.clear()
            present = self._present()
            try:
                if came := present - self._written:
                    await self._store.take(came)
                if went := self._written - present:
                    await self._store.give_back(went)
            except AWAY as error:
                log.warning("presence waits for PostgreSQL", reason=type(error).__name__)
            else:
                self._written = present
