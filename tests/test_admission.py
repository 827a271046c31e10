"""Whom a node still takes: beyond its bounds it says 503 and when to come again, before anything else."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from duologue.operations.admission import UNDER_WAY, Admission, Reason
from duologue.operations.memory import MIB, available, resident
from tests.harness.http import plain_client
from tests.harness.node import ROOT, Node
from tests.harness.people import log_in
from tests.harness.raw import upgrade
from tests.harness.vitals import vitals


class Scene:
    """An admission whose sockets, clock and memory are what a test says."""

    def __init__(self, **bounds: int) -> None:
        self.sockets: list[int] = []
        self.now = 100.0
        self.held: int | None = 100
        bounds = {"max_sockets": 10, "connect_rate": 5, "max_memory": 200, **bounds}
        self.admission = Admission(self.sockets, lambda: self.now, memory=lambda: self.held, **bounds)

    def take(self, number: int, under_way: int = 0) -> list[bool]:
        """Whether each of so many handshakes was taken."""
        return [self.admission.handshake(under_way) == 0 for _ in range(number)]


def test_as_many_handshakes_a_second_as_allowed_and_as_many_at_once() -> None:
    scene = Scene(connect_rate=5)
    assert scene.take(7) == [True] * 5 + [False] * 2
    scene.now += 0.2
    assert scene.take(2) == [True, False]
    scene.now += 60
    assert scene.take(6) == [True] * 5 + [False], "what was not used is not saved up for more than a second"
    assert scene.admission.refused == {Reason.RATE: 4}


def test_sockets_that_are_being_opened_count_like_open_ones() -> None:
    scene = Scene(max_sockets=3)
    scene.sockets += [1, 2]
    assert scene.take(1, under_way=0) == [True]
    assert scene.take(1, under_way=1) == [False]
    scene.sockets.pop()
    assert scene.take(1, under_way=1) == [True]
    assert scene.admission.refused == {Reason.SOCKETS: 1}


def test_no_more_handshakes_at_once_than_a_node_answers_in_a_second() -> None:
    scene = Scene(max_sockets=10_000)
    assert scene.take(1, under_way=UNDER_WAY - 1) == [True]
    assert scene.take(1, under_way=UNDER_WAY) == [False]
    assert scene.admission.refused == {Reason.UNDER_WAY: 1}


def test_a_process_that_holds_too_much_takes_nobody_until_it_holds_less() -> None:
    scene = Scene(max_memory=200)
    scene.held = 200
    assert scene.take(1) == [True], "it is looked at once a second"
    assert scene.admission.visit(scene.now) == 1.0
    assert scene.take(1) == [False]
    assert scene.admission.request() > 0
    scene.held = 199
    scene.admission.visit(scene.now)
    assert scene.take(1) == [True]
    assert scene.admission.request() == 0
    assert scene.admission.refused == {Reason.MEMORY: 2}


def test_where_the_memory_is_not_known_it_is_no_bound() -> None:
    scene = Scene()
    scene.held = None
    assert scene.admission.visit(scene.now) == 0
    assert scene.take(1) == [True]


def test_each_client_is_told_a_time_of_its_own() -> None:
    scene = Scene(max_sockets=1)
    scene.sockets.append(1)
    times = {scene.admission.handshake(0) for _ in range(200)}
    assert times == set(range(5, 21))


def test_memory_is_that_of_the_machine_or_of_its_container(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    whole = available(())
    assert whole > 64
    for text, expected in (("max\n", whole), (f"{48 * MIB}\n", 48), (f"{1 << 62}\n", whole)):
        limit.write_text(text)
        assert available((str(tmp_path / "absent"), str(limit))) == expected


async def test_what_is_resident_is_what_the_system_says() -> None:
    held = resident()
    if Path("/proc").exists():
        assert held is not None
        assert abs(held - vitals(os.getpid()).memory // MIB) < 16
    else:
        assert held is None


def room_below(limit: int, sockets: int) -> tuple[int, int]:
    """How many sockets fit, and the limit afterwards, in a process that may raise its own to `limit`."""
    code = (
        "import resource; from duologue.operations.descriptors import make_room\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, {limit}), {limit}))\n"
        f"print(make_room({sockets}), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    fit, soft = map(int, done.stdout.split())
    return fit, soft


def test_the_limit_of_open_files_is_raised_as_far_as_needed_and_allowed() -> None:
    assert room_below(4_096, 1_000) == (1_000, 1_256)
    assert room_below(1_024, 5_000) == (768, 1_024)


# The node


@asynccontextmanager
async def serving(database: str, folder: Path, **environment: str) -> AsyncIterator[Node]:
    """A node with bounds of its own."""
    data = str(folder / "data")
    settings = {"DATABASE_URL": database, "RATE_LIMITS": "off", "DATA_DIR": data, **environment}
    # A fork does not hold all that it shares.
    node = Node(settings, folder, measured="MAX_MEMORY" in environment)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


async def knock(port: int, target: str = "/users") -> tuple[int, dict[str, str], bytes]:
    """A handshake; status, headers and body of what comes before, or instead of, frames."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(upgrade(target, port))
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name}
            return int(head[0].split()[1]), headers, await reader.read(int(headers.get("content-length", 0)))
    finally:
        writer.transport.abort()


async def test_one_socket_too_many_is_told_when_to_come_again_and_taken_when_there_is_room(
    database: str, tmp_path: Path
) -> None:
    async with serving(database, tmp_path, MAX_SOCKETS="2") as node:
        alice = await log_in(node.url, database)
        async with alice.socket("/users"), alice.socket("/rooms") as second:
            # With a good token or none: it was not looked at.
            for target in (f"/users?token={alice.token}", "/users", "/nowhere"):
                status, headers, body = await knock(node.port, target)
                assert status == 503
                assert 5 <= int(headers["retry-after"]) <= 20
                assert json.loads(body)["code"] == "BUSY"
            assert (await alice.http.get("/auth/profile")).status_code == 200, "requests are not sockets"
            await second.connection.close()
            async with asyncio.timeout(10):
                while (await knock(node.port, f"/users?token={alice.token}"))[0] != 101:
                    await asyncio.sleep(0.01)
        await alice.http.aclose()


async def test_more_handshakes_than_allowed_a_second_are_told_when_to_come_again(database: str, tmp_path: Path) -> None:
    async with serving(database, tmp_path, CONNECT_RATE="5") as node:
        answers = [await knock(node.port) for _ in range(20)]
        assert [status for status, _, _ in answers[:5]] == [101] * 5
        refused = [headers for status, headers, _ in answers if status == 503]
        assert len(refused) >= 10, "twenty in much less than a second"
        assert all(1 <= int(headers["retry-after"]) <= 5 for headers in refused)


async def test_a_node_without_memory_refuses_requests_too_but_says_how_it_is(database: str, tmp_path: Path) -> None:
    async with serving(database, tmp_path, MAX_MEMORY="64") as node, plain_client(base_url=node.url) as http:
        async with asyncio.timeout(10):
            while (answer := await http.get("/auth/profile")).status_code != 503:
                await asyncio.sleep(0.05)
        assert answer.json()["code"] == "BUSY"
        assert 5 <= int(answer.headers["retry-after"]) <= 20
        status, headers, _ = await knock(node.port)
        assert (status, 5 <= int(headers["retry-after"]) <= 20) == (503, True)
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
