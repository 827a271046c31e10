"""Two nodes on one database and one NATS; the second one's way to NATS can be cut."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from tests.harness.fault_proxy import FaultProxy, no_fault
from tests.harness.nats import Nats
from tests.harness.node import Node
from tests.harness.people import Person, arrive
from tests.harness.postgres import migrated_database
from tests.harness.sessions import SECRETS


@dataclass
class Cluster:
    """What the tests of this folder share."""

    dsn: str
    nats: Nats
    link: FaultProxy
    """Between the second node and NATS."""
    nodes: list[Node]
    folder: Path

    @property
    def first(self) -> Node:
        """A node."""
        return self.nodes[0]

    @property
    def second(self) -> Node:
        """Another."""
        return self.nodes[1]

    def node(self, nats_url: str, **environment: str) -> Node:
        """One more, not started."""
        folder = self.folder / f"node{len(self.nodes)}"
        folder.mkdir()
        settings = {
            "DATABASE_URL": self.dsn,
            "NATS_URL": nats_url,
            "RATE_LIMITS": "off",
            "DATA_DIR": str(folder / "data"),
        }
        node = Node(SECRETS | settings | environment, folder, measured=len(self.nodes) < 2)
        self.nodes.append(node)
        return node


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(postgres_dsn: str, worker_id: str, tmp_path_factory) -> AsyncIterator[Cluster]:
    """The two nodes."""
    dsn = await migrated_database(postgres_dsn, f"duologue_cluster_{worker_id}")
    async with Nats() as nats, FaultProxy(nats.port, no_fault) as link:
        cluster = Cluster(dsn, nats, link, [], tmp_path_factory.mktemp("cluster"))
        await cluster.node(nats.url).start()
        await cluster.node(f"nats://127.0.0.1:{link.port}").start()
        yield cluster
        for node in cluster.nodes:
            await node.stop()


@dataclass
class Couple:
    """Two people with a room, each at a node of their own."""

    here: Person
    there: Person
    room: str

    def at(self, node: Node) -> Person:
        """The first of them, as a client of that node."""
        return Person(self.here.id, self.here.email, self.here.http, node.ws_url)


@pytest_asyncio.fixture(loop_scope="session")
async def new_couple(cluster: Cluster) -> AsyncIterator[Callable[[], Awaitable[Couple]]]:
    """Makes people who talk across nodes."""
    people: list[Person] = []

    async def make() -> Couple:
        here = await arrive(cluster.first.url, cluster.dsn)
        there = await arrive(cluster.second.url, cluster.dsn)
        people.extend((here, there))
        return Couple(here, there, await here.open_room(there))

    yield make
    for person in people:
        await person.http.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def couple(new_couple: Callable[[], Awaitable[Couple]]) -> Couple:
    """One such couple."""
    return await new_couple()
