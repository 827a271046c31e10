"""Leases: how nodes know of each other's users, and what remains of a node that was killed."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from uuid import UUID

import structlog

from duologue.database.faults import AWAY
from duologue.presence.leases_store import LEASE_SECONDS, LeaseStore

__all__ = ["Leases"]

BEAT_SECONDS = 3.0
WRITE_SECONDS = 0.25  # comings and goings are written together

log = structlog.get_logger("duologue.presence")


class Leases:
    """Writes who is here a quarter of a second after the fact, then tells; reads who is elsewhere with every heartbeat.

    A node whose heartbeat stops is buried by any other within 15 s; a single node that was killed, by its next start.
    """

    def __init__(
        self,
        store: LeaseStore,
        present: Callable[[], set[int]],
        changed: Callable[[int], None],
        *,
        living: Callable[[Collection[UUID]], None],
        wrote: Callable[[Collection[int], Collection[int]], None],
    ) -> None:
        """`present()` are this node's users; `changed(user_id)` hears of those who came or went elsewhere.

        `living(nodes)` hears with every beat who else lives; `wrote(came, went)` of our users, once it is stored.
        """
        self._store = store
        self._present = present
        self._changed = changed
        self._living = living
        self._wrote = wrote
        self._written: set[int] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._nodes: dict[UUID, set[int]] = {}
        self._beaten = float("-inf")
        self._patient_until = float("-inf")
        """PostgreSQL was away, or lost the table in a crash: the others need a moment to write themselves down again.

        Until then nobody is dead, and whoever was there still is.
        """
        self._told: list[tuple[UUID, Collection[int], bool]] | None = None
        """What other nodes tell while the table is being read, which may be older."""
        self.elsewhere: Counter[int] = Counter()
        """Users with a socket on other nodes, and on how many."""

    async def start(self) -> None:
        """Take part."""
        await self._store.bury()  # what remains of a node that was killed, which may have been this one
        await self._beat()
        self._patient_until = float("-inf")
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

    def told(self, node: UUID, user_ids: Collection[int], *, here: bool) -> None:
        """Another node says who came to it or left it. It has written so before."""
        if self._told is not None:
            self._told.append((node, user_ids, here))
        of_node = self._nodes.setdefault(node, set())
        for user_id in user_ids:
            if (user_id in of_node) != here:
                (of_node.add if here else of_node.discard)(user_id)
                self._count(user_id, 1 if here else -1)

    async def _beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._beat()
            except AWAY as error:
                log.warning("presence waits for PostgreSQL", reason=type(error).__name__)

    async def _beat(self) -> None:
        now = asyncio.get_running_loop().time()
        if await self._store.beat() or now - self._beaten > 2 * BEAT_SECONDS:
            self._patient_until = now + LEASE_SECONDS
        self._beaten = now
        is_patient = now < self._patient_until
        if not is_patient:
            await self._store.bury()
        # A crash of PostgreSQL empties the table: what it holds of ours is compared, not remembered.
        self._written = await self._store.held()
        self._wake.set()
        self._told = []
        try:
            nodes = await self._store.elsewhere()
            for node, user_ids, here in self._told:
                if node in nodes:
                    (nodes[node].update if here else nodes[node].difference_update)(user_ids)
        finally:
            self._told = None
        self._living(nodes.keys())
        if is_patient:
            for node, user_ids in self._nodes.items():
                nodes.setdefault(node, set()).update(user_ids)
        self._nodes = nodes
        before, self.elsewhere = self.elsewhere, Counter(user for users in nodes.values() for user in users)
        for user_id in before.keys() ^ self.elsewhere.keys():
            self._changed(user_id)

    async def _writing(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(WRITE_SECONDS)
            self._wake.clear()
            present = self._present()
            came, went = present - self._written, self._written - present
            try:
                if came:
                    await self._store.take(came)
                if went:
                    await self._store.give_back(went)
            except AWAY as error:
                log.warning("presence waits for PostgreSQL", reason=type(error).__name__)
            else:
                self._written = present
                if came or went:
                    self._wrote(came, went)

    def _count(self, user_id: int, step: int) -> None:
        before = user_id in self.elsewhere
        self.elsewhere[user_id] += step
        if not self.elsewhere[user_id]:
            del self.elsewhere[user_id]
        if before != (user_id in self.elsewhere):
            self._changed(user_id)
