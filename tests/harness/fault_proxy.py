"""A bad link: a TCP proxy on the loopback that cuts and stalls its connections, each by a plan drawn from a seed."""

import asyncio
import contextlib
import itertools
import operator
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

CHUNK = 16 * 1024
LIFE_SECONDS = 86_400.0  # of a connection that its plan lets live: it outlives every run
CLOSE_FRAME = 0x88


class Phase(StrEnum):
    """Where a connection was cut."""

    HANDSHAKE = "before the upgrade was answered"
    BYTES = "after so many bytes, in the middle of a frame more often than not"
    TIME = "after some time"
    CLOSE = "at the client's close frame"
    STALL = "after some time without a byte"


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to a connection; whichever comes first."""

    seconds: float = LIFE_SECONDS
    up: int | None = None
    """Bytes that reach the server."""
    down: int | None = None
    """Bytes that reach the client."""
    at_close: bool = False
    """The client's close frame arrives, and nothing after it."""
    stall: float = 0.0
    """Seconds before its end in which nothing passes, and nobody is told."""
    reset: bool = False
    """Cut by a reset, which throws away what is under way, instead of an end of the stream."""


Planner = Callable[[random.Random], Plan]


def every_phase(low: float, high: float) -> Planner:
    """Cut within `low` to `high` seconds, in every phase a connection has."""

    def plan(rng: random.Random) -> Plan:
        seconds, reset = rng.uniform(low, high), rng.random() < 0.5
        kind = rng.random()
        if kind < 0.10:
            return Plan(seconds, up=rng.randrange(600), reset=reset)
        if kind < 0.20:
            return Plan(seconds, down=rng.randrange(129), reset=reset)
        if kind < 0.35:
            return Plan(seconds, down=rng.randrange(129, 8_000), reset=reset)
        if kind < 0.50:
            return Plan(seconds, up=rng.randrange(600, 8_000), reset=reset)
        if kind < 0.70:
            return Plan(seconds, at_close=True, reset=reset)
        if kind < 0.80:
            return Plan(seconds, stall=seconds / 2, reset=reset)
        return Plan(seconds, reset=reset)

    return plan


def later_each_time(low: float, high: float, growth: float) -> Planner:
    """The same, but each connection lives longer than the one before: who comes back gets through, however slowly."""
    scale = itertools.accumulate(itertools.repeat(growth), operator.mul, initial=1.0)

    def plan(rng: random.Random) -> Plan:
        factor = next(scale)
        return every_phase(low * factor, high * factor)(rng)

    return plan


def no_fault(rng: random.Random) -> Plan:
    """A good link."""
    return Plan()


class FaultProxy:
    """Listens on a port of its own and passes bytes on to `port`, until a connection's plan ends it.

    The plan of the n-th connection depends on the seed and n alone. `cuts` counts what ended connections.
    """

    def __init__(self, port: int, planner: Planner, seed: int = 0) -> None:
        self._target = port
        self._planner = planner
        self._seed = seed
        self._number = 0
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.is_cut = False
        self.cuts: Counter[Phase] = Counter()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def cut(self) -> None:
        """End every connection now, and take no new one until `mend`."""
        self.is_cut = True
        for link in list(self._links):
            link.cancel()

    def mend(self) -> None:
        """Take connections again."""
        self.is_cut = False

    def plan(self, number: int) -> Plan:
        """Of the n-th connection."""
        return self._planner(random.Random(f"{self._seed}-{number}"))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._run(reader, writer, self.plan(self._number)))
        self._number += 1
        self._links.add(task)
        task.add_done_callback(self._links.discard)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plan: Plan) -> None:
        try:
            if self.is_cut:
                raise ConnectionRefusedError
            server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            hang_up(writer, reset=True)
            return
        link = Link(plan, (reader, writer), server)
        try:
            phase = await link.carry()
        finally:
            hang_up(writer, reset=plan.reset)
            hang_up(server[1], reset=plan.reset)
        if phase is not None:
            self.cuts[phase] += 1


class Link:
    """One connection through the proxy."""

    def __init__(
        self,
        plan: Plan,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._plan = plan
        self._client = client
        self._server = server
        self._upgraded = False
        self._stalled = False

    async def carry(self) -> Phase | None:
        """Pass bytes until the plan cuts; `None` when one of the ends hung up first."""
        ways = {
            asyncio.create_task(self._wait()),
            asyncio.create_task(self._pass(self._client[0], self._server[1], self._plan.up, is_up=True)),
            asyncio.create_task(self._pass(self._server[0], self._client[1], self._plan.down, is_up=False)),
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        return next((way.result() for way in done if way.result() is not None), None)

    async def _wait(self) -> Phase:
        if self._plan.seconds > self._plan.stall:
            await asyncio.sleep(self._plan.seconds - self._plan.stall)
        if not self._plan.stall:
            return Phase.TIME if self._upgraded else Phase.HANDSHAKE
        self._stalled = True
        await asyncio.sleep(self._plan.stall)
        return Phase.STALL

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None, *, is_up: bool
    ) -> Phase | None:
        passed = 0
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                if self._stalled:
                    continue  # It is cut before it moves again: these bytes are as good as lost.
                if limit is not None and passed + len(chunk) >= limit:
                    writer.write(chunk[: limit - passed])
                    return Phase.BYTES if self._upgraded else Phase.HANDSHAKE
                writer.write(chunk)
                await writer.drain()
                if is_up and self._plan.at_close and self._upgraded and chunk[0] == CLOSE_FRAME:
                    return Phase.CLOSE
                if not is_up:
                    self._upgraded = True
                passed += len(chunk)
        return None


def hang_up(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """End a connection; with a reset, what is under way is lost."""
    if reset:
        with contextlib.suppress(OSError, AttributeError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
