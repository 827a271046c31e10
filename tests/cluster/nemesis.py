"""What befalls a cluster: its nodes, NATS, PostgreSQL and the links between, one after the other or two at once."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from duologue.database.embedded import EmbeddedPostgres
from tests.harness.fault_proxy import FaultProxy, no_fault
from tests.harness.nats import Nats
from tests.harness.node import Node
from tests.harness.sessions import SECRETS

KINDS = ("kill", "stop", "nats", "postgres", "cut")


class Victims:
    """A cluster of its own: every node has its own way to NATS, and PostgreSQL may be killed."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count
        self._stack = contextlib.AsyncExitStack()
        self.postgres = EmbeddedPostgres(folder / "data")
        self.nats = Nats()
        self.links: list[FaultProxy] = []
        self.nodes: list[Node] = []
        self.dsn = ""

    async def __aenter__(self) -> Self:
        self.dsn = await self.postgres.start()
        self._stack.push_async_callback(self.postgres.stop)
        await self._stack.enter_async_context(self.nats)
        for number in range(self._count):
            link = await self._stack.enter_async_context(FaultProxy(self.nats.port, no_fault))
            self.links.append(link)
            folder = self._folder / f"node{number}"
            folder.mkdir()
            settings = {
                "DATABASE_URL": self.dsn,
                "NATS_URL": f"nats://127.0.0.1:{link.port}",
                "RATE_LIMITS": "off",
                "DATA_DIR": str(folder / "data"),
            }
            self.nodes.append(Node(SECRETS | settings, folder))
        await asyncio.gather(*(node.start() for node in self.nodes))
        self._stack.push_async_callback(self._stop)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def urls(self) -> Sequence[str]:
        """Of all nodes, also of those that are down."""
        return [node.ws_url for node in self.nodes]

    async def _stop(self) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes))


class Nemesis:
    """Draws faults from a seed, and heals each after a moment."""

    def __init__(self, victims: Victims, seed: int, low: float, high: float) -> None:
        """A fault lasts `low` to `high` seconds."""
        self._victims = victims
        self._rng = random.Random(seed)
        self._low = low
        self._high = high
        self._hurt: set[object] = set()
        """What a fault is upon: no second one meanwhile."""
        self.done: Counter[str] = Counter()

    async def rage(self, seconds: float) -> None:
        """Two at once, for that long, then everything is healed."""
        until = asyncio.get_running_loop().time() + seconds
        await asyncio.gather(self._rage(until), self._rage(until))

    async def strike(self, kind: str) -> None:
        """One fault, and its healing."""
        await getattr(self, f"_{kind}")(self._rng.uniform(self._low, self._high))
        self.done[kind] += 1

    async def _rage(self, until: float) -> None:
        while asyncio.get_running_loop().time() < until:
            await self.strike(self._rng.choice(KINDS))
            await asyncio.sleep(self._rng.uniform(0.2, 2.0))

    async def _kill(self, seconds: float) -> None:
        async with self._one_of(self._victims.nodes) as node:
            if node is not None:
                await node.kill()
                await asyncio.sleep(seconds)
                await start(node)

    async def _stop(self, seconds: float) -> None:
        async with self._one_of(self._victims.nodes) as node:
            if node is not None:
                os.kill(node.pid, signal.SIGSTOP)
                await asyncio.sleep(seconds)
                os.kill(node.pid, signal.SIGCONT)

    async def _nats(self, seconds: float) -> None:
        async with self._one_of([self._victims.nats]) as nats:
            if nats is not None:
                nats.end()
                await asyncio.sleep(seconds)
                await nats.start()

    async def _postgres(self, seconds: float) -> None:
        """Its supervisor brings it back at once."""
        async with self._one_of([self._victims.postgres]) as postgres:
            if postgres is not None and postgres.pid is not None:
                os.kill(postgres.pid, signal.SIGKILL)
                await asyncio.sleep(seconds)

    async def _cut(self, seconds: float) -> None:
        async with self._one_of(self._victims.links) as link:
            if link is not None:
                link.cut()
                await asyncio.sleep(seconds)
                link.mend()

    @contextlib.asynccontextmanager
    async def _one_of(self, things: Sequence):
        free = [thing for thing in things if id(thing) not in self._hurt]
        thing = self._rng.choice(free) if free else None
        self._hurt.add(id(thing))
        try:
            yield thing
        finally:
            self._hurt.discard(id(thing))


async def start(node: Node) -> None:
    """Start a node, however often that fails: PostgreSQL may be away."""
    while True:
        try:
            await node.start()
        except (RuntimeError, TimeoutError):
            if node.process is not None and node.process.returncode is None:
                await node.kill()
            await asyncio.sleep(0.2)
        else:
            return
