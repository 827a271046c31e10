"""People with clients of ours, on the worker's server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio

from duologue.client import Backoff, Duologue
from tests.harness.people import PASSWORD, Person

QUICK = Backoff(0.05, 0.5)


@pytest_asyncio.fixture(loop_scope="session")
async def client_of() -> AsyncIterator[Callable[..., Awaitable[Duologue]]]:
    """Signs a person in with a client; `port` goes through a proxy, the rest are options of the client."""
    clients: list[Duologue] = []

    async def make(person: Person, url: str = "", **options: Any) -> Duologue:
        duologue = Duologue(url or str(person.http.base_url), **{"backoff": QUICK, **options})
        clients.append(duologue)
        await duologue.sign_in(person.email, PASSWORD)
        return duologue

    yield make
    for duologue in clients:
        await duologue.close()


@pytest_asyncio.fixture(loop_scope="session")
async def ann(client_of: Callable[..., Awaitable[Duologue]], alice: Person) -> Duologue:
    """Alice's client."""
    return await client_of(alice)


@pytest_asyncio.fixture(loop_scope="session")
async def ben(client_of: Callable[..., Awaitable[Duologue]], bob: Person) -> Duologue:
    """Bob's client."""
    return await client_of(bob)
