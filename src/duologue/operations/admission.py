"""Whom a node still takes: it refuses in microseconds what it could not serve well, and says when to come again."""

import random
from collections import Counter
from collections.abc import Callable, Sized
from enum import StrEnum
from typing import Final

import structlog

from duologue.operations.memory import resident

__all__ = ["Admission", "Reason"]

UNDER_WAY: Final = 2_000  # handshakes: a second's work of a node, so that nobody it takes waits much longer
SOON: Final = (1, 5)  # seconds, of which each client is told its own
LATER: Final = (5, 20)  # what is full empties slowly
VISIT_SECONDS: Final = 1.0

log = structlog.get_logger("duologue.admission")


class Reason(StrEnum):
    """Why somebody was not taken."""

    SOCKETS = "sockets"
    MEMORY = "memory"
    UNDER_WAY = "handshakes"
    RATE = "rate"


class Admission:
    """Bounds sockets, handshakes at once and a second, and memory. Asked before anything else is done."""

    def __init__(
        self,
        sockets: Sized,
        loop_time: Callable[[], float],
        *,
        max_sockets: int,
        connect_rate: int,
        max_memory: int,
        memory: Callable[[], int | None] = resident,
    ) -> None:
        """`connect_rate` in handshakes a second, as many at once; `max_memory` in MiB."""
        self._sockets = sockets
        self._loop_time = loop_time
        self._max_sockets = max_sockets
        self._rate = float(connect_rate)
        self._allowance = self._rate
        self._at = loop_time()
        self._max_memory = max_memory
        self._memory = memory
        self.is_short_of_memory = False
        """Whether the process holds more than it may."""
        self.refused: Counter[Reason] = Counter()

    def handshake(self, under_way: int) -> int:
        """0: go on. Else the seconds after which this client may try again; `under_way` are not open yet."""
        if self.is_short_of_memory:
            return self._refuse(Reason.MEMORY, LATER)
        if len(self._sockets) + under_way >= self._max_sockets:
            return self._refuse(Reason.SOCKETS, LATER)
        if under_way >= UNDER_WAY:
            return self._refuse(Reason.UNDER_WAY, SOON)
        now = self._loop_time()
        self._allowance = min(self._rate, self._allowance + (now - self._at) * self._rate)
        self._at = now
        if self._allowance < 1.0:
            return self._refuse(Reason.RATE, SOON)
        self._allowance -= 1.0
        return 0

    def request(self) -> int:
        """The same for an HTTP request: only memory is counted, for it holds on to nothing else."""
        return self._refuse(Reason.MEMORY, LATER) if self.is_short_of_memory else 0

    def counts(self) -> dict[str, int]:
        """How many were refused so far, by reason."""
        return {reason.value: number for reason, number in self.refused.items()}

    def visit(self, now: float) -> float:
        """Look at the memory; the wheel comes every second."""
        held = self._memory()
        if held is None:
            return 0
        was, self.is_short_of_memory = self.is_short_of_memory, held >= self._max_memory
        if self.is_short_of_memory and not was:
            log.warning("out of memory: nobody new is taken", held_mib=held, max_memory=self._max_memory)
        elif was and not self.is_short_of_memory:
            log.info("memory is there again", held_mib=held, refused=self.refused[Reason.MEMORY])
        return VISIT_SECONDS

    def _refuse(self, reason: Reason, seconds: tuple[int, int]) -> int:
        self.refused[reason] += 1
        return random.randint(*seconds)
