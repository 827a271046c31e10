"""Fills a database with the people and conversations of the demonstration, once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from duologue.auth.passwords import Passwords
from duologue.chat.search_store import SearchStore
from duologue.config import Settings
from duologue.database.embedded import EmbeddedPostgres
from duologue.database.pool import open_pool
from duologue.database.running import running_dsn
from duologue.database.schema import check_schema, migrate
from duologue.demo.script import PASSWORD, PEOPLE, Character, conversations
from duologue.demo.store import DemoStore
from duologue.errors import StartError

__all__ = ["Filled", "fill"]

INDEXED = 1_000  # messages of a room whose words are written down at once


@dataclass(frozen=True, slots=True)
class Filled:
    """What is there now. `rooms` and `messages` count what this run has written."""

    people: Sequence[Character]
    password: str
    rooms: int
    messages: int


class _Known(Exception):
    """Somebody of the demonstration is there already."""


async def fill(settings: Settings, *, force: bool = False) -> Filled:
    """Write everything in one transaction, or nothing where it is there already. `StartError` where it must not be.

    Works beside a running server, which shows it to whoever loads a page next, and without one.
    """
    if settings.production and not force:
        raise StartError("These are made-up people with a known password: not in production. --force insists.")
    if settings.database_url is not None and not force:
        raise StartError("DATABASE_URL names a database that is not ours to fill with made-up people. --force insists.")
    async with _database(settings) as pool:
        now = datetime.now(UTC)
        passwords = Passwords()
        try:
            password_hash = await passwords.hash(PASSWORD)
        finally:
            await passwords.stop()
        rooms: list[str] = []
        messages = 0
        try:
            async with pool.acquire() as connection, connection.transaction():
                store = DemoStore(connection)
                ids = await store.add_people(PEOPLE, password_hash, now)
                if len(ids) < len(PEOPLE):
                    raise _Known
                for conversation in conversations(now):
                    rooms.append(str(await store.add_conversation(conversation, ids)))
                    messages += len(conversation.lines)
        except _Known:
            return Filled(PEOPLE, PASSWORD, 0, 0)
        unindexed = rooms
        while unindexed:
            unindexed = await SearchStore(pool).index(unindexed, INDEXED)
        return Filled(PEOPLE, PASSWORD, len(rooms), messages)


@asynccontextmanager
async def _database(settings: Settings) -> "AsyncIterator[asyncpg.Pool[Any]]":
    """The database: one of the operator's own, that of a running server, or the embedded one for this moment."""
    async with AsyncExitStack() as stack:
        dsn = settings.database_url or running_dsn(settings.data_dir)
        if dsn is not None:
            await check_schema(dsn)
        else:
            postgres = EmbeddedPostgres(settings.data_dir)
            stack.push_async_callback(postgres.stop)
            dsn = await postgres.start()
            await migrate(dsn)
        pool = await open_pool(dsn, min_size=1, max_size=1)
        stack.push_async_callback(pool.close)
        yield pool
