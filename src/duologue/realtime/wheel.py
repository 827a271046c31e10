"""One timing wheel for all sockets: an idle socket costs a place in a set, no task and no timer of its own."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

__all__ = ["Visited", "Wheel"]

SLOTS = 64  # seconds; whatever is due later is visited earlier and goes round again

log = structlog.get_logger("duologue.wheel")


class Visited(Protocol):
    """Something that wants a visit now and then."""

    def visit(self, now: float) -> float:
        """Do what is due at the loop time `now`; the seconds until the next visit, or 0 for no more."""


class Wheel:
    """Visits its members when they are due, with a second's precision."""

    def __init__(self, loop_time: Callable[[], float]) -> None:
        self._loop_time = loop_time
        self._slots: list[set[Visited]] = [set() for _ in range(SLOTS)]
        self._places: dict[Visited, int] = {}
        self._hand = 0
        self._task: asyncio.Task[None] | None = None
        self.now = loop_time()
        """The loop's time at the last tick: a clock that costs nothing to read."""

    def __len__(self) -> int:
        return len(self._places)

    def time(self) -> float:
        """The loop's time, exactly."""
        return self._loop_time()

    def start(self) -> None:
        """Begin to turn."""
        self._task = asyncio.create_task(self._turn(), name="wheel")

    async def stop(self) -> None:
        """Stop turning."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def put(self, member: Visited, seconds: float) -> None:
        """Visit the member in about that many seconds, instead of when it was due before."""
        self.remove(member)
        place = (self._hand + max(1, min(SLOTS - 1, int(seconds)))) % SLOTS
        self._slots[place].add(member)
        self._places[member] = place

    def remove(self, member: Visited) -> None:
        """Forget the member."""
        place = self._places.pop(member, None)
        if place is not None:
            self._slots[place].discard(member)

    async def _turn(self) -> None:
        start = self._loop_time()
        turns = 0
        while True:
            turns += 1
            await asyncio.sleep(max(0.0, start + turns - self._loop_time()))
            self.now = self._loop_time()
            self._hand = (self._hand + 1) % SLOTS
            due, self._slots[self._hand] = self._slots[self._hand], set()
            for member in due:
                if self._places.pop(member, None) is None:
                    continue
                try:
                    again = member.visit(self.now)
                except Exception:
                    log.exception("a visit failed")
                    continue
                if again and member not in self._places:
                    self.put(member, again)
