"""A socket lives as long as its session has a token, and a minute more; a server in this process, its clock moved."""

import asyncio
from datetime import datetime

import pytest_asyncio

from tests.harness.people import log_in
from tests.harness.postgres import migrated_database
from tests.harness.site import site_on


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def dsn(postgres_dsn, worker_id):
    """A database of its own: its mails and limits have their own time."""
    return await migrated_database(postgres_dsn, f"expiry_{worker_id}")


@pytest_asyncio.fixture(loop_scope="session")
async def site(dsn, tmp_path):
    """A server whose clock stands still until it is moved."""
    async with site_on(dsn, tmp_path) as site:
        yield site


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
