"""Three nodes are restarted one after the other while everybody talks: nothing is lost, doubled or out of order."""

import asyncio

import pytest

from tests.cluster.checker import History, Said, Stored, judge
from tests.cluster.conftest import Cluster
from tests.cluster.voice import LAST, Voice
from tests.harness.people import arrive

pytestmark = pytest.mark.xdist_group("cluster")

SECONDS = 180.0


@pytest.mark.parametrize(
    ("couples", "messages"),
    [pytest.param(4, 10, marks=pytest.mark.thorough), pytest.param(40, 200, marks=pytest.mark.long)],
    ids=["short", "long"],
)
async def test_three_nodes_are_restarted_under_load_and_nothing_is_lost(
    cluster: Cluster, couples: int, messages: int
) -> None:
    """Everybody who talks has said so many messages more before the next node goes."""
    nodes = [cluster.node(cluster.nats.url) for _ in range(3)]
    await asyncio.gather(*(node.start() for node in nodes))
    people = [await arrive(nodes[0].url, cluster.dsn) for _ in range(2 * couples)]
    pairs = list(zip(people[::2], people[1::2], strict=True))
    rooms = [await first.open_room(second) for first, second in pairs]
    voices = [
        Voice(person, room, nodes, f"{name} {number}", talks=name != "listener")
        for number, ((ann, ben), room) in enumerate(zip(pairs, rooms, strict=True))
        for person, name in ((ann, "ann"), (ben, "ben"), (ben, "listener"))
    ]
    is_talking = True
    tasks = [asyncio.create_task(voice.converse(lambda: is_talking)) for voice in voices]
    async with asyncio.timeout(SECONDS):
        for node in nodes:
            await said_more(voices, messages)
            assert await node.stop(seconds=30) == 0
            await node.start()
        await said_more(voices, messages)
        is_talking = False
        while any(voice.is_waiting for voice in voices):
            await asyncio.sleep(0.01)
        for (first, _), room in zip(pairs, rooms, strict=True):
            await first.http.post(f"/msg/room/{room}/messages", json={"content": f"{LAST} {room}"})
        await asyncio.gather(*tasks)
    said = [each for voice in voices for each in voice.said]
    logs = {}
    for (first, _), room in zip(pairs, rooms, strict=True):
        log = [Stored(each["seq"], each["id"], each["content"]) for each in await first.whole_history(room)]
        said.append(Said(room, "last", f"{LAST} {room}", log[-1].id, log[-1].seq))
        logs[room] = log
    listened = [each for voice in voices for each in voice.listened]
    assert judge(History(said, logs, listened)) == []
    assert [frame for voice in voices for frame in voice.refused] == []
    assert sum(voice.told for voice in voices) >= couples, "hardly anybody was on a node that left"
    await asyncio.gather(*(node.stop() for node in nodes))
    for person in people:
        await person.http.aclose()


async def said_more(voices: list[Voice], messages: int) -> None:
    """Wait until everybody who talks has said some more."""
    before = [voice.acknowledged for voice in voices]
    while any(voice.talks and voice.acknowledged < n + messages for voice, n in zip(voices, before, strict=True)):
        await asyncio.sleep(0.01)
