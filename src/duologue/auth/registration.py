"""From an address that someone claims to an account whose owner reads its mail."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from duologue.auth.accounts_store import AccountRow, AccountStore
from duologue.auth.addresses import normalise_email
from duologue.auth.audit import Audit, Event
from duologue.auth.client import Client
from duologue.auth.codes import Codes
from duologue.auth.limits import Limits
from duologue.auth.mailer import Mailer, send_only_if
from duologue.auth.otp import Purpose
from duologue.auth.passwords import Passwords, check_password
from duologue.auth.sessions import Sessions, notice_until
from duologue.auth.tokens import TokenPair
from duologue.errors import AppError, Code

__all__ = ["REGISTRATION_LIFETIME", "Registered", "Registrations", "SignedInAccount", "handle_digest"]

REGISTRATION_LIFETIME: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registering browser is told; `handle` goes into its cookie."""

    email: str
    handle: str


@dataclass(frozen=True, slots=True)
class SignedInAccount:
    """Somebody who has just proved who they are."""

    account: AccountRow
    tokens: TokenPair


class Registrations:
    """Nobody takes an address beforehand: a code belongs to one registration, and only its password comes alive."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        accounts: AccountStore,
        codes: Codes,
        passwords: Passwords,
        sessions: Sessions,
        limits: Limits,
        audit: Audit,
        mailer: Mailer,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._accounts = accounts
        self._codes = codes
        self._passwords = passwords
        self._sessions = sessions
        self._limits = limits
        self._audit = audit
        self._mailer = mailer
        self._clock = clock

    async def register(self, email: str, password: str, handle: str | None, client: Client) -> Registered:
        """Remember a claim and mail a code; an address that is taken is mailed a notice instead. No one can tell."""
        email = normalise_email(email)
        password = check_password(password, email)
        self._passwords.admit()
        await self._limits.check("register", client, email)
        password_hash = await self._passwords.hash(password)
        handle = handle or secrets.token_urlsafe(32)
        now = self._clock()
        async with self._pool.acquire() as conn, conn.transaction():
            await self._accounts.lock_address(conn, email)
            taken = await self._accounts.by_email(conn, email) is not None
            registration_id = await self._accounts.register(
                conn, email, password_hash, handle_digest(handle), now, now + REGISTRATION_LIFETIME
            )
            await self._codes.issue(conn, Purpose.REGISTRATION, email, registration_id=registration_id, decoy=taken)
            await send_only_if(taken, self._mailer, conn, "already_registered", email, {}, notice_until(now))
            await self._codes.note_mail(conn, Purpose.REGISTRATION, email)
        return Registered(email, handle)

    async def resend(self, email: str, handle: str | None, client: Client) -> None:
        """Another code for the registration this browser means. The same answer for every address."""
        email = normalise_email(email)
        await self._limits.check("mail", client, email)
        now = self._clock()
        async with self._pool.acquire() as conn, conn.transaction():
            await self._accounts.lock_address(conn, email)
            await self._codes.spend_mail(conn, Purpose.REGISTRATION, email)
            pending, _ = await self._accounts.pending(conn, email, now, handle_digest(handle))
            taken = await self._accounts.by_email(conn, email) is not None
            if pending is not None:
                await self._accounts.prolong(conn, pending.id, now + REGISTRATION_LIFETIME)
            await self._codes.issue(
                conn,
                Purpose.REGISTRATION,
                email,
                registration_id=pending.id if pending else None,
                decoy=pending is None or taken,
            )

    async def confirm(self, email: str, code: str, handle: str | None, client: Client) -> SignedInAccount:
        """A right code makes the account, with the password of its own registration, and signs in."""
        email = normalise_email(email)
        await self._limits.check("code", client, email)
        now = self._clock()
        async with self._pool.acquire() as conn, conn.transaction():
            confirmed = await self._confirm(conn, email, code, handle_digest(handle), client, now)
        if isinstance(confirmed, AppError):
            raise confirmed
        return confirmed

    async def _confirm(
        self, conn: asyncpg.Connection, email: str, code: str, handle: bytes, client: Client, now: datetime
    ) -> SignedInAccount | AppError:
        pending, ambiguous = await self._accounts.pending(conn, email, now, handle)
        if ambiguous:
            return AppError(
                Code.OTP_SUPERSEDED,
                "Several people are registering this address; use the code in the browser it was asked for with.",
            )
        judged = await self._codes.redeem(
            conn, Purpose.REGISTRATION, email, code, registration_id=pending.id if pending else None
        )
        if isinstance(judged, AppError):
            return judged
        account = pending and await self._accounts.create(conn, email, pending.password_hash, now)
        if not account:
            return AppError(Code.OTP_INVALID, "The code is wrong.")
        await self._accounts.confirmed(conn, email)
        await self._audit.record(conn, Event.USER_CREATED, user_id=account.id, client=client)
        return SignedInAccount(account, await self._sessions.open(conn, account, client))


def handle_digest(handle: str | None) -> bytes:
    """What is stored of a handle; of none, something that no handle has."""
    return hashlib.sha256(handle.encode()).digest() if handle else b""
