"""Databases for sign-in, and a site with the usual settings."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.auth.serving import Site, sign_in_server
from tests.harness.postgres import migrated_database


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def auth_database(postgres_dsn: str, worker_id: str) -> str:
    """A database for sites of special settings, one at a time: each has its own clock and mails."""
    return await migrated_database(postgres_dsn, f"auth_{worker_id}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(postgres_dsn: str, worker_id: str) -> AsyncIterator[Site]:
    """Sign-in as a development server has it, limits on."""
    async with sign_in_server(await migrated_database(postgres_dsn, f"auth_site_{worker_id}")) as site:
        yield site
