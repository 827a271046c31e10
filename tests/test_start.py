"""`duologue serve` as a person meets it: how it begins, how it ends, and what it says when it cannot begin."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from duologue import __version__
from duologue.database.postmaster import read_postmaster
from tests.harness.folder import passable_folder
from tests.harness.node import Node, clean_environment
from tests.harness.postgres import make_database
from tests.harness.schemas import checked_client

pytestmark = pytest.mark.early

PRODUCTION = {
    "ENVIRONMENT": "production",
    "JWT_SECRET": "a" * 32,
    "JWT_REFRESH_SECRET": "b" * 32,
    "SMTP_HOST": "mail.invalid",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder to start in."""
    with passable_folder() as path:
        yield path


def duologue(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "duologue", *arguments],
        cwd=folder,
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(folder: Path, *arguments: str, **environment: str) -> str:
    """The one line with which `serve` refuses to start."""
    ended = duologue(folder, "serve", "--port", "0", *arguments, **environment)
    assert ended.returncode == 2, ended
    assert re.fullmatch(r"duologue: [^\n]+\n", ended.stderr), ended.stderr
    assert ended.stdout == ""
    return ended.stderr


def test_a_taken_port_is_one_line_and_nothing_is_made(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port}" in refusal(folder, "--port", str(port))
    assert not (folder / "data/postgres").exists()


def test_a_file_where_the_folder_should_be_is_one_line(folder):
    (folder / "data").write_text("")
    assert f"{folder}/data" in refusal(folder)


def test_an_unwritable_folder_is_one_line(folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o500)
    # Root may write anywhere but into the kernel's own folder.
    place = Path("/proc/duologue") if os.geteuid() == 0 else closed / "data"
    assert f"DATA_DIR={place} is not usable" in refusal(folder, DATA_DIR=str(place))
    (folder / "secrets").mkdir()
    secrets = {"JWT_SECRET": "a" * 32, "JWT_REFRESH_SECRET": "b" * 32}
    assert str(place) in refusal(folder, DATA_DIR=str(place), **secrets)


def test_a_wrong_variable_is_one_line(folder):
    assert "PORT=many is not usable" in refusal(folder, "--port", "many")
    (folder / ".env").write_text("RATE_LIMITS=never\n")
    assert "RATE_LIMITS=never in .env is not usable" in refusal(folder)


def test_a_misspelt_variable_is_one_line_in_production(folder):
    assert "SMTP_PASWORD is no variable of Duologue" in refusal(folder, **PRODUCTION, SMTP_PASWORD="x")


def test_a_database_that_does_not_answer_is_one_line(folder):
    line = refusal(folder, DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/chat")
    assert "PostgreSQL cannot be reached" in line
    assert "hunter2" not in line


async def test_an_outside_database_is_migrated_only_when_asked(folder, postgres_dsn, worker_id):
    dsn = await make_database(postgres_dsn, f"start_{worker_id}")
    assert "run `duologue migrate`" in refusal(folder, DATABASE_URL=dsn)
    migrated = duologue(folder, "migrate", DATABASE_URL=dsn)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    node = await Node({"DATABASE_URL": dsn}, folder, measured=True).start()
    assert await node.stop() == 0
    assert not (folder / "data/postgres").exists()


@pytest.mark.thorough
def test_the_version_the_settings_and_the_diagnosis_are_printed(folder):
    assert duologue(folder, "--version").stdout == f"duologue {__version__}\n"
    settings = duologue(folder, "config", DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/chat")
    assert settings.returncode == 0
    assert "me:********@" in settings.stdout
    assert "hunter2" not in settings.stdout + settings.stderr
    well = duologue(folder, "doctor", PORT="0")
    assert (well.returncode, well.stderr) == (0, "")
    ill = duologue(
        folder,
        "doctor",
        PORT="0",
        DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/chat",
        SMTP_HOST="127.0.0.1",
        SMTP_PORT="1",
    )
    assert ill.returncode == 1
    assert [line.split()[1] for line in ill.stdout.splitlines() if line.startswith("wrong")] == ["Database", "Mail"]
    assert list(folder.iterdir()) == []


async def test_the_banner_says_where_it_is_where_the_data_is_and_how_to_stop(folder):
    node = await Node({}, folder, measured=True).start()
    assert await node.stop(signal.SIGINT) == 0
    for expected in (
        __version__,
        f"{node.url}/docs",
        f"{node.url}/dev/mailbox",
        "./data/postgres/data",
        "First start",
        "Ctrl-C",
    ):
        assert expected in node.text
    assert "[warning]" not in node.text
    await node.start()
    assert await node.stop() == 0
    assert node.text.count("First start") == 1


async def test_ctrl_c_in_the_terminal_ends_it_in_order_and_postgresql_with_it(lived_in):
    folder = lived_in
    node = await Node({}, folder, measured=True).start()
    postgres = postgres_pid(folder)
    # The terminal signals every process of its foreground group; PostgreSQL is not to be among them.
    assert os.getpgid(postgres) != os.getpgid(node.pid)
    assert await node.stop(signal.SIGINT) == 0
    assert "Traceback" not in node.text
    assert not alive(postgres)
    assert not (folder / "data/postgres/data/postmaster.pid").exists()


async def test_a_second_serve_on_the_same_data_is_told_who_has_it(lived_in):
    folder = lived_in
    node = await Node({}, folder).start()
    assert f"in use by another duologue (pid {node.pid})" in refusal(folder)
    async with checked_client(node.url) as http:
        assert (await http.get("/readyz")).status_code == 200
    assert await node.stop() == 0


async def test_after_kill_minus_nine_it_starts_again(lived_in):
    folder = lived_in
    node = await Node({}, folder).start()
    await node.kill()
    await node.start()
    assert await node.stop() == 0
    assert "Traceback" not in node.text


async def test_after_kill_minus_nine_of_postgresql_it_serves_on(lived_in):
    folder = lived_in
    node = await Node({}, folder).start()
    os.kill(postgres_pid(folder), signal.SIGKILL)
    async with asyncio.timeout(20), checked_client(node.url) as http:
        while "PostgreSQL is back" not in node.text:
            await http.get("/healthz")  # Its lines are read meanwhile.
        assert (await http.get("/readyz")).status_code == 200
    assert await node.stop() == 0


async def test_after_kill_minus_nine_of_both_it_starts_again(lived_in):
    folder = lived_in
    node = await Node({}, folder, measured=True).start()
    os.kill(postgres_pid(folder), signal.SIGKILL)
    await node.kill()
    await node.start()
    async with checked_client(node.url) as http:
        assert (await http.get("/readyz")).status_code == 200
    assert await node.stop() == 0


def postgres_pid(folder: Path) -> int:
    """The embedded server's pid."""
    found = read_postmaster(folder / "data/postgres/data")
    assert found is not None
    return found.pid


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
