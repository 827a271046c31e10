"""`/metrics`: the figures are what happened, and only those see them who are meant to."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from duologue.operations.distribution import Distribution
from duologue.operations.metrics import Metrics, Sources
from tests.harness.http import plain_client
from tests.harness.node import Node
from tests.harness.people import Person

TOKEN = "scrape-me-if-you-can"


def read(text: str) -> dict[str, float]:
    """Name (with a reason or a bound, if it has one) → value."""
    return {
        ":".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(server: Node) -> dict[str, float]:
    """What a server says."""
    async with plain_client(base_url=server.url) as http:
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return read(answer.text)


async def test_what_happens_is_counted(server: Node, alice: Person, bob: Person, room: str) -> None:
    before = await scrape(server)
    async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
        for number in range(3):
            await hers.say(f"m{number}", f"c{number}")
            await hers.receive_type("MESSAGE_SENT")
            await his.receive_type("NEW_MESSAGE")
        assert (await bob.http.get("/msg/room", headers={"Cookie": "accessToken=forged"})).status_code == 401
        during = await scrape(server)
    assert during["duologue_sockets"] == before["duologue_sockets"] + 2
    assert during["duologue_rooms"] == before["duologue_rooms"] + 1
    for name, added in (
        ("messages_total", 3),
        ("batch_messages_count", 3),
        ("batch_messages_bucket:1", 3),
        ("batch_messages_bucket:+Inf", 3),
        ("commit_seconds_count", 3),
        ("frames_total", 6),
    ):
        name = f"duologue_{name}"
        assert during.get(name, 0) - before.get(name, 0) == added, name
    assert during["duologue_refused_total:INVALID_TOKEN"] > before.get("duologue_refused_total:INVALID_TOKEN", 0)
    assert during["duologue_commit_seconds_sum"] > before["duologue_commit_seconds_sum"]
    assert (during["duologue_broker_up"], during["duologue_broker_dropped_total"]) == (1, 0)
    assert (during["duologue_postgres_up"], during["duologue_draining"], during["duologue_journal_queued"]) == (1, 0, 0)
    assert during["duologue_mails_waiting"] >= 0


async def test_only_whoever_has_the_token_sees_them_and_nobody_if_they_are_off(database: str, tmp_path: Path) -> None:
    node = Node({"DATABASE_URL": database, "DATA_DIR": str(tmp_path / "data"), "METRICS": TOKEN}, tmp_path)
    await node.start()
    async with plain_client(base_url=node.url) as http:
        for given, status in ((None, 401), (f"{TOKEN}x", 401), ("é" * 20, 401), (TOKEN, 200)):
            headers = {} if given is None else {"Authorization": f"Bearer {given}".encode()}
            assert (await http.get("/metrics", headers=headers)).status_code == status, given  # type: ignore[arg-type]
    await node.stop()
    node.environment = {**node.environment, "METRICS": "off"}
    await node.start()
    async with plain_client(base_url=node.url) as http:
        assert (await http.get("/metrics")).status_code == 404
    await node.stop()


def metrics(mails: Callable[[], Awaitable[int]]) -> Metrics:
    """Figures of a node of which everything is 7."""
    found = Metrics(time.monotonic)
    found.sources = Sources(*(lambda: 7,) * 5, lambda: Counter(memory=7), lambda: 7, lambda: True, lambda: True, mails)
    return found


async def test_without_postgresql_the_other_figures_are_there_all_the_same() -> None:
    async def away() -> int:
        raise ConnectionRefusedError

    found = read((await metrics(away).text())[0].decode())
    assert (found["duologue_postgres_up"], found["duologue_sockets"], found["duologue_draining"]) == (0, 7, 1)
    assert found["duologue_refused_total:memory"] == 7
    assert "duologue_mails_waiting" not in found


async def test_however_many_look_postgresql_is_asked_once_a_second() -> None:
    asked = []

    async def count() -> int:
        asked.append(1)
        await asyncio.sleep(0)
        return 3

    figures = metrics(count)
    texts = await asyncio.gather(*(figures.text() for _ in range(50)))
    assert {read(text.decode())["duologue_mails_waiting"] for text, _ in texts} == {3}
    assert len(asked) == 1


@pytest.mark.parametrize("value", [0.5, 1, 1.5, 5, 7])
def test_a_distribution_counts_what_is_at_most_as_large(value: float) -> None:
    found = Distribution((1, 5))
    found.add(value)
    assert found.buckets() == [("1", float(value <= 1)), ("5", float(value <= 5)), ("+Inf", 1.0)]
    assert found.sum == value
