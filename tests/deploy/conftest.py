"""Two nodes on one database and one NATS, and in front of them nginx, HAProxy and Caddy."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from duologue.database.schema import migrate
from tests.deploy.proxies import PROXIES, Proxy, make_certificate
from tests.harness.nats import Nats
from tests.harness.node import Node
from tests.harness.postgres import make_database
from tests.harness.sessions import SECRETS

NOTICE_SECONDS = 3  # the files promise that five are enough: a check a second, two of them


@dataclass
class Site:
    """What the tests of this folder share."""

    dsn: str
    nodes: list[Node]
    proxies: dict[type[Proxy], Proxy]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def site(postgres_dsn: str, worker_id: str, tmp_path_factory) -> AsyncIterator[Site]:
    """All of it, running."""
    dsn = await make_database(postgres_dsn, f"duologue_deploy_{worker_id}")
    await migrate(dsn)
    folder: Path = tmp_path_factory.mktemp("site")
    certificate = make_certificate(folder)
    nodes: list[Node] = []
    proxies: dict[type[Proxy], Proxy] = {}
    async with Nats() as nats:
        try:
            for name in ("node1", "node2"):
                (folder / name).mkdir()
                settings = {
                    "DATABASE_URL": dsn,
                    "NATS_URL": nats.url,
                    "RATE_LIMITS": "off",
                    "DATA_DIR": str(folder / name / "data"),
                    "TRUSTED_PROXIES": "127.0.0.1",
                    "DRAIN_NOTICE": str(NOTICE_SECONDS),
                }
                nodes.append(Node(SECRETS | settings, folder / name))
                await nodes[-1].start()
            for kind in PROXIES:
                proxies[kind] = kind(certificate, folder, (nodes[0].port, nodes[1].port))
                await proxies[kind].start()
            yield Site(dsn, nodes, proxies)
        finally:
            for proxy in proxies.values():
                proxy.stop()
            for node in nodes:
                await node.stop()
