"""Sessions: opened by signing in, kept by refreshing, ended by their owner or by theft."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from duologue.auth.accounts_store import AccountRow, AccountStore
from duologue.auth.audit import Audit, Event
from duologue.auth.client import Client
from duologue.auth.events import SessionEvents
from duologue.auth.mailer import Mailer
from duologue.auth.revocations import Revocations
from duologue.auth.sessions_store import Ended, SessionRow, SessionStore
from duologue.auth.tokens import IDLE_LIFETIME, Claims, Family, Kind, TokenPair, Tokens
from duologue.errors import AppError, Code

__all__ = ["ABSOLUTE_LIFETIME", "LOST_ANSWER", "Sessions", "notice_params", "notice_until"]

ABSOLUTE_LIFETIME: Final = timedelta(days=30)
LOST_ANSWER: Final = timedelta(minutes=10)
NOTICE_LIFETIME: Final = timedelta(days=1)


class Sessions:
    """The life of a session, from the password to the last token."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        store: SessionStore,
        accounts: AccountStore,
        tokens: Tokens,
        events: SessionEvents,
        revocations: Revocations,
        audit: Audit,
        mailer: Mailer,
        clock: Callable[[], datetime],
        grace: timedelta,
        live_sockets: Callable[[UUID], int],
    ) -> None:
        """`grace`: how long a refresh token gives the same successor again; zero is strict RFC 9700 §4.14.2."""
        self._pool = pool
        self._store = store
        self._accounts = accounts
        self._tokens = tokens
        self._events = events
        self._revocations = revocations
        self._audit = audit
        self._mailer = mailer
        self._clock = clock
        self.live_sockets = live_sockets
        self._grace = grace
        self._lost_answer = LOST_ANSWER if grace else timedelta(0)

    async def open(self, conn: asyncpg.Connection, account: AccountRow, client: Client) -> TokenPair:
        """A new session, in the transaction of whatever proved who it is."""
        now = self._clock()
        family = Family(uuid7(), account.id, 1, now, now + ABSOLUTE_LIFETIME)
        new_device = await self._store.open(conn, family, client)
        await self._audit.record(
            conn,
            Event.LOGIN_SUCCESS,
            user_id=account.id,
            client=client,
            session_id=family.session_id,
            detail="from a new device" if new_device else None,
        )
        if new_device:
            params = notice_params(client, now)
            await self._mailer.send(conn, "new_device", account.email, params, notice_until(now))
        return self._tokens.issue(family)

    async def refresh(self, token: str | None, client: Client) -> TokenPair:
        """Swap a refresh token for its successor; reuse ends the family."""
        if not token:
            raise AppError(Code.NO_TOKEN, "Sign in first: there is no refresh token.")
        now = self._clock()
        claims = self._tokens.read(Kind.REFRESH, token, now)
        async with self._pool.acquire() as conn, conn.transaction():
            rotated = await self._store.rotate(
                conn, claims, client, now, grace=self._grace, lost_answer=self._lost_answer
            )
            if rotated is not None and rotated.stolen:
                await self._report_theft(conn, claims, client, now)
        if rotated is None:
            raise AppError(Code.SESSION_ENDED, "This session has ended; sign in again.")
        if rotated.stolen:
            self._revocations.revoke(claims.session_id, "reuse")
            raise AppError(Code.REFRESH_REUSED, "This refresh token was used before; the session has been ended.")
        pair = self._tokens.issue(rotated.family)
        self._events.refreshed(claims.session_id, pair.access_expires_at)
        return pair

    async def sign_out(self, refresh: str | None, access: str | None, client: Client) -> None:
        """End the session of either token, however old; nothing when there is none."""
        session_id = self._session_of(Kind.REFRESH, refresh) or self._session_of(Kind.ACCESS, access)
        if session_id is not None:
            await self.end(session_id, "logout", client)

    async def end(self, session_id: UUID, reason: str, client: Client, *, user_id: int | None = None) -> bool:
        """End one session, of this user if given; False when it is not live or not theirs."""
        async with self._pool.acquire() as conn, conn.transaction():
            ended = await self._store.end(conn, session_id, reason, self._clock(), user_id=user_id)
            if ended is not None:
                await self._record_ended(conn, [ended], reason, client)
        if ended is None:
            return False
        self._revocations.revoke(session_id, reason)
        return True

    async def end_others(self, user_id: int, keep: UUID, client: Client) -> int:
        """End every session of the user but one; how many there were."""
        async with self._pool.acquire() as conn, conn.transaction():
            ended = await self.end_within(conn, user_id, "revoked", client, keep=keep)
        self.announce(ended, "revoked")
        return len(ended)

    async def end_within(
        self, conn: asyncpg.Connection, user_id: int, reason: str, client: Client, *, keep: UUID | None = None
    ) -> Sequence[Ended]:
        """End sessions in a greater transaction; `announce` them once it has committed."""
        ended = await self._store.end_all(conn, user_id, reason, self._clock(), keep=keep)
        await self._record_ended(conn, ended, reason, client)
        return ended

    def announce(self, ended: Sequence[Ended], reason: str) -> None:
        """Close the sockets of sessions whose end is committed."""
        for session in ended:
            self._revocations.revoke(session.session_id, reason)

    async def list(self, user_id: int) -> Sequence[SessionRow]:
        """The user's live sessions, the last used first."""
        async with self._pool.acquire() as conn:
            return await self._store.live(conn, user_id, self._clock(), IDLE_LIFETIME)

    def _session_of(self, kind: Kind, token: str | None) -> UUID | None:
        if not token:
            return None
        try:
            return self._tokens.session_of(kind, token)
        except AppError:
            return None

    async def _record_ended(
        self, conn: asyncpg.Connection, ended: Sequence[Ended], reason: str, client: Client
    ) -> None:
        event = Event.SESSION_ENDED if reason == "logout" else Event.SESSION_REVOKED
        for session in ended:
            await self._audit.record(
                conn, event, user_id=session.user_id, client=client, session_id=session.session_id, detail=reason
            )

    async def _report_theft(self, conn: asyncpg.Connection, claims: Claims, client: Client, now: datetime) -> None:
        await self._audit.record(
            conn, Event.TOKEN_REUSE, user_id=claims.user_id, client=client, session_id=claims.session_id
        )
        account = await self._accounts.by_id(conn, claims.user_id)
        if account is not None:
            params = notice_params(client, now)
            await self._mailer.send(conn, "refresh_reused", account.email, params, notice_until(now))


def notice_params(client: Client, now: datetime) -> dict[str, str]:
    """When, with what and from where: the words of a notice."""
    return {"when": f"{now:%Y-%m-%d %H:%M} UTC", "device": client.device, "address": client.address}


def notice_until(now: datetime) -> datetime:
    """A notice that could not be sent within a day is no news any more."""
    return now + NOTICE_LIFETIME
