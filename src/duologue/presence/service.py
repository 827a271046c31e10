"""Who is online: a user's first socket and last one are news; a reload is not a departure."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from uuid import UUID

import structlog

from duologue.database.faults import AWAY
from duologue.presence.leases import Leases
from duologue.presence.leases_store import LeaseStore
from duologue.presence.store import PresenceStore

__all__ = ["PresenceService"]

LINGER_SECONDS = 5.0  # a reload, or a phone that changes its network, takes less
SEEN_KEPT = 10_000  # departures elsewhere; older ones are in the database
SAVE_SECONDS = 2.0  # departures are written together

log = structlog.get_logger("duologue.presence")

Listener = Callable[[int], None]


class PresenceService:
    """Counts the sockets of each user on this node and tells listeners of arrivals and departures."""

    def __init__(
        self,
        store: PresenceStore,
        lease_store: LeaseStore,
        clock: Callable[[], datetime],
        *,
        living: Callable[[Collection[UUID]], None] = lambda nodes: None,
        wrote: Callable[[Collection[int], Mapping[int, datetime]], None] = lambda came, went: None,
    ) -> None:
        """`living(nodes)` hears which other nodes live; `wrote(came, went)` of comings and goings here, once stored."""
        self._store = store
        self._wrote = wrote
        self._leases = Leases(
            lease_store, self._present, self._changed_elsewhere, living=living, wrote=self._wrote_leases
        )
        self._clock = clock
        self._sockets: dict[int, int] = {}
        # Users without a socket, and when they left: in the order of leaving, since everyone lingers equally long.
        self._leaving: dict[int, tuple[float, datetime]] = {}
        self._seen: dict[int, datetime] = {}
        self._seen_elsewhere: OrderedDict[int, datetime] = OrderedDict()
        """When those who left other nodes were last seen: a little ahead of the database."""
        self._unsaved: dict[int, datetime] = {}
        self._listeners: list[Listener] = []
        self._timer: asyncio.TimerHandle | None = None
        self._saver: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> None:
        """Call `listener(user_id)` whenever that user comes or goes."""
        self._listeners.append(listener)

    def is_online(self, user_id: int) -> bool:
        """Whether the user has a socket open, or had one a moment ago."""
        return self._is_here(user_id) or user_id in self._leases.elsewhere

    def online(self, limit: int) -> list[int]:
        """Some of those who are online, as many as that."""
        return list(itertools.islice(itertools.chain(self._sockets, self._leaving, self._leases.elsewhere), limit))

    def last_seen_at(self, user_id: int, stored: datetime | None) -> datetime | None:
        """When the user last left; `stored` is what the database says."""
        known = [
            moment
            for moment in (stored, self._seen.get(user_id), self._seen_elsewhere.get(user_id))
            if moment is not None
        ]
        return max(known, default=None)

    def came_elsewhere(self, node: UUID, user_ids: Collection[int]) -> None:
        """Another node tells of those who came to it."""
        self._leases.told(node, user_ids, here=True)

    def went_elsewhere(self, node: UUID, seen: Mapping[int, datetime]) -> None:
        """Another node tells of those who left it, and when."""
        for user_id, moment in seen.items():
            self._seen_elsewhere[user_id] = moment
            self._seen_elsewhere.move_to_end(user_id)
        while len(self._seen_elsewhere) > SEEN_KEPT:
            self._seen_elsewhere.popitem(last=False)
        self._leases.told(node, seen.keys(), here=False)

    def came(self, user_id: int) -> None:
        """A socket of the user opened."""
        count = self._sockets.get(user_id, 0)
        self._sockets[user_id] = count + 1
        if count == 0 and self._leaving.pop(user_id, None) is None:
            self._leases.note()
            if user_id not in self._leases.elsewhere:
                self._tell(user_id)

    def went(self, user_id: int) -> None:
        """A socket of the user closed."""
        count = self._sockets[user_id] - 1
        if count:
            self._sockets[user_id] = count
            return
        del self._sockets[user_id]
        self._leaving[user_id] = (asyncio.get_running_loop().time() + LINGER_SECONDS, self._clock())
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._depart)

    async def start(self) -> None:
        """Learn who is elsewhere, and bury what died."""
        await self._leases.start()

    async def stop(self) -> None:
        """Write down when those still here were last seen."""
        await self._leases.stop()
        if self._timer is not None:
            self._timer.cancel()
        if self._saver is not None:
            self._saver.cancel()
        now = self._clock()
        self._unsaved |= {user_id: left for user_id, (_, left) in self._leaving.items()}
        self._unsaved |= dict.fromkeys(self._sockets, now)
        await self._save()

    def _wrote_leases(self, came: Collection[int], went: Collection[int]) -> None:
        now = self._clock()
        self._wrote(came, {user_id: self._seen.get(user_id, now) for user_id in went})

    def _is_here(self, user_id: int) -> bool:
        return user_id in self._sockets or user_id in self._leaving

    def _present(self) -> set[int]:
        return self._sockets.keys() | self._leaving.keys()

    def _changed_elsewhere(self, user_id: int) -> None:
        if not self._is_here(user_id):
            self._tell(user_id)

    def _depart(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for user_id, (until, left) in list(self._leaving.items()):
            if until > loop.time():
                self._timer = loop.call_at(until, self._depart)
                break
            del self._leaving[user_id]
            self._seen[user_id] = self._unsaved[user_id] = left
            self._leases.note()
            if user_id not in self._leases.elsewhere:
                self._tell(user_id)
        if self._unsaved and self._saver is None:
            self._saver = asyncio.create_task(self._save_soon(), name="presence")

    async def _save_soon(self) -> None:
        while self._unsaved:
            await asyncio.sleep(SAVE_SECONDS)
            await self._save()
        self._saver = None

    async def _save(self) -> None:
        batch, self._unsaved = self._unsaved, {}
        if not batch:
            return
        try:
            await self._store.save_last_seen(batch)
        except AWAY as error:  # the next departure writes them again
            log.warning("could not write down who left", reason=type(error).__name__)
            self._unsaved = batch | self._unsaved
        else:
            for user_id, left in batch.items():
                if self._seen.get(user_id) == left:
                    del self._seen[user_id]  # the database knows it now

    def _tell(self, user_id: int) -> None:
        for listener in self._listeners:
            listener(user_id)
