"""Signing in with a password: one verification a try, whatever the address is."""

from collections.abc import Callable
from datetime import datetime

import asyncpg

from duologue.auth.accounts_store import AccountRow, AccountStore
from duologue.auth.addresses import normalise_email
from duologue.auth.audit import Audit, Event
from duologue.auth.client import Client
from duologue.auth.limits import FREE_FAILURES, Limits, delay_key
from duologue.auth.passwords import Passwords, normalise_password
from duologue.auth.registration import SignedInAccount, handle_digest
from duologue.auth.sessions import Sessions
from duologue.errors import AppError, Code, Detail

__all__ = ["SignIn"]


class SignIn:
    """Passwords against accounts."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        accounts: AccountStore,
        passwords: Passwords,
        sessions: Sessions,
        limits: Limits,
        audit: Audit,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._accounts = accounts
        self._passwords = passwords
        self._sessions = sessions
        self._limits = limits
        self._audit = audit
        self._clock = clock

    async def login(self, email: str, password: str, handle: str | None, client: Client) -> SignedInAccount:
        """A new session for a right password; `AppError` INVALID_CREDENTIALS or EMAIL_NOT_VERIFIED."""
        email = normalise_email(email)
        self._passwords.admit()
        await self._limits.check("login", client, email)
        async with self._pool.acquire() as conn:
            found = await self._accounts.sign_in(conn, email, self._clock(), handle_digest(handle), client.network)
        key = delay_key(email, client, known_network=found is not None and found.known_network)
        user_id = found.user_id if found else None
        right = await self._verify(key, found.password_hash if found else None, password, user_id, client)
        if not right:
            raise AppError(Code.INVALID_CREDENTIALS, "The address or the password is wrong.")
        if user_id is None:
            await self._forgive(key)
            raise AppError(Code.EMAIL_NOT_VERIFIED, "Confirm your address first, with the code we mailed.")
        stored = found.password_hash if found else ""
        fresh = await self._fresh(stored, password)
        async with self._pool.acquire() as conn, conn.transaction():
            # Here rather than for itself: a sign-in waits for the disk once.
            await self._limits.forgive(conn, key)
            account = await self._accounts.hold(conn, user_id)
            if account is None or account.password_hash != stored:
                # The password was changed while we looked at the old one.
                raise AppError(Code.INVALID_CREDENTIALS, "The address or the password is wrong.")
            if fresh:
                await self._accounts.rehash(conn, user_id, stored, fresh)
            return SignedInAccount(account, await self._sessions.open(conn, account, client))

    async def confirm_password(self, user_id: int, password: str, client: Client) -> AccountRow:
        """The signed-in user's password once more, before something grave."""
        async with self._pool.acquire() as conn:
            account = await self._accounts.by_id(conn, user_id)
        if account is None:
            raise AppError(Code.SESSION_ENDED, "This account does not exist any more.")
        self._passwords.admit()
        await self._limits.check("login", client, account.email)
        key = delay_key(account.email, client, known_network=True)
        if not await self._verify(key, account.password_hash, password, user_id, client):
            what = "is not your password"
            raise AppError(Code.INVALID_INPUT, f"This {what}.", details=[Detail("password", what)])
        await self._forgive(key)
        return account

    async def _verify(self, key: str, stored: str | None, password: str, user_id: int | None, client: Client) -> bool:
        tries = await self._limits.attempt(key)
        try:
            right = await self._passwords.verify(stored, password)
        except AppError:
            await self._limits.undo(key)
            raise
        if not right:
            event = Event.LOGIN_DELAYED if tries >= FREE_FAILURES else Event.LOGIN_FAIL
            async with self._pool.acquire() as conn:
                await self._audit.record(conn, event, user_id=user_id, client=client)
        return right

    async def _forgive(self, key: str) -> None:
        async with self._pool.acquire() as conn:
            await self._limits.forgive(conn, key)

    async def _fresh(self, stored: str, password: str) -> str | None:
        """The password hashed with today's parameters, if it is not yet; another day when too many wait."""
        if not self._passwords.is_outdated(stored):
            return None
        try:
            return await self._passwords.hash(normalise_password(password))
        except AppError:
            return None
