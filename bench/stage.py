"""What a measurement runs on: one PostgreSQL of its own, servers on it, and people made straight in the database."""

import asyncio
import contextlib
import os
import re
import resource
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench import machine
from duologue.database.embedded import EmbeddedPostgres
from duologue.database.schema import migrate

__all__ = ["PORT", "ROOT", "SECRET", "Server", "Stage", "open_stage"]

ROOT = Path(__file__).parents[1]
SECRET = secrets.token_urlsafe(48)  # of this run
START_SECONDS = 60.0
SHOWN = 30  # lines of a server
PORT = "{port}"
"""Stands for the port in the command of a server that is told where to listen."""
OURS = (
    *("JWT_", "SMTP_", "DATABASE_URL", "NATS_URL", "CLIENT_URL", "ENVIRONMENT", "RATE_LIMITS", "HOST", "PORT"),
    *("DRAIN_NOTICE", "TRUSTED_PROXIES", "MAX_", "CONNECT_RATE", "METRICS"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    port: int
    process: asyncio.subprocess.Process
    dsn: str

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid


class Stage:
    """One PostgreSQL with durable commits and a database for each server."""

    def __init__(self, postgres: EmbeddedPostgres, folder: Path, stack: contextlib.AsyncExitStack) -> None:
        self._postgres = postgres
        self.folder = folder
        self._stack = stack

    @property
    def postgres_version(self) -> str:
        """Of the server."""
        return self._postgres.version

    def postgres_cpu(self) -> float:
        """CPU seconds of PostgreSQL so far, all of its processes."""
        assert self._postgres.pid is not None
        return machine.cpu_seconds(self._postgres.pid)

    async def database(self, name: str) -> str:
        """A new database; its DSN."""
        dsn = self._postgres.dsn()
        connection = await asyncpg.connect(dsn)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))

    async def checkpoint(self) -> None:
        """Write out what earlier turns left, so that the next one does not pay for it."""
        connection = await asyncpg.connect(self._postgres.dsn(superuser=True))
        await connection.execute("CHECKPOINT")
        await connection.close()

    async def duologue(self, arguments: Sequence[str] = (), **environment: str) -> Server:
        """A node on a fresh database."""
        dsn = await self.database(f"duologue_{secrets.token_hex(4)}")
        await migrate(dsn)
        return await self.node(dsn, arguments, **environment)

    async def node(self, dsn: str, arguments: Sequence[str] = (), **environment: str) -> Server:
        """A node on a database that has our schema."""
        settings = {
            "DATABASE_URL": dsn,
            "JWT_SECRET": SECRET,
            "JWT_REFRESH_SECRET": SECRET[::-1],
            "RATE_LIMITS": "off",
            "DATA_DIR": str(self.folder / "duologue"),
            **environment,
        }
        command = [sys.executable, "-m", "duologue", "serve", "--port", "0", *arguments]
        return await self.start("duologue", command, dsn, settings, rb"http://127\.0\.0\.1:(\d+)")

    async def start(
        self, name: str, command: Sequence[str], dsn: str, settings: Mapping[str, str], says: bytes | None = None
    ) -> Server:
        """A process that serves, stopped with the stage. Without `says` it is given PORT and tried until it answers."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        port = 0 if says else free_port()
        process = await asyncio.create_subprocess_exec(
            *(part.replace(PORT, str(port)) for part in command),
            cwd=ROOT,
            env={**kept, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PORT": str(port), **settings},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._stack.push_async_callback(stop, process)
        assert process.stdout is not None
        said = b""
        async with asyncio.timeout(START_SECONDS):
            if says is None:
                await answering(port, process)
            while says is not None:
                line = await process.stdout.readline()
                said += line
                if found := re.search(says, line):
                    port = int(found[1])
                    break
                if not line:
                    raise RuntimeError(f"{name} ended:\n{said.decode()}")
        reader = asyncio.create_task(show(name, process.stdout))
        self._stack.callback(reader.cancel)
        return Server(name, port, process, dsn)


@contextlib.asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """Everything is stopped and removed at the end."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # not allowed: then as many as we may have
        hard = max(hard, 60_000)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    folder = Path(tempfile.mkdtemp(prefix="duologue-bench-"))
    # Else root's PostgreSQL would put its data elsewhere.
    os.chmod(folder, 0o711)  # noqa: PTH101 (Path.chmod is taken for a wait)
    postgres = EmbeddedPostgres(folder)
    try:
        async with contextlib.AsyncExitStack() as stack:
            await postgres.start()
            stack.push_async_callback(postgres.stop)
            yield Stage(postgres, folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def answering(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until somebody listens there."""
    while True:
        if process.returncode is not None:
            assert process.stdout is not None
            raise RuntimeError((await process.stdout.read()).decode())
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def show(name: str, output: asyncio.StreamReader) -> None:
    """Pass on the first of what a server says after its start."""
    lines = 0
    while line := await output.readline():
        lines += 1
        if lines < SHOWN:
            print(f"[{name}] {line.decode(errors='replace')}", end="", file=sys.stderr)


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
