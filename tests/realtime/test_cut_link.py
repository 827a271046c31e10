"""A conversation over a link that is cut all the time, in every phase: nothing missing, nothing twice, all in order."""

import asyncio

import pytest

from tests.harness.correspondent import Correspondent, CorrespondentV1, CorrespondentWs
from tests.harness.fault_proxy import FaultProxy, Phase, every_phase, later_each_time

pytestmark = pytest.mark.early

DIALECTS = [
    Correspondent,
    pytest.param(CorrespondentV1, marks=pytest.mark.thorough),
    pytest.param(CorrespondentWs, marks=pytest.mark.thorough),
]


async def converse_over_a_bad_link(server, alice, bob, room, dialect, *, total, planner, seed, seconds):
    """Both talk, each from a socket that hears the other; a second socket of Bob's only listens. How it was cut."""
    texts = {person: [f"{name} {number}" for number in range(total // 2)] for person, name in ((0, "a"), (1, "b"))}
    async with FaultProxy(server.port, planner, seed) as proxy:
        hers = dialect(alice, room, proxy.port, texts[0], seed=seed)
        his = dialect(bob, room, proxy.port, texts[1], seed=seed)
        listening = dialect(bob, room, proxy.port, seed=seed + 1)
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for each in (hers, his, listening):
                group.create_task(each.converse(total))
    history = await alice.whole_history(room)
    assert [message["seq"] for message in history] == list(range(1, total + 1))
    stored = {message["seq"]: message["content"] for message in history}
    for person, said in texts.items():
        assert [text for text in stored.values() if text.startswith("ab"[person])] == said
    for each in (hers, his, listening):
        assert each.heard == stored
    return proxy.cuts


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_short_conversation_over_a_link_that_is_cut_at_once(server, alice, bob, room, dialect):
    cuts = await converse_over_a_bad_link(
        server, alice, bob, room, dialect, total=1_000, planner=later_each_time(0.002, 0.04, 1.02), seed=1, seconds=90
    )
    assert set(cuts) == set(Phase), "the link was not cut in every phase"


@pytest.mark.long
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_ten_thousand_messages_over_a_link_that_is_cut_every_200_ms(server, alice, bob, room, dialect):
    cuts = await converse_over_a_bad_link(
        server, alice, bob, room, dialect, total=10_000, planner=every_phase(0.15, 0.25), seed=2, seconds=300
    )
    assert cuts.total() > 10
