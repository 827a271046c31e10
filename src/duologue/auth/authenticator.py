"""Who holds this access token: asked by every HTTP request and every socket, without a query."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID

import asyncpg

from duologue.auth.revocations import Revocations
from duologue.auth.sessions_store import SessionStore
from duologue.auth.tokens import Claims, Kind, Tokens
from duologue.database.gathering import Gathering
from duologue.errors import AppError, Code
from duologue.identity import Identity

__all__ = ["Authenticator", "Confirmations"]

REMEMBERED: Final = 10_000  # tokens, sessions; forgetting one costs reading it again, or a statement
DIGEST: Final = 16  # bytes

Rotation = tuple[UUID, int]
"""A session and its generation."""


class Authenticator:
    """Believes tokens of live sessions."""

    def __init__(self, tokens: Tokens, revocations: Revocations, clock: Callable[[], datetime]) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._clock = clock
        # By a digest of the whole token: the tokens themselves are not kept.
        self._believed: OrderedDict[bytes, Claims] = OrderedDict()

    def authenticate(self, token: str | None) -> Identity:
        """The token's holder, or `AppError` NO_TOKEN, TOKEN_EXPIRED, INVALID_TOKEN or SESSION_ENDED."""
        if not token:
            raise AppError(Code.NO_TOKEN, "Sign in first: there is no access token.")
        now = self._clock()
        digest = blake2b(token.encode(errors="replace"), digest_size=DIGEST).digest()
        claims = self._believed.get(digest)
        if claims is None:
            claims = self._tokens.read(Kind.ACCESS, token, now)
            self._believed[digest] = claims
            if len(self._believed) > REMEMBERED:
                self._believed.popitem(last=False)
        elif claims.expires_at <= now.timestamp():
            del self._believed[digest]
            raise AppError(Code.TOKEN_EXPIRED, "The token has expired.")
        if self._revocations.is_revoked(claims.session_id):
            raise AppError(Code.SESSION_ENDED, "This session has ended; sign in again.")
        return Identity(claims.user_id, claims.session_id, claims.generation, claims.expires_at, token)


class Confirmations:
    """Writes down that a rotation's new tokens arrived, once a rotation: its lost answer is then no excuse any more."""

    def __init__(self, pool: asyncpg.Pool, store: SessionStore, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._store = store
        self._clock = clock
        self._known: OrderedDict[UUID, int] = OrderedDict()
        self._writing = Gathering(self._write)

    async def confirm(self, identity: Identity) -> None:
        """The access token of this identity is in use."""
        if self._known.get(identity.session_id, 0) >= identity.generation:
            return
        await self._writing.get((identity.session_id, identity.generation))
        self._known[identity.session_id] = identity.generation
        self._known.move_to_end(identity.session_id)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _write(self, rotations: Sequence[Rotation]) -> Mapping[Rotation, None]:
        async with self._pool.acquire() as conn:
            await self._store.confirm(conn, rotations, self._clock())
        return {}
