"""Migrations on a real PostgreSQL: whole, once, and never onto a newer schema."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from duologue.database.pool import connect, open_pool
from duologue.database.schema import HEAD, MIGRATIONS, check_schema, current_revision, migrate
from duologue.errors import StartError
from tests.harness.postgres import make_database


@pytest.fixture
async def empty(postgres_dsn: str, worker_id: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    name = f"schema_{worker_id}"
    yield await make_database(postgres_dsn, name)
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


def test_our_head_is_alembics_head():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_an_empty_database_is_migrated_once(empty: str):
    assert await current_revision(empty) is None
    assert await migrate(empty)
    assert await current_revision(empty) == HEAD
    assert not await migrate(empty)
    await check_schema(empty)


async def test_nodes_that_migrate_at_once_do_not_race(empty: str):
    assert sorted(await asyncio.gather(*(migrate(empty) for _ in range(3)))) == [False, False, True]
    assert await current_revision(empty) == HEAD


async def test_an_old_schema_is_refused_with_the_command_to_run(empty: str):
    with pytest.raises(StartError, match="run `duologue migrate`"):
        await check_schema(empty)


async def test_a_newer_schema_is_refused_and_left_alone(empty: str):
    await migrate(empty)
    connection = await asyncpg.connect(empty)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    for refused in (check_schema, migrate):
        with pytest.raises(StartError, match="newer than this Duologue knows"):
            await refused(empty)
    assert await current_revision(empty) == "9999"


@pytest.mark.parametrize(
    ("dsn", "line"),
    [
        ("postgresql://u:pw@127.0.0.1:1/x", "PostgreSQL cannot be reached: "),
        ("postgresql://u:pw@/x?host=/nowhere", "PostgreSQL cannot be reached: "),
        ("postgresql://u:pw@host.invalid/x", "PostgreSQL cannot be reached: "),
    ],
)
async def test_a_server_that_cannot_be_reached_is_told_in_one_line(dsn: str, line: str):
    with pytest.raises(StartError, match=f"^{line}[^\n]*DATABASE_URL.$") as caught:
        await connect(dsn)
    assert "pw" not in str(caught.value)


async def test_a_database_that_is_not_there_is_told_in_one_line(postgres_dsn: str):
    with pytest.raises(
        StartError, match=r'^PostgreSQL refuses: database "nowhere" does not exist; check DATABASE_URL.$'
    ):
        await open_pool(postgres_dsn.replace("/duologue?", "/nowhere?"))
