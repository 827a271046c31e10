"""Several processes on one port of one machine: a parent owns the port, PostgreSQL and NATS; workers serve."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec
import structlog

from duologue import __version__
from duologue.cluster.server import LocalNats
from duologue.config import Settings
from duologue.database.embedded import EmbeddedPostgres
from duologue.database.schema import check_schema, migrate
from duologue.errors import StartError
from duologue.operations.banner import Started
from duologue.operations.memory import available
from duologue.serve import catch_signals, listen, outside, public_url, put_off_garbage_collection, serve_until

__all__ = ["MOST", "Order", "run_workers", "work"]

MOST: Final = 24  # the embedded PostgreSQL has 100 connections, and each takes three at the least
CONNECTIONS: Final = 80  # of all workers together
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 28.0  # a worker gives itself 25
BACKOFF: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS: Final = 60.0

READY: Final = b"ready\n"

log = structlog.get_logger("duologue.workers")


class Order(msgspec.Struct, frozen=True):
    """What a worker is told on its standard input, which stays open as long as its parent lives."""

    database_url: str
    nats_url: str
    url: str
    """Where people reach it."""
    sockets: list[int]
    """File descriptors of its listening sockets."""
    connections: int
    """To PostgreSQL."""
    max_memory: int
    """MiB of this process."""


async def work(settings: Settings) -> None:
    """The life of a worker: take the order, serve until SIGTERM; gone at once when the parent is."""
    stopping = catch_signals()
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), orphaned)
    put_off_garbage_collection()
    await serve_until(
        stopping,
        replace(settings, database_url=order.database_url, nats_url=order.nats_url, max_memory=order.max_memory),
        order.database_url,
        order.url,
        [socket.socket(fileno=number) for number in order.sockets],
        lambda: os.write(sys.stdout.fileno(), READY),
        connections=order.connections,
    )


def orphaned() -> None:
    """The parent was killed: PostgreSQL and NATS are gone with it, and its successor wants the port."""
    if not os.read(sys.stdin.fileno(), 1):
        os._exit(1)


async def run_workers(settings: Settings, count: int, ready: Callable[[Started], None]) -> None:
    """Serve with that many processes until SIGINT or SIGTERM; `StartError` says what is wrong."""
    stopping = catch_signals()
    shares = listen_shared(settings.host, settings.port, count)
    url = public_url(settings, shares[0][0].getsockname()[1])
    async with contextlib.AsyncExitStack() as stack:
        for each in {one for share in shares for one in share}:
            stack.callback(each.close)
        postgres = EmbeddedPostgres(settings.data_dir) if settings.database_url is None else None
        nats_url = settings.nats_url
        if nats_url is None:
            nats = LocalNats()
            stack.push_async_callback(nats.stop)
            nats_url = await nats.start()
        if postgres is not None:
            stack.push_async_callback(postgres.stop)
            dsn = await postgres.start()
            await migrate(dsn)
        else:
            assert settings.database_url is not None
            dsn = settings.database_url
            await check_schema(dsn)
        connections = max(3, min(10, CONNECTIONS // count))
        memory = settings.max_memory or available() * 3 // 4 // count
        workers = [
            Worker(number, Order(dsn, nats_url, url, [each.fileno() for each in share], connections, memory), settings)
            for number, share in enumerate(shares, 1)
        ]
        stack.push_async_callback(stop_all, workers)
        for outcome in await asyncio.gather(*(worker.start() for worker in workers), return_exceptions=True):
            if outcome is not None:
                raise outcome
        for worker in workers:
            worker.keep()
        ready(
            Started(
                version=__version__,
                url=url,
                data=str(postgres.data) if postgres else outside(dsn),
                mailbox=settings.smtp_host is None,
                first_start=postgres.first_start if postgres else False,
                elsewhere=postgres.elsewhere if postgres else False,
                production=settings.production,
                workers=count,
            )
        )
        await stopping


async def stop_all(workers: "list[Worker]") -> None:
    """All at once: each drains by itself."""
    await asyncio.gather(*(worker.stop() for worker in workers))


def listen_shared(host: str, port: int, count: int) -> list[list[socket.socket]]:
    """A share of the port for each worker. The parent keeps them open: what waits while a worker is away is not lost.

    On Linux each share is a queue of its own (SO_REUSEPORT), and the kernel spreads connections evenly; one queue for
    all would give most of them to whoever wakes up first. Elsewhere that option does not spread, and one queue it is.
    """
    probe = listen(host, port)  # a taken port is told by this: SO_REUSEPORT alone would share it with the other
    if sys.platform != "linux":
        return [probe] * count
    places = [(each.family, each.getsockname()) for each in probe]
    for each in probe:
        each.close()
    return [
        [socket.create_server(address[:2], family=family, backlog=2048, reuse_port=True) for family, address in places]
        for _ in range(count)
    ]


class Worker:
    """One process, started again when it ends by itself."""

    def __init__(self, number: int, order: Order, settings: Settings) -> None:
        self._number = number
        self._order = order
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Start it, and return when it serves; `StartError` when it does not."""
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "duologue",
            "worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=self._order.sockets,
            start_new_session=True,  # Ctrl-C is for the parent, which stops the workers in order
            env=os.environ | {"DATA_DIR": str(self._settings.data_dir)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(self._order) + b"\n")
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError:
            line = b""
        if line != READY:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise StartError(f"worker {self._number} did not start; what it said is above.")

    def keep(self) -> None:
        """Start it again whenever it ends by itself."""
        self._keeper = asyncio.create_task(self._keep(), name=f"worker {self._number}")

    async def stop(self) -> None:
        """Let it drain; the last resort is SIGKILL."""
        self._stopping = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            log.error("a worker did not stop in time", worker=self._number)
            process.kill()
            await process.wait()

    async def _keep(self) -> None:
        failures = 0
        while self._process is not None:
            begun = time.monotonic()
            status = await self._process.wait()
            if time.monotonic() - begun > STEADY_SECONDS:
                failures = 0
            log.error("a worker ended by itself; starting it again", worker=self._number, status=status)
            while True:
                await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
                failures += 1
                try:
                    await self.start()
                except StartError as error:
                    log.error("trying again", reason=str(error))
                    continue
                log.info("the worker is back", worker=self._number)
                break
