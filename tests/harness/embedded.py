"""An embedded PostgreSQL in this process, or in one that can be killed."""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg

from duologue.database.embedded import EmbeddedPostgres
from tests.harness.node import ROOT

NOBODY = 65534
IS_ROOT = os.geteuid() == 0

HOLDER = """
import asyncio, sys
from pathlib import Path
from duologue.database.embedded import EmbeddedPostgres
from duologue.errors import StartError
async def main():
    bin_dir = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    postgres = EmbeddedPostgres(Path(sys.argv[1]), system_dir=Path(sys.argv[2]), bin_dir=bin_dir)
    try:
        dsn = await postgres.start()
    except StartError as error:
        print("refused:", error, flush=True)
        return
    print(postgres.pid, dsn, postgres.data, postgres.version, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await postgres.stop()
asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def running(data_dir: Path, bin_dir: Path | None = None) -> AsyncIterator[EmbeddedPostgres]:
    """An embedded PostgreSQL of this process."""
    postgres = EmbeddedPostgres(data_dir, bin_dir=bin_dir, system_dir=data_dir.parent / "system")
    await postgres.start()
    try:
        yield postgres
    finally:
        await postgres.stop()


class Holder:
    """A process that runs an embedded PostgreSQL until its standard input ends."""

    def __init__(
        self,
        data_dir: Path,
        *command: str,
        environment: dict[str, str] | None = None,
        system_dir: Path | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [
                *(command or (sys.executable,)),
                "-c",
                HOLDER,
                str(data_dir),
                str(system_dir or data_dir.parent / "system"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | (environment or {}),
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()
        assert self.said, "it ended without a word"
        assert not self.said.startswith("refused"), self.said

    @property
    def postgres_pid(self) -> int:
        """The server's pid."""
        return int(self.said.split()[0])

    @property
    def dsn(self) -> str:
        """Where it serves."""
        return self.said.split()[1]

    @property
    def data(self) -> Path:
        """Where its data is."""
        return Path(self.said.split()[2])

    def end(self, *, kill: bool = False) -> None:
        """Let it stop in order, or not."""
        if kill:
            self.process.kill()
        self.process.communicate(timeout=20)


def wait_until_gone(pid: int) -> None:
    """Wait for the end of any process."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 20)[0], f"{pid} lives on"
    finally:
        os.close(descriptor)


async def query(dsn: str, sql: str) -> object:
    """One value from a connection of its own."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def add_row(dsn: str) -> object:
    """Write something; gives how many rows there are now."""
    await query(dsn, "CREATE TABLE IF NOT EXISTS kept (at timestamptz DEFAULT now())")
    await query(dsn, "INSERT INTO kept DEFAULT VALUES")
    return await query(dsn, "SELECT count(*) FROM kept")
