"""A PostgreSQL for the whole run, in a process of its own that ends with its standard input.

What takes seconds to make is made once a run and copied: a migrated database, and the data of an embedded PostgreSQL.
"""

import asyncio
import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from duologue.database import embedded
from duologue.database.embedded import EmbeddedPostgres
from duologue.database.schema import migrate
from duologue.database.tuning import settings
from tests.harness.measuring import unmeasured
from tests.harness.node import ROOT, clean_environment

MIGRATED = "duologue_migrated"
STARTING, STARTED = "starting.lock", "dsn"
MAKING = 20_251_124  # the advisory lock of whoever looks for the migrated database


class SharedPostgres:
    """Started once by the run's first process, which goes on; the workers get their databases on it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="duologue-tests-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        """For what the workers share."""
        self.folder.chmod(0o711)  # Else root's PostgreSQL would put its data into the system's folder.
        with (self.folder / STARTING).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # it has the lock then
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.harness.postgres", self._folder.name, str(lock.fileno())],
                stdin=subprocess.PIPE,
                cwd=ROOT,
                env=unmeasured(os.environ),
                pass_fds=[lock.fileno()],
            )

    def stop(self) -> None:
        """End it and remove its data."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._folder.cleanup()


def shared_dsn(shared: Path) -> str:
    """Of that PostgreSQL, as its superuser, once it has started."""
    with (shared / STARTING).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
    try:
        return (shared / STARTED).read_text()
    except FileNotFoundError:
        raise RuntimeError("the test database did not start") from None


async def make_database(dsn: str, name: str) -> str:
    """A fresh and empty database on the server of `dsn`; its own DSN."""
    connection = await asyncpg.connect(dsn)
    try:
        return await create(connection, dsn, name, "template1")
    finally:
        await connection.close()


async def migrated_database(dsn: str, name: str) -> str:
    """The same with our schema: a copy of the first one."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", MAKING)
        if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", MIGRATED):
            await migrate(await create(connection, dsn, f"{MIGRATED}_half", "template1"))
            await connection.execute(f"ALTER DATABASE {MIGRATED}_half RENAME TO {MIGRATED}")
        return await create(connection, dsn, name, MIGRATED)
    finally:
        await connection.close()


async def create(connection: asyncpg.Connection, dsn: str, name: str, template: str) -> str:
    """A copy of the template; what had that name is gone."""
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {template}')
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def make_data(shared: Path) -> Path:
    """A DATA_DIR of an embedded PostgreSQL with our schema, made by the first who asks; nothing runs there."""
    made = shared / "made"
    with (shared / "making.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            half = shared / "half"
            command = [sys.executable, "-m", "duologue", "migrate", "--data-dir", str(half)]
            environment = unmeasured(clean_environment({}))
            subprocess.run(command, cwd=shared, env=environment, stdout=subprocess.DEVNULL, check=True)
            half.rename(made)
    return made


def copy_data(made: Path, data: Path) -> None:
    """With its owners and modes."""
    subprocess.run(["cp", "-a", str(made), str(data)], check=True)


def relaxed(major: int, total: int) -> dict[str, str]:
    """For the nodes of all workers at once. What holds over a crash is tested elsewhere: nobody waits for the disk."""
    return settings(major, total) | {"max_connections": "400", "fsync": "off", "synchronous_commit": "off"}


async def serve(folder: Path, lock: int) -> None:
    """Run until standard input ends; let go of the lock as soon as it serves."""
    embedded.settings = relaxed
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    (folder / STARTED).touch(0o600)
    (folder / STARTED).write_text(postgres.dsn(superuser=True))
    os.close(lock)
    try:
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await postgres.stop()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
