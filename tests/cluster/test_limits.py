"""Limits count the tries at all nodes together."""

import pytest

from tests.harness.http import plain_client
from tests.harness.people import unused_address

pytestmark = [pytest.mark.early, pytest.mark.xdist_group("cluster")]


async def test_tries_at_several_nodes_count_together(cluster):
    nodes = [await cluster.node(cluster.nats.url, RATE_LIMITS="on").start() for _ in range(2)]
    body = {"email": unused_address(), "password": "not the right one"}
    answers = []
    for number in range(6):
        async with plain_client(base_url=nodes[number % 2].url, timeout=20) as http:
            answers.append((await http.post("/auth/login", json=body)).status_code)
    # Five wrong passwords are free; the sixth try waits, at whichever node.
    assert answers == [401] * 5 + [429]
    for node in nodes:
        await node.stop()
