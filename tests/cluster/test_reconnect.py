"""A node goes, and its sockets are back at another one when they were told to: the small form of `bench reconnect`."""

import asyncio
import json

import pytest
import websockets

from tests.cluster.conftest import Cluster
from tests.harness.people import LATE_SECONDS, Person, arrive

pytestmark = [pytest.mark.early, pytest.mark.xdist_group("cluster")]

SOCKETS = 200
WINDOW_MS = (500, 3_000)


async def test_all_sockets_of_a_node_that_leaves_come_back_within_the_window(cluster: Cluster) -> None:
    leaving = cluster.node(cluster.nats.url)
    await leaving.start()
    people = [await arrive(leaving.url, cluster.dsn) for _ in range(2)]
    room = await people[0].open_room(people[1])
    gone: list[float] = []
    waits: list[int] = []
    settled = asyncio.Semaphore(0)

    async def stay(person: Person) -> float:
        """Come back when told; when that was."""
        target = f"/room/{room}?token={person.token}"
        async with websockets.connect(f"{leaving.ws_url}{target}", compression=None) as socket:
            settled.release()
            await socket.wait_closed()
            assert socket.close_code == 1012
            gone.append(asyncio.get_running_loop().time())
            waits.append(json.loads(socket.close_reason or "")["retryMs"])
            wait = waits[-1]
        await asyncio.sleep(wait / 1000)
        async with websockets.connect(f"{cluster.first.ws_url}{target}", compression=None, open_timeout=5):
            return asyncio.get_running_loop().time()

    staying = [asyncio.create_task(stay(people[number % 2])) for number in range(SOCKETS)]
    async with asyncio.timeout(60):
        for _ in staying:
            await settled.acquire()
        assert await leaving.stop() == 0
        back = await asyncio.gather(*staying)  # one handshake that fails is a failure
    assert WINDOW_MS[0] <= min(waits) <= max(waits) <= WINDOW_MS[1]
    assert len(set(waits)) > SOCKETS / 2, "each has a time of its own"
    assert max(back) - max(gone) <= WINDOW_MS[1] / 1000 + LATE_SECONDS
    for person in people:
        await person.http.aclose()
