"""Who holds this access token: asked by every HTTP request and every socket, without a query."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final

import asyncpg

from duologue.auth.revocations import Revocations
from duologue.auth.sessions_store import SessionStore
from duologue.auth.tokens import Kind, Tokens
from duologue.errors import AppError, Code
from duologue.identity import Identity

__all__ = ["Authenticator", "Confirmations"]

REMEMBERED: Final = 10_000  # tokens; forgetting one costs a statement
SIGNATURE: Final = 43  # characters at the end of a token, enough to know it again


class Authenticator:
    """Believes tokens of live sessions."""

    def __init__(self, tokens: Tokens, revocations: Revocations, clock: Callable[[], datetime]) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._clock = clock

    def authenticate(self, token: str | None) -> Identity:
        """The token's holder, or `AppError` NO_TOKEN, TOKEN_EXPIRED, INVALID_TOKEN or SESSION_ENDED."""
        if not token:
            raise AppError(Code.NO_TOKEN, "Sign in first: there is no access token.")
        claims = self._tokens.read(Kind.ACCESS, token, self._clock())
        if self._revocations.is_revoked(claims.session_id):
            raise AppError(Code.SESSION_ENDED, "This session has ended; sign in again.")
        return Identity(claims.user_id, claims.session_id, claims.expires_at, token)


class Confirmations:
    """Writes down that a rotation's new tokens arrived, once a rotation: its lost answer is then no excuse any more."""

    def __init__(self, pool: asyncpg.Pool, store: SessionStore, tokens: Tokens, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._known: OrderedDict[str, None] = OrderedDict()

    async def confirm(self, identity: Identity) -> None:
        """The access token of this identity is in use."""
        key = identity.token[-SIGNATURE:]
        if key in self._known:
            self._known.move_to_end(key)
            return
        claims = self._tokens.read_expired(Kind.ACCESS, identity.token)
        async with self._pool.acquire() as conn:
            await self._store.confirm(conn, identity.session_id, claims["gen"], self._clock())
        self._known[key] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
