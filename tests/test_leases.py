"""Presence over several nodes on one database, and after a node was killed."""

import asyncio

import pytest

from tests.harness.node import Node
from tests.harness.people import Person, log_in

pytestmark = pytest.mark.early


@pytest.fixture
async def second(server: Node, database: str, tmp_path):
    """A second node on the same database, with the same secrets."""
    secrets = "x" * 40, "y" * 40
    node = Node(
        {
            "DATABASE_URL": database,
            "RATE_LIMITS": "off",
            "DATA_DIR": str(tmp_path),
            "JWT_SECRET": secrets[0],
            "JWT_REFRESH_SECRET": secrets[1],
        },
        tmp_path,
    )
    await node.start()
    yield node
    await node.stop()


async def status_of(watcher, person: Person) -> dict:
    async with asyncio.timeout(40):
        while True:
            frame = await watcher.receive(40)
            if frame["type"] == "USER_STATUS" and frame["data"]["id"] == person.id:
                return frame["data"]


async def test_who_is_on_another_node_is_online_here_and_a_killed_node_takes_its_users_along(
    server, second, database, alice
):
    bob = await log_in(second.url, database)
    async with alice.socket("/users") as watcher:
        await watcher.receive()
        async with bob.socket("/rooms") as lobby:
            await lobby.receive()
            assert (await status_of(watcher, bob))["online"] is True
            await second.kill()
        gone = await status_of(watcher, bob)
        assert gone["online"] is False
        assert gone["lastSeenAt"] is not None
    await bob.http.aclose()
