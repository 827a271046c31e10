"""A real NATS server on a port of its own."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.harness.node import free_port

SECONDS = 30.0


def nats_server() -> str:
    """Where the program is: the wheel's, else the system's."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    assert found, "nats-server is part of the development requirements"
    return found


class Nats:
    """Start it, kill it, stop it, and start it again on the same port."""

    def __init__(self, *arguments: str, user: str = "") -> None:
        """`user`: a token that it asks for."""
        self.port = free_port()
        self.url = f"nats://{user + '@' if user else ''}127.0.0.1:{self.port}"
        self._arguments = [*arguments, *(["--auth", user] if user else [])]
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The server's."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [nats_server(), "-a", "127.0.0.1", "-p", str(self.port), *self._arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        async with asyncio.timeout(SECONDS):
            while not await self._answers():
                assert self._process.poll() is None, "nats-server has ended"
                await asyncio.sleep(0.01)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """`kill -9`, unless it is gone already."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(SECONDS)

    async def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            line = await reader.readline()
            writer.close()
            return line.startswith(b"INFO")
        return False
