"""What the broker lost is read from the log: gaps after a moment, everything when nobody can say what is missing."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import structlog

from duologue.chat.journal import Entry
from duologue.chat.store import Membership
from duologue.database.faults import AWAY
from duologue.realtime.channel import Channel
from duologue.realtime.hub import Hub
from duologue.wire.rooms import Message

__all__ = ["Mender"]

GAP_SECONDS = 0.05  # a message of another node is usually under a millisecond late
RETRY_SECONDS = 1.0
ROOMS_READ = 100  # rooms whose gaps are read together
PAGE = 100  # messages of each
ROOMS_COMPARED = 500

log = structlog.get_logger("duologue.mending")


class Log(Protocol):
    """What is committed."""

    async def behind(self, positions: Mapping[str, int], limit: int) -> Mapping[str, Sequence[Message]]:
        """The first messages of each room behind that `seq`."""

    async def memberships(self, room_ids: Sequence[str]) -> Mapping[str, Membership]:
        """How far each of these rooms has come."""


class Broker(Protocol):
    """Where interest is shown."""

    async def settled(self) -> None:
        """Everything followed so far is heard."""


class Mender:
    """Two tasks: one closes gaps, one compares rooms with the log. Both ask for many rooms at once."""

    def __init__(self, hub: Hub, log: Log, broker: Broker, under_way: Callable[[], Iterable[Entry]]) -> None:
        """`under_way()` are the entries of this node that may be in the log and are not delivered yet."""
        self._hub = hub
        self._log = log
        self._broker = broker
        self._under_way = under_way
        self._opened: list[str] = []
        self._all = False
        self._look = asyncio.Event()
        self._gaps: dict[str, float] = {}
        """When each room that misses something is to be read."""
        self._read = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [
            asyncio.create_task(self._mending(), name="gaps"),
            asyncio.create_task(self._comparing(), name="positions"),
        ]

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def opened(self, room_id: str) -> None:
        """Once the room is heard, see what was said before that."""
        self._opened.append(room_id)
        self._look.set()

    def behind(self, channel: Channel, *, at_once: bool = False) -> None:
        """Something is missing; it has a moment to come by itself, unless `at_once`."""
        now = asyncio.get_running_loop().time()
        due = now if at_once else now + GAP_SECONDS
        self._gaps[channel.room_id] = min(due, self._gaps.get(channel.room_id, due))
        self._read.set()

    def look(self) -> None:
        """Compare every room that somebody listens to with the log."""
        self._all = True
        self._look.set()

    async def _comparing(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            opened, self._opened = self._opened, []
            everything, self._all = self._all, False
            if opened:
                await self._broker.settled()
            try:
                await self._compare(self._hub.rooms() if everything else opened)
            except AWAY as error:
                log.warning("rooms wait for PostgreSQL", reason=type(error).__name__)
                self._opened += opened
                self._all |= everything
                await asyncio.sleep(RETRY_SECONDS)
                self._look.set()

    async def _compare(self, room_ids: Sequence[str]) -> None:
        for first in range(0, len(room_ids), ROOMS_COMPARED):
            told = self._hub.blocks_told
            found = await self._log.memberships(room_ids[first : first + ROOMS_COMPARED])
            for room_id, membership in found.items():
                self._hub.compare(room_id, membership, blocks=told == self._hub.blocks_told)

    async def _mending(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._read.wait()
            self._read.clear()
            while self._gaps:
                await asyncio.sleep(max(0.0, min(self._gaps.values()) - loop.time()))
                due = [room_id for room_id, moment in self._gaps.items() if moment <= loop.time()][:ROOMS_READ]
                try:
                    await self._mend(due)
                except AWAY as error:
                    log.warning("messages of other nodes wait for PostgreSQL", reason=type(error).__name__)
                    await asyncio.sleep(RETRY_SECONDS)

    async def _mend(self, room_ids: Sequence[str]) -> None:
        positions: dict[str, int] = {}
        for room_id in room_ids:
            seq = self._hub.gap_after(room_id)
            if seq is None:  # it came by itself, or nobody is there any more
                del self._gaps[room_id]
            else:
                positions[room_id] = seq
        if not positions:
            return
        found = await self._log.behind(positions, PAGE)
        under_way = {entry.id: entry for entry in self._under_way()}
        for room_id, seq in positions.items():
            messages = found.get(room_id, ())
            if not messages and self._hub.gap_after(room_id) != seq:
                continue  # it has come meanwhile
            if self._hub.mend(room_id, messages, under_way):
                self._gaps.pop(room_id, None)
