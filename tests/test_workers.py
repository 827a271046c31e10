"""`serve --workers`: many processes, one port, one conversation; each may die."""

import asyncio
import contextlib
import os
import signal
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness.http import plain_client
from tests.harness.nats import Nats
from tests.harness.node import Node, free_port
from tests.harness.people import Person, log_in
from tests.harness.postgres import copy_data, make_data, migrated_database

pytestmark = pytest.mark.early


@pytest_asyncio.fixture(loop_scope="session")
async def dsn(postgres_dsn: str, worker_id: str) -> str:
    """A database of one's own, for each test."""
    return await migrated_database(postgres_dsn, f"duologue_workers_{worker_id}")


def node_on(dsn: str, folder: Path, **environment: str) -> Node:
    """A server on that database."""
    settings = {"DATABASE_URL": dsn, "RATE_LIMITS": "off", "DATA_DIR": str(folder / "data")} | environment
    return Node(settings, folder, measured=True)


def children(pid: int) -> dict[int, str]:
    """The processes it started, by their command line."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile, or a child
            for child in (task / "children").read_text().split():
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
    return found


def workers_of(node: Node) -> list[int]:
    """Its workers."""
    return sorted(pid for pid, command in children(node.pid).items() if "duologue worker" in command)


def nats_of(node: Node) -> list[int]:
    """Its NATS servers."""
    return sorted(pid for pid, command in children(node.pid).items() if "nats-server" in command)


def owner(connection_port: int, pids: list[int]) -> int:
    """Which of these processes has the other end of a connection from that local port."""
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[2].endswith(f":{connection_port:04X}")
    }
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(file.readlink())
            except OSError:
                continue
            if target.removeprefix("socket:[").removesuffix("]") in inodes:
                return pid
    return 0


def is_free(port: int) -> bool:
    """Whether somebody else can have it."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


async def gone(pid: int) -> None:
    """Wait until there is no such process, or only its remains."""
    async with asyncio.timeout(15):
        while alive(pid):
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether it runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition, seconds: float = 30.0) -> None:
    """Wait for it."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def sockets_on_both(node: Node, person: Person, room: str, stack):
    """A socket of the room at each of two workers."""
    found = {}
    pids = workers_of(node)
    async with asyncio.timeout(20):
        while len(found) < 2:
            one = await stack.enter_async_context(person.socket(f"/room/{room}"))
            port = one.connection.transport.get_extra_info("sockname")[1]
            found.setdefault(owner(port, pids), one)
    assert 0 not in found
    return found


async def test_two_workers_share_a_port_and_a_conversation_and_one_may_be_killed(dsn, tmp_path):
    node = await node_on(dsn, tmp_path).start("--workers", "2")
    first_nats = nats_of(node)
    assert len(workers_of(node)) == 2
    assert len(first_nats) == 1
    assert "Workers  2" in node.text
    ann, ben = await log_in(node.url, dsn), await log_in(node.url, dsn)
    room = await ann.open_room(ben)
    async with AsyncExitStack() as stack:
        sockets = await sockets_on_both(node, ann, room, stack)
        (killed, one), (_, other) = sockets.items()
        await one.say("from one process to the other", "c1")
        await one.receive_type("MESSAGE_SENT")
        heard = await other.receive_type("NEW_MESSAGE")
        assert heard["data"]["content"] == "from one process to the other"
        os.kill(killed, signal.SIGKILL)
        await gone(killed)
        # Whoever connects now waits a moment or is served by the other one; nobody is refused.
        for _ in range(20):
            async with plain_client(base_url=node.url, timeout=20) as http:
                assert (await http.get("/readyz")).status_code == 200
        await until(lambda: len(workers_of(node)) == 2)
        os.kill(first_nats[0], signal.SIGKILL)
        await until(lambda: nats_of(node) not in ([], first_nats))
        await other.say("still here", "c2")
        await other.receive_type("MESSAGE_SENT")
    for person in (ann, ben):
        await person.http.aclose()
    begun = asyncio.get_running_loop().time()
    everybody = list(children(node.pid))
    assert await node.stop(signal.SIGINT, seconds=30) == 0
    assert asyncio.get_running_loop().time() - begun < 30
    assert not [pid for pid in everybody if alive(pid)]


async def test_workers_and_nats_end_with_a_parent_that_is_killed_and_the_port_is_free(dsn, tmp_path):
    node = await node_on(dsn, tmp_path).start("--workers", "2")
    left = list(children(node.pid))
    assert len(left) == 3
    await node.kill()
    for pid in left:
        await gone(pid)
    async with asyncio.timeout(15):
        while not is_free(node.port):  # the kernel closes what the last thread of a killed process held
            await asyncio.sleep(0.02)


@pytest.mark.thorough
async def test_workers_use_the_nats_that_is_set(dsn, tmp_path):
    async with Nats() as nats:
        node = await node_on(dsn, tmp_path, NATS_URL=nats.url).start("--workers", "2")
        assert nats_of(node) == []
        assert await node.stop(seconds=30) == 0


@pytest.mark.thorough
async def test_workers_and_the_embedded_postgresql_start_and_stop_together(folder, shared_folder):
    copy_data(make_data(shared_folder), folder / "data")
    node = Node({"DATA_DIR": str(folder / "data")}, folder)
    await node.start("--workers", "2")
    assert len(workers_of(node)) == 2
    async with plain_client(base_url=node.url) as http:
        assert (await http.get("/readyz")).json() == {"status": "ok"}
    everybody = list(children(node.pid))
    assert await node.stop(seconds=30) == 0
    assert not [pid for pid in everybody if alive(pid)]


async def refusal(node: Node, *arguments: str) -> str:
    """What it says instead of starting."""
    with pytest.raises(RuntimeError) as error:
        await node.start(*arguments)
    assert node.process is not None
    assert node.process.returncode == 2, str(error.value)
    return node.text


@pytest.mark.thorough
async def test_what_is_wrong_is_told_in_a_line_and_nothing_is_left_behind(dsn, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        node = node_on(dsn, tmp_path)
        node.port = taken.getsockname()[1]
        assert "cannot be used" in await refusal(node, "--workers", "2")
    assert "--workers" in await refusal(node_on(dsn, tmp_path), "--workers", "0")
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    assert "PostgreSQL cannot be reached" in await refusal(node_on(nowhere, tmp_path), "--workers", "2")
    async with Nats(user="right") as nats:
        wrong = nats.url.replace("right", "wrong")
        said = await refusal(node_on(dsn, tmp_path, NATS_URL=wrong), "--workers", "2")
        assert "NATS refuses us" in said
        assert "worker 1 did not start" in said
        assert "wrong@" not in said


async def test_workers_without_nats_server_say_what_to_do(dsn, tmp_path, monkeypatch):
    from duologue.cluster import server
    from duologue.errors import StartError

    monkeypatch.setattr(server.shutil, "which", lambda *arguments, **options: None)
    with pytest.raises(StartError, match="set NATS_URL, put nats-server on the PATH, or install"):
        server.LocalNats()
