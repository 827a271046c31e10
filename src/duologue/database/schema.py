"""The schema's revision: told without Alembic, which is imported (0.8 s) only when there is something to migrate."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from duologue.database.pool import COMMAND_SECONDS, connect
from duologue.errors import StartError

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["HEAD", "check_schema", "current_revision", "migrate"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"
HEAD: Final = max(path.stem[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
"""The newest revision: migrations are linear, and their files are named by it (`0003_rooms.py`)."""

_LOCK: Final = 0x6475_6F6C_6F67_7565
"""Ours among the server's advisory locks: one node migrates, the others wait and find it done."""


async def current_revision(where: "str | asyncpg.Connection[Any]") -> str | None:
    """The schema's revision in a database, given by DSN or connection; None when it is empty."""
    if isinstance(where, str):
        connection = await connect(where)
        try:
            return await current_revision(connection)
        finally:
            await connection.close()
    try:
        found: str | None = await where.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return found


async def check_schema(dsn: str) -> None:
    """StartError unless the schema is exactly ours; for databases that we do not migrate unasked."""
    found = await current_revision(dsn)
    _refuse_newer(found)
    if found != HEAD:
        state = f"at revision {found}" if found else "empty"
        raise StartError(f"The database is {state}, this Duologue needs {HEAD}: run `duologue migrate`.")


async def migrate(dsn: str) -> bool:
    """Bring the schema to HEAD; gives whether there was anything to do. Safe from several nodes at once."""
    connection = await connect(dsn)
    try:
        if await current_revision(connection) == HEAD:
            return False
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK, timeout=600)
        found = await current_revision(connection)
        _refuse_newer(found)
        if found == HEAD:
            return False
        await _upgrade(dsn)
        return True
    finally:
        await connection.close()  # Lets the lock go.


def _refuse_newer(found: str | None) -> None:
    if found is not None and found > HEAD:
        raise StartError(
            f"The database is at revision {found}, newer than this Duologue knows ({HEAD}): upgrade Duologue."
        )


async def _upgrade(dsn: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")

    def upgrade(connection: "Connection") -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(dsn, command_timeout=20 * COMMAND_SECONDS),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()
