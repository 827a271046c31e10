"""The trace of security events, in OWASP's vocabulary (Logging Vocabulary Cheat Sheet)."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from duologue.auth.audit_store import AuditStore, EventRow
from duologue.auth.client import Client

__all__ = ["Audit", "Event"]


class Event(StrEnum):
    """What happened."""

    LOGIN_SUCCESS = "authn_login_success"
    LOGIN_FAIL = "authn_login_fail"
    LOGIN_DELAYED = "authn_login_fail_max"
    TOKEN_REUSE = "authn_token_reuse"  # noqa: S105 (a name, not a secret)
    PASSWORD_CHANGE = "authn_password_change"  # noqa: S105
    PASSWORD_RESET = "authn_password_reset"  # noqa: S105
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    USER_DELETED = "user_deleted"
    SESSION_CREATED = "session_created"
    SESSION_ENDED = "session_expired"
    SESSION_REVOKED = "session_revoked"
    DATA_EXPORTED = "sensitive_read"


class Audit:
    """Writes events into the transaction of what they tell about, so that neither exists without the other."""

    def __init__(self, store: AuditStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def record(
        self,
        conn: asyncpg.Connection,
        event: Event,
        *,
        user_id: int | None,
        client: Client,
        session_id: UUID | None = None,
        detail: str | None = None,
    ) -> None:
        """Add a line. `detail` is our own words: never a token, a code or a password."""
        row = EventRow(uuid7(), event.value, session_id, client.address, client.user_agent, detail, self._clock())
        await self._store.add(conn, row, user_id)

    async def sweep(self, conn: asyncpg.Connection, before: datetime) -> None:
        """Drop what is older."""
        await self._store.sweep(conn, before)

    async def history(
        self, conn: asyncpg.Connection, user_id: int, limit: int, before: UUID | None = None
    ) -> list[EventRow]:
        """The user's events, newest first; `before` continues a page."""
        return await self._store.history(conn, user_id, limit, before)
