"""How a node lets its sockets go: in batches, each finished first, each told a time of its own to come back."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from duologue.errors import Close
from duologue.realtime.refusal import retry_hint
from duologue.realtime.sockets import Sockets

__all__ = ["Plan", "drain", "plan"]

RETURNS: Final = 1_000  # sockets a second that the nodes which stay are asked to take; one takes half as many again
SHORTEST_MS: Final = 2_500  # a restart takes about as long
SOONEST_MS: Final = 500  # else it comes back before its balancer has noticed
BATCH: Final = 100
TURNS: Final = 25
PAUSE_SECONDS: Final = 0.2
FINISH_SECONDS: Final = 3.0  # for what a batch has said; PostgreSQL is away if that is not enough

log = structlog.get_logger("duologue.drain")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many sockets are told at once, and over how long they come back."""

    batch: int
    window_ms: int


def plan(sockets: int) -> Plan:
    """Told within five seconds however many they are; the window grows with them, or they would all come at once."""
    return Plan(max(BATCH, math.ceil(sockets / TURNS)), max(SHORTEST_MS, sockets * 1_000 // RETURNS))


async def drain(sockets: Sockets, settled: Callable[[], Awaitable[None]]) -> None:
    """Tell every socket to come back elsewhere (`1012`), after an answer to all that it had said.

    A batch is read no further, then waits for `settled` (all that is queued is stored, and told), then is closed. What
    the peers still send is theirs to repeat: they see that it was not acknowledged.
    """
    sockets.leaving = True
    steps = plan(len(sockets))
    patient = True
    while batch := sockets.staying(steps.batch):
        for connection in batch:
            connection.hold()
        if patient:
            try:
                async with asyncio.timeout(FINISH_SECONDS):
                    await settled()
            except TimeoutError:
                log.warning("sockets are told to go without an answer to what they said last", n=len(sockets))
                patient = False
        for connection in batch:
            connection.close(Close.RESTARTING, retry_hint(SOONEST_MS, SOONEST_MS + steps.window_ms))
        if len(batch) == steps.batch:
            with contextlib.suppress(TimeoutError):
                await sockets.closed(PAUSE_SECONDS)
