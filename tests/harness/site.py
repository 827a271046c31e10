"""The whole application in this process, with a clock that only tests move."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from duologue.app import Application
from duologue.config import load_settings
from duologue.database.pool import open_pool
from tests.auth.serving import Clock


class Site:
    """An application that serves, and its clock."""

    def __init__(self, application: Application, clock: Clock, port: int) -> None:
        self.application = application
        self.clock = clock
        self.port = port
        self.url = application.public_url

    def move(self, **span: float) -> None:
        """Forward, `minutes=10`; the wheel then comes round to every socket."""
        self.clock.move(**span)
        for connection in list(self.application.sockets._open):
            connection.visit(self.application.wheel.now)


@asynccontextmanager
async def site_on(dsn: str, folder: Path) -> AsyncIterator[Site]:
    """Serve that database on a free port."""
    environ = {"DATABASE_URL": dsn, "DATA_DIR": str(folder), "RATE_LIMITS": "off"}
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    pool = await open_pool(dsn)
    clock = Clock()
    application = Application(load_settings(environ, None), pool, f"http://127.0.0.1:{port}", lambda line: None, clock)
    await application.start([listener])
    yield Site(application, clock, port)
    await application.stop()
    await pool.close()
    listener.close()
