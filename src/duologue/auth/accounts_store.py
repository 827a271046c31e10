"""The SQL of accounts and pending registrations."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

__all__ = ["AccountRow", "AccountStore", "RegistrationRow", "SignInRow"]


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A person whose address is confirmed."""

    id: int
    email: str
    password_hash: str
    display_name: str | None
    created_at: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class RegistrationRow:
    """Someone who says that this address is theirs."""

    id: UUID
    email: str
    password_hash: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignInRow:
    """What a login has to know of an address. `user_id` is None while it is pending."""

    user_id: int | None
    password_hash: str
    known_network: bool
    """Whether its owner has signed in from this network before."""


ACCOUNT_COLUMNS = "id, email, password_hash, display_name, created_at, last_seen_at"
BY_ID = f"SELECT {ACCOUNT_COLUMNS} FROM users WHERE id = $1 AND erased_at IS NULL"
HOLD = f"{BY_ID} FOR SHARE"
BY_EMAIL = f"SELECT {ACCOUNT_COLUMNS} FROM users WHERE email = $1"
# An account goes before registrations; among those the browser's own, then the newest.
SIGN_IN = """
SELECT id, password_hash, known_network FROM (
    SELECT 1 AS rank, u.id, u.password_hash, EXISTS (
        SELECT FROM sessions s
        WHERE s.user_id = u.id AND s.network = $4 AND s.end_reason IS DISTINCT FROM 'reuse'
    ) AS known_network
    FROM users u WHERE u.email = $1
    UNION ALL (
        SELECT 2, NULL, r.password_hash, false FROM registrations r
        WHERE r.email = $1 AND r.expires_at > $2 ORDER BY r.handle = $3 DESC, r.created_at DESC LIMIT 1
    )
) AS found ORDER BY rank LIMIT 1
"""
CREATE = f"""
INSERT INTO users (email, password_hash, created_at) VALUES ($1, $2, $3)
ON CONFLICT (email) DO NOTHING RETURNING {ACCOUNT_COLUMNS}
"""
SET_PASSWORD = "UPDATE users SET password_hash = $2 WHERE id = $1 AND erased_at IS NULL"  # noqa: S105
REHASH = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2"
SET_EMAIL = """
UPDATE users SET email = $2 WHERE id = $1 AND erased_at IS NULL
AND NOT EXISTS (SELECT FROM users WHERE email = $2) RETURNING id
"""
ERASE = """
UPDATE users SET email = 'deleted-' || id || '@invalid', password_hash = '', display_name = NULL,
    last_seen_at = NULL, erased_at = $2
WHERE id = $1 AND erased_at IS NULL
"""
FORGET_TRACES = """
UPDATE security_events SET address = NULL, user_agent = NULL, detail = NULL WHERE user_id = $1
"""
FORGET_SESSIONS = "UPDATE sessions SET user_agent = '', address = '', network = '' WHERE user_id = $1"
FORGET_REGISTRATIONS = "DELETE FROM registrations WHERE email = $1"
FORGET_BUDGETS = "DELETE FROM code_budgets WHERE email = $1"
FORGET_FAILURES = "DELETE FROM login_failures WHERE split_part(key, ' ', 1) = $1"
FORGET_BUCKETS = "DELETE FROM rate_buckets WHERE split_part(key, ':', 2) = $1"
FORGET_CODES = "DELETE FROM codes WHERE user_id = $1 OR email = $2"

LOCK_ADDRESS = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7))"
REPLACE = "DELETE FROM registrations WHERE email = $1 AND (handle = $2 OR expires_at <= $3)"
REGISTER = """
INSERT INTO registrations (id, email, password_hash, handle, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
# At most this many wait for one address: a hundred are no registrations but an attack, and the oldest lose.
TRIM = """
DELETE FROM registrations WHERE id IN (
    SELECT id FROM registrations WHERE email = $1 ORDER BY created_at DESC OFFSET 20
)
"""
PENDING = """
SELECT id, email, password_hash, expires_at, handle = $3 FROM registrations
WHERE email = $1 AND expires_at > $2 ORDER BY handle = $3 DESC, created_at DESC LIMIT 2
"""
PROLONG = "UPDATE registrations SET expires_at = $2 WHERE id = $1"
CONFIRMED = "DELETE FROM registrations WHERE email = $1"
SWEEP = "DELETE FROM registrations WHERE expires_at <= $1"


class AccountStore:
    """Reads and writes people."""

    async def by_id(self, conn: asyncpg.Connection, user_id: int) -> AccountRow | None:
        """The account, unless it was erased."""
        row = await conn.fetchrow(BY_ID, user_id)
        return AccountRow(*row) if row else None

    async def hold(self, conn: asyncpg.Connection, user_id: int) -> AccountRow | None:
        """The account, which nobody changes until the transaction ends."""
        row = await conn.fetchrow(HOLD, user_id)
        return AccountRow(*row) if row else None

    async def by_email(self, conn: asyncpg.Connection, email: str) -> AccountRow | None:
        """The account of a normalised address."""
        row = await conn.fetchrow(BY_EMAIL, email)
        return AccountRow(*row) if row else None

    async def sign_in(
        self, conn: asyncpg.Connection, email: str, now: datetime, handle: bytes, network: str
    ) -> SignInRow | None:
        """Account or pending registration, in one question whatever the address is."""
        row = await conn.fetchrow(SIGN_IN, email, now, handle, network)
        return SignInRow(*row) if row else None

    async def create(
        self, conn: asyncpg.Connection, email: str, password_hash: str, now: datetime
    ) -> AccountRow | None:
        """A new account; None when the address was confirmed by someone else meanwhile."""
        row = await conn.fetchrow(CREATE, email, password_hash, now)
        return AccountRow(*row) if row else None

    async def set_password(self, conn: asyncpg.Connection, user_id: int, password_hash: str) -> None:
        """Another password."""
        await conn.execute(SET_PASSWORD, user_id, password_hash)

    async def rehash(self, conn: asyncpg.Connection, user_id: int, old_hash: str, new_hash: str) -> None:
        """The same password, hashed anew; nothing when it was changed meanwhile."""
        await conn.execute(REHASH, user_id, old_hash, new_hash)

    async def set_email(self, conn: asyncpg.Connection, user_id: int, email: str) -> bool:
        """Another address; False when someone has it."""
        try:
            async with conn.transaction():
                return await conn.fetchval(SET_EMAIL, user_id, email) is not None
        except asyncpg.UniqueViolationError:
            return False

    async def erase(self, conn: asyncpg.Connection, user_id: int, email: str, now: datetime) -> None:
        """Leave a row that says nothing about anybody."""
        await conn.execute(ERASE, user_id, now)
        await conn.execute(FORGET_TRACES, user_id)
        await conn.execute(FORGET_SESSIONS, user_id)
        await conn.execute(FORGET_CODES, user_id, email)
        await conn.execute(FORGET_REGISTRATIONS, email)
        await conn.execute(FORGET_BUDGETS, email)
        await conn.execute(FORGET_FAILURES, email)
        await conn.execute(FORGET_BUCKETS, email)

    async def lock_address(self, conn: asyncpg.Connection, email: str) -> None:
        """One registration of an address at a time, until the transaction ends."""
        await conn.execute(LOCK_ADDRESS, email)

    async def register(
        self,
        conn: asyncpg.Connection,
        email: str,
        password_hash: str,
        handle: bytes,
        now: datetime,
        expires_at: datetime,
    ) -> UUID:
        """A pending registration; it replaces the same browser's earlier one."""
        registration_id = uuid7()
        await conn.execute(REPLACE, email, handle, now)
        await conn.execute(REGISTER, registration_id, email, password_hash, handle, now, expires_at)
        await conn.execute(TRIM, email)
        return registration_id

    async def pending(
        self, conn: asyncpg.Connection, email: str, now: datetime, handle: bytes
    ) -> tuple[RegistrationRow | None, bool]:
        """The registration this browser means, and whether there are several and none is this browser's."""
        rows = await conn.fetch(PENDING, email, now, handle)
        if not rows:
            return None, False
        if len(rows) > 1 and not rows[0][4]:
            return None, True
        return RegistrationRow(*rows[0][:4]), False

    async def prolong(self, conn: asyncpg.Connection, registration_id: UUID, expires_at: datetime) -> None:
        """Keep a registration as long as its newest code, and longer."""
        await conn.execute(PROLONG, registration_id, expires_at)

    async def confirmed(self, conn: asyncpg.Connection, email: str) -> None:
        """Drop every registration of the address, and with them their codes."""
        await conn.execute(CONFIRMED, email)

    async def sweep(self, conn: asyncpg.Connection, now: datetime) -> None:
        """Drop registrations that nobody confirmed."""
        await conn.execute(SWEEP, now)
