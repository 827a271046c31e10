"""Connections to PostgreSQL, with a bound on every wait; what goes wrong is told in one line."""

from typing import Any, Final

import asyncpg

from duologue.database.binaries import MINIMUM
from duologue.errors import StartError

__all__ = ["connect", "open_pool", "ping"]

CONNECT_SECONDS: Final = 10.0
COMMAND_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 300.0

_SETTINGS: Final = {
    "application_name": "duologue",
    # Our queries are short: compiling one costs more than running it.
    "jit": "off",
    "timezone": "UTC",
}


async def open_pool(dsn: str, *, min_size: int = 2, max_size: int = 10) -> "asyncpg.Pool[Any]":
    """A pool that reconnects by itself; StartError when the server cannot be used."""
    await (await connect(dsn)).close()  # Its errors are clear, and it checks the version.
    return await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        max_inactive_connection_lifetime=IDLE_SECONDS,
        server_settings=_SETTINGS,
        reset=_nothing_to_reset,
    )


async def _nothing_to_reset(connection: "asyncpg.Connection[Any]") -> None:
    """Nobody here changes a session's state; asyncpg's own reset costs a round trip for every query."""


async def ping(pool: "asyncpg.Pool[Any]", seconds: float) -> None:
    """Return when PostgreSQL answers; raises one of `faults.AWAY` when it does not within `seconds`."""
    await pool.fetchval("SELECT 1", timeout=seconds)


async def connect(dsn: str, *, timeout: float = CONNECT_SECONDS) -> "asyncpg.Connection[Any]":
    """One connection to a server that is new enough; StartError says what is wrong with it."""
    try:
        connection = await asyncpg.connect(dsn, timeout=timeout, server_settings=_SETTINGS)
    except TimeoutError:
        raise StartError(f"PostgreSQL does not answer within {timeout:.0f} seconds; check DATABASE_URL.") from None
    except OSError as error:
        reason = str(error.strerror or error).splitlines()[0]
        raise StartError(f"PostgreSQL cannot be reached: {reason}; check DATABASE_URL.") from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StartError(f"PostgreSQL refuses: {str(error).splitlines()[0]}; check DATABASE_URL.") from None
    version = connection.get_server_version()
    if version.major < MINIMUM:
        await connection.close()
        raise StartError(f"PostgreSQL {version.major} is too old: {MINIMUM} or newer is needed.")
    return connection
