"""A database of mail's own: the worker's server would send what these tests put in its table."""

import datetime
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest_asyncio

from duologue.database.pool import open_pool
from duologue.mail.letter import Transport
from duologue.mail.outbox import MailOutbox
from duologue.mail.seal import Seal
from tests.harness.postgres import migrated_database
from tests.mail.serving import Clock, MailServer

MakeOutbox = Callable[..., Awaitable[MailOutbox]]
SendMail = Callable[..., Awaitable[None]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mail_database(postgres_dsn: str, worker_id: str) -> str:
    return await migrated_database(postgres_dsn, f"duologue_mail_{worker_id}")


@pytest_asyncio.fixture
async def pool(mail_database: str) -> AsyncIterator[asyncpg.Pool]:
    opened = await open_pool(mail_database, min_size=1, max_size=4)
    await opened.execute("TRUNCATE mail_outbox, dev_mailbox")
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    server = await MailServer().start()
    yield server
    server.silent.set()
    await server.stop()


@pytest_asyncio.fixture
async def make_outbox(pool: asyncpg.Pool, clock: Clock) -> AsyncIterator[MakeOutbox]:
    """Started with the transport; stopped after the test."""
    made: list[MailOutbox] = []

    async def make(transport: Transport, *, seal: Seal | None = None, start: bool = True) -> MailOutbox:
        outbox = MailOutbox(pool, transport, seal or Seal("a secret of the test"), clock, "http://chat.test")
        made.append(outbox)
        if start:
            await outbox.start()
        return outbox

    yield make
    for outbox in made:
        await outbox.stop()


@pytest_asyncio.fixture
async def send_mail(pool: asyncpg.Pool, clock: Clock) -> SendMail:
    """A code for somebody, in a transaction that commits."""

    async def send(outbox: MailOutbox, recipient: str = "ada@example.com", code: str = "048213") -> None:
        async with pool.acquire() as conn, conn.transaction():
            await outbox.send(
                conn,
                "otp_registration",
                recipient,
                {"code": code, "minutes": "10"},
                clock() + datetime.timedelta(minutes=10),
            )

    return send
