"""Guests: people of the playground, whose tokens a page may see. In development alone.

A browser has one cookie jar, and the playground wants two people in one window; scripts cannot read the cookies of
`POST /auth/login`, which is their point. Where the mailbox is open to all, this gives nobody more than that does.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
from litestar import Router, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody

from duologue.auth.accounts_store import AccountStore
from duologue.auth.client import Client
from duologue.auth.events import SessionEvents
from duologue.auth.needs import TheClient
from duologue.auth.passwords import Passwords
from duologue.auth.sessions import Sessions
from duologue.auth.tokens import ACCESS_LIFETIME, IDLE_LIFETIME, Family, Kind, Tokens
from duologue.errors import AppError, Code
from duologue.wire.accounts import Account
from duologue.wire.base import rfc3339
from duologue.wire.guests import Guest, GuestRequest, GuestToken, GuestTokenRequest

__all__ = ["Guests", "guests_router"]

DOMAIN: Final = "guest.example"  # RFC 2606 §3: nobody's


class Guests:
    """Makes them, and gives them tokens of any age."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        accounts: AccountStore,
        passwords: Passwords,
        sessions: Sessions,
        tokens: Tokens,
        events: SessionEvents,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._accounts = accounts
        self._passwords = passwords
        self._sessions = sessions
        self._tokens = tokens
        self._events = events
        self._clock = clock

    async def arrive(self, name: str, client: Client) -> Guest:
        """Somebody new, signed in; nobody knows the password."""
        password_hash = await self._passwords.hash(secrets.token_urlsafe(32))
        email = f"{name}.{secrets.token_hex(3)}@{DOMAIN}"
        async with self._pool.acquire() as conn, conn.transaction():
            account = await self._accounts.create(conn, email, password_hash, self._clock())
            if account is None:
                raise AppError(Code.BUSY, "Somebody has this name already; try again.", retry_after=1.0)
            pair = await self._sessions.open(conn, account, client)
        return Guest(Account(account.id, account.email), pair.access)

    async def renew(self, token: str, seconds: int) -> GuestToken:
        """Another token of the same session that holds for so long; the session's sockets live on with it."""
        claims = self._tokens.read_expired(Kind.ACCESS, token)
        user_id = int(claims["sub"])
        async with self._pool.acquire() as conn:
            account = await self._accounts.by_id(conn, user_id)
        if account is None or not account.email.endswith(f"@{DOMAIN}"):
            raise AppError(Code.ACCESS_DENIED, "This is no guest's token.")
        rotated_at = self._clock() + timedelta(seconds=seconds) - ACCESS_LIFETIME
        session_id = self._tokens.session_of(Kind.ACCESS, token)
        family = Family(session_id, user_id, claims["gen"], rotated_at, rotated_at + IDLE_LIFETIME)
        pair = self._tokens.issue(family)
        if seconds > 0:
            self._events.refreshed(session_id, pair.access_expires_at)
        return GuestToken(pair.access, rfc3339(datetime.fromtimestamp(pair.access_expires_at, UTC)))


TheGuests = NamedDependency[Guests]


@post("/guests", status_code=201)
async def arrive(data: JSONBody[GuestRequest], guests: TheGuests, client: TheClient) -> Guest:
    """A guest of that name."""
    return await guests.arrive(data.name, client)


@post("/guests/token", status_code=200)
async def renew(data: JSONBody[GuestTokenRequest], guests: TheGuests) -> GuestToken:
    """A token of any age for a guest."""
    return await guests.renew(data.token, data.seconds)


def guests_router(guests: Guests, dependencies: dict[str, Provide]) -> Router:
    """Mount in development only: whoever calls becomes somebody."""
    return Router(
        "/dev",
        route_handlers=[arrive, renew],
        dependencies=dependencies | {"guests": Provide(lambda: guests, sync_to_thread=False)},
        include_in_schema=False,
        security=[{}],
    )
