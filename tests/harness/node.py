"""A real `duologue serve` in a process of its own."""

import asyncio
import atexit
import contextlib
import errno
import itertools
import os
import random
import re
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.fork_server import Forked, fork
from tests.harness.measuring import unmeasured

ROOT = Path(__file__).parents[2]
START_SECONDS = 90.0  # of a server that starts beside everything else
STOP_SECONDS = 60.0  # more than it gives itself
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
SERVING = "Ctrl-C stops it"
OURS = (
    *("JWT_", "SMTP_", "DATABASE_URL", "NATS_URL", "CLIENT_URL", "ENVIRONMENT", "RATE_LIMITS", "HOST", "PORT"),
    *("DRAIN_NOTICE", "TRUSTED_PROXIES", "MAX_", "CONNECT_RATE", "METRICS"),
)


def clean_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without anything that configures Duologue, and with `overrides`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"} | dict(overrides)


# Below those that systems give to whoever asks for any: what is free here stays free, also while a server starts again.
PORTS = range(20_000, 32_000)
WORKERS = 16


def _own_ports() -> Iterator[int]:
    """Ports of this worker, from anywhere among them: another run may take place beside this one."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    own = PORTS[worker::WORKERS]
    begin = random.randrange(len(own))
    return itertools.cycle([*own[begin:], *own[:begin]])


_ports = _own_ports()


def free_port() -> int:
    """A port that nobody has, and that nobody is given who asks for any."""
    for port in itertools.islice(_ports, len(PORTS)):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    raise RuntimeError("no port is free")


_living: set[int] = set()


@atexit.register
def _leave_none_behind() -> None:
    """A fixture that fails before its `yield` stops nothing."""
    for pid in _living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


@dataclass
class Node:
    """Start it, talk to it, kill it, start it again."""

    environment: Mapping[str, str]
    folder: Path
    port: int = 0
    output: list[str] = field(default_factory=list)
    measured: bool = False
    """Whether its coverage counts, and it starts as for people: with what only such a start shows, or what few run.

    Most do not: the same lines are run elsewhere, and the two take more than the server does.
    """
    process: asyncio.subprocess.Process | Forked | None = None
    _reader: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """`ws://127.0.0.1:<port>`."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def text(self) -> str:
        """All it has printed so far."""
        return "".join(self.output)

    async def start(self, *arguments: str) -> "Node":
        """Start it and wait until it serves; the port stays the same over restarts."""
        self.port = self.port or free_port()
        self.process = await self._spawn("serve", "--port", str(self.port), *arguments)
        _living.add(self.process.pid)
        serving: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(self.process, serving))
        async with asyncio.timeout(START_SECONDS):
            self.port = await serving
        return self

    async def _spawn(self, *arguments: str) -> asyncio.subprocess.Process | Forked:
        environment = clean_environment(self.environment)
        if not self.measured:
            environment = unmeasured(environment)
            if sys.platform == "linux":  # elsewhere a fork is not safe after some imports
                return await fork(arguments, self.folder, environment)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "duologue", *arguments),
            cwd=self.folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
        )

    async def _read(self, process: asyncio.subprocess.Process | Forked, serving: asyncio.Future[int]) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            text = line.decode(errors="replace")
            self.output.append(text)
            if not serving.done() and (found := ADDRESS.search(text)):
                serving.set_result(int(found[1]))
            elif not serving.done() and SERVING in text:
                serving.set_result(self.port)  # in production the banner names the public address
        await process.wait()
        _living.discard(process.pid)
        if not serving.done():
            serving.set_exception(RuntimeError(f"serve ended with {process.returncode}:\n{self.text}"))

    async def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for its end; the exit status."""
        assert self.process is not None
        assert self._reader is not None
        async with asyncio.timeout(seconds):
            await self._reader
            return await self.process.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
        """Signal it and wait for its end."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.wait(seconds)

    async def kill(self) -> None:
        """`kill -9`."""
        await self.stop(signal.SIGKILL)
