"""What a node does about what it may not have heard: it asks the database what ended meanwhile."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from duologue.cluster.nodes import Nodes
from duologue.operations.news import News
from duologue.wire import notices

OWN, OTHER, THIRD = (UUID(int=number) for number in (1, 2, 3))


@dataclass
class Features:
    """Stand in for all that a node tells; notes when revocations are read from the database."""

    away: bool = False
    alone: bool = False
    lost: int = 0
    swept: asyncio.Event = field(default_factory=asyncio.Event)

    async def sweep(self) -> None:
        self.swept.set()

    def announce(self, body: bytes) -> None:
        pass

    def expiring(self, before: int) -> list[UUID]:
        return []

    def user_ids(self) -> list[int]:
        return []


@asynccontextmanager
async def listening():
    """A node that hears another, and has nothing to catch up with."""
    features, nodes = Features(), Nodes(OWN, asyncio.get_running_loop().time)
    parts = dict.fromkeys(("revocations", "sockets", "hub", "lobby", "board", "presence"), features)
    news = News(
        features, nodes, **parts, look=lambda: None, stirred=None, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)
    )
    said = {OTHER: 0}

    async def speak() -> None:
        while True:
            for node, lost in said.items():
                news.heard(notices.write_notice(notices.Alive(node, lost)))
            await asyncio.sleep(0.2)

    speaking = asyncio.create_task(speak())
    nodes.live([OTHER])
    news.start()
    yield said, nodes, features
    speaking.cancel()
    await news.stop()


async def swept(features: Features) -> bool:
    async with asyncio.timeout(10):
        return await features.swept.wait()


async def test_ended_sessions_are_asked_for_when_another_node_could_not_tell_something():
    async with listening() as (said, _, features):
        await asyncio.sleep(0)  # it has spoken
        said[OTHER] = 1
        assert await swept(features)


async def test_ended_sessions_are_asked_for_when_a_node_is_gone_that_may_have_had_something_to_tell():
    async with listening() as (said, nodes, features):
        nodes.live([OTHER, THIRD])
        said[THIRD] = 0
        await asyncio.sleep(0.3)
        del said[THIRD]  # it was killed, and has started again under another name before its silence was noticed
        nodes.live([OTHER])
        async with asyncio.timeout(10):
            while not features.swept.is_set():
                nodes.live([OTHER])  # as with every heartbeat
                await asyncio.sleep(0.2)


async def test_nothing_is_asked_for_while_all_nodes_are_heard():
    async with listening() as (_, nodes, features):
        nodes.live([OTHER])
        await asyncio.sleep(1.2)  # longer than between two looks
        assert not features.swept.is_set()
