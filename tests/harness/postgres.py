"""A PostgreSQL for the whole run, in a process of its own that ends with its standard input."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from duologue.database.embedded import EmbeddedPostgres


class SharedPostgres:
    """Started once by the run's first process; the workers get their databases on it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="duologue-tests-", ignore_cleanup_errors=True)
        Path(self._folder.name).chmod(0o711)  # Else root's PostgreSQL would put its data into the system's folder.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.postgres", self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        assert self._process.stdout is not None
        self.dsn = self._process.stdout.readline().strip()
        if not self.dsn:
            raise RuntimeError("the test database did not start")

    def stop(self) -> None:
        """End it and remove its data."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._folder.cleanup()


async def make_database(dsn: str, name: str) -> str:
    """A fresh database on the server of `dsn`; its own DSN."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(path=f"/{name}"))


async def serve(folder: str) -> None:
    """Run until standard input ends."""
    postgres = EmbeddedPostgres(Path(folder))
    await postgres.start()
    print(postgres.dsn(superuser=True), flush=True)
    try:
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await postgres.stop()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
