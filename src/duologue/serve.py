"""One life of a node: take the port, bring up PostgreSQL, serve until told to stop, drain."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from duologue import __version__
from duologue.config import Settings
from duologue.database.embedded import EmbeddedPostgres
from duologue.database.pool import open_pool
from duologue.database.schema import check_schema, migrate
from duologue.errors import StartError
from duologue.operations.banner import Started

__all__ = ["catch_signals", "listen", "outside", "public_url", "put_off_garbage_collection", "run", "serve_until"]

POOL = 10  # connections
POOL_SECONDS = 3.0
STOP_SECONDS = 25.0  # and the pool's: what a supervisor waits before it kills is usually 30
GARBAGE = 20_000  # new objects before the young are looked through; 700 by default


def listen(host: str, port: int) -> list[socket.socket]:
    """The port, taken before anything is started; on the loopback for IPv4 and IPv6, as `localhost` may mean either."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sockets = [socket.create_server((host, port), family=family, backlog=2048)]
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number and number > 0 else str(error)
        raise StartError(f"Port {port} of {host} cannot be used: {reason}. Set another PORT or HOST.") from None
    if host in ("127.0.0.1", "localhost") and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # no IPv6 here, or its port is somebody else's
            port = sockets[0].getsockname()[1]
            sockets.append(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=2048))
    return sockets


def public_url(settings: Settings, port: int) -> str:
    """Where people reach this node: the first CLIENT_URL in production, else this machine."""
    if settings.production and settings.client_url:
        return settings.client_url[0]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


def put_off_garbage_collection() -> None:
    """Until the node is there: what it is made of stays, and is not looked through time and again."""
    gc.disable()


def tune_garbage_collection() -> None:
    """Leave what a node is made of out of every collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 50)
    gc.enable()


async def run(settings: Settings, ready: Callable[[Started], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once requests are answered. `StartError` says what is wrong."""
    stopping = catch_signals()
    put_off_garbage_collection()
    sockets = listen(settings.host, settings.port)
    url = public_url(settings, sockets[0].getsockname()[1])
    postgres = EmbeddedPostgres(settings.data_dir) if settings.database_url is None else None
    # PostgreSQL comes up while Python imports.
    starting = asyncio.create_task(postgres.start()) if postgres else None
    try:
        await asyncio.sleep(0)
        import duologue.app  # noqa: F401 (now, while PostgreSQL comes up)

        if starting is not None:
            dsn = await starting
            await migrate(dsn)
        else:
            assert settings.database_url is not None
            dsn = settings.database_url
            await check_schema(dsn)
        await serve_until(
            stopping,
            settings,
            dsn,
            url,
            sockets,
            lambda: ready(
                Started(
                    version=__version__,
                    url=url,
                    data=str(postgres.data) if postgres else outside(dsn),
                    mailbox=settings.smtp_host is None,
                    first_start=postgres.first_start if postgres else False,
                    elsewhere=postgres.elsewhere if postgres else False,
                    production=settings.production,
                )
            ),
        )
    finally:
        for each in sockets:
            each.close()
        if starting is not None and not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        if postgres is not None:
            await postgres.stop()


async def serve_until(
    stopping: asyncio.Future[None],
    settings: Settings,
    dsn: str,
    url: str,
    sockets: list[socket.socket],
    ready: Callable[[], object],
    *,
    connections: int = POOL,
) -> None:
    """One node on a database that is up, from its start to its end."""
    from duologue.app import Application

    async with pool_of(dsn, connections) as pool:
        application = Application(settings, pool, url, lambda line: print(line, file=sys.stderr, flush=True))
        await application.start(sockets)
        tune_garbage_collection()
        ready()
        await stopping
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await application.stop()


@contextlib.asynccontextmanager
async def pool_of(dsn: str, size: int) -> AsyncIterator["asyncpg.Pool[Any]"]:
    """The pool, closed in time whatever happens."""
    pool = await open_pool(dsn, max_size=size)
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(POOL_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()


def outside(dsn: str) -> str:
    """Where an outside database is, without who may enter it."""
    parts = urlsplit(dsn)
    return f"PostgreSQL at {parts.hostname or 'a local socket'}{parts.path}"


def catch_signals() -> asyncio.Future[None]:
    """Done at the first SIGINT or SIGTERM; the second ends the process as it would without us."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[None] = loop.create_future()

    def on_signal(number: signal.Signals) -> None:
        if stopping.done():
            loop.remove_signal_handler(number)
            signal.raise_signal(number)
        else:
            stopping.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    return stopping
