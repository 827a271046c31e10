"""A socket lives as long as its session has a token, and a minute more; a server in this process, its clock moved."""

import asyncio
import socket
from datetime import datetime

import pytest_asyncio

from duologue.app import Application
from duologue.config import load_settings
from duologue.database.pool import open_pool
from tests.auth.serving import Clock
from tests.harness.people import log_in
from tests.harness.postgres import migrated_database


class Site:
    """The application, and a time that only tests move."""

    def __init__(self, application, clock):
        self.application = application
        self.clock = clock

    def move(self, **span):
        """Forward; the wheel then comes round to every socket."""
        self.clock.move(**span)
        wheel = self.application.wheel
        for connection in list(self.application.sockets._open):
            connection.visit(wheel.now)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def dsn(postgres_dsn, worker_id):
    """A database of its own: its mails and limits have their own time."""
    return await migrated_database(postgres_dsn, f"expiry_{worker_id}")


@pytest_asyncio.fixture(loop_scope="session")
async def site(dsn, tmp_path):
    """A server whose clock stands still until it is moved."""
    environ = {"DATABASE_URL": dsn, "DATA_DIR": str(tmp_path), "RATE_LIMITS": "off"}
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    pool = await open_pool(dsn)
    clock = Clock()
    application = Application(load_settings(environ, None), pool, url, lambda line: None, clock)
    await application.start([listener])
    yield Site(application, clock)
    await application.stop()
    await pool.close()
    listener.close()


@pytest_asyncio.fixture(loop_scope="session")
async def alice(site, dsn):
    """Somebody signed in there."""
    person = await log_in(site.application.public_url, dsn)
    yield person
    await person.http.aclose()


def moment(frame):
    return datetime.fromisoformat(frame["data"]["expiresAt"])


async def test_the_end_of_the_last_token_is_told_a_minute_ahead_and_once(site, alice):
    async with alice.socket("/ws", v1=True) as many, alice.socket("/rooms") as base:
        await many.receive_type("ROOMS_LIST")
        await base.receive_type("ROOMS_LIST")
        site.move(minutes=13, seconds=59)
        assert await many.nothing_more()
        site.move(seconds=2)
        told = await many.receive()
        assert told["type"] == "SESSION_EXPIRING"
        assert (moment(told) - site.clock()).total_seconds() == 59
        site.move(seconds=10)
        assert await many.nothing_more()
        assert await base.nothing_more()


async def test_a_socket_closes_a_minute_after_the_last_token_ran_out(site, alice):
    async with alice.socket("/ws", v1=True) as many, alice.socket("/rooms") as base:
        await many.receive_type("ROOMS_LIST")
        await base.receive_type("ROOMS_LIST")
        site.move(minutes=15, seconds=59)
        assert (await many.receive())["type"] == "SESSION_EXPIRING"
        await base.sync()
        site.move(seconds=2)
        assert [code for code, _ in await asyncio.gather(many.closed(), base.closed())] == [4002, 4002]


async def test_a_refresh_extends_every_socket_of_its_session_and_no_other(site, alice, dsn):
    stranger = await log_in(site.application.public_url, dsn)
    async with (
        alice.socket("/ws", v1=True) as many,
        alice.socket("/rooms") as base,
        stranger.socket("/rooms") as other,
    ):
        for each in (many, base, other):
            await each.receive_type("ROOMS_LIST")
        for _ in range(3):
            site.move(minutes=14, seconds=30)
            assert (await many.receive())["type"] == "SESSION_EXPIRING"
            assert (await alice.http.post("/auth/refresh")).status_code == 200
        assert (await other.closed())[0] == 4002
        await base.sync()
        site.move(minutes=16, seconds=1)
        assert (await many.closed())[0] == 4002
        assert (await base.closed())[0] == 4002
    await stranger.http.aclose()


async def test_a_socket_opened_with_a_token_that_is_about_to_end_is_told_at_once(site, alice):
    site.move(minutes=14, seconds=30)
    async with alice.socket("/ws", v1=True) as many:
        await many.receive_type("ROOMS_LIST")
        told = await many.receive(5)
        assert told["type"] == "SESSION_EXPIRING"
        assert (moment(told) - site.clock()).total_seconds() == 30


async def test_a_token_that_ran_out_opens_no_socket(site, alice):
    site.move(minutes=15, seconds=1)
    async with alice.socket("/ws", v1=True) as many:
        assert (await many.closed())[0] == 4002
