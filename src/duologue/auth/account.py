"""What people do with their account: another password, another address, take it along, erase it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from duologue.auth.accounts_store import AccountRow, AccountStore
from duologue.auth.addresses import normalise_email
from duologue.auth.audit import Audit, Event
from duologue.auth.audit_store import EventRow
from duologue.auth.client import Client
from duologue.auth.codes import Codes
from duologue.auth.export import ExportSource
from duologue.auth.limits import Limits
from duologue.auth.mailer import Mailer, send_only_if
from duologue.auth.otp import Purpose
from duologue.auth.passwords import Passwords, check_password
from duologue.auth.sessions import Sessions, notice_params, notice_until
from duologue.auth.sessions_store import Ended, SessionRow
from duologue.auth.signin import SignIn
from duologue.errors import AppError, Code
from duologue.identity import Identity

__all__ = ["Accounts", "Exported"]

EXPORTED_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Exported:
    """What sign-in knows of a user, and where the rest is; the password's hash is not shown."""

    account: AccountRow
    sessions: Sequence[SessionRow]
    events: Sequence[EventRow]
    sources: Sequence[ExportSource]


class Accounts:
    """Everything here is for the owner, who proves it with the password, a code, or a session."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        accounts: AccountStore,
        codes: Codes,
        passwords: Passwords,
        sign_in: SignIn,
        sessions: Sessions,
        limits: Limits,
        audit: Audit,
        mailer: Mailer,
        clock: Callable[[], datetime],
        export_sources: Sequence[ExportSource],
    ) -> None:
        self._pool = pool
        self._accounts = accounts
        self._codes = codes
        self._passwords = passwords
        self._sign_in = sign_in
        self._sessions = sessions
        self._limits = limits
        self._audit = audit
        self._mailer = mailer
        self._clock = clock
        self._export_sources = export_sources

    async def profile(self, user_id: int) -> AccountRow:
        """The signed-in user."""
        async with self._pool.acquire() as conn:
            account = await self._accounts.by_id(conn, user_id)
        if account is None:
            raise AppError(Code.SESSION_ENDED, "This account does not exist any more.")
        return account

    async def request_reset(self, email: str, client: Client) -> None:
        """Mail a code for a new password. The same answer and work for an unknown address."""
        email = normalise_email(email)
        await self._limits.check("mail", client, email)
        async with self._pool.acquire() as conn, conn.transaction():
            await self._codes.spend_mail(conn, Purpose.RESET, email)
            account = await self._accounts.by_email(conn, email)
            await self._codes.issue(
                conn, Purpose.RESET, email, user_id=account.id if account else None, decoy=account is None
            )

    async def set_new_password(self, email: str, code: str, password: str, client: Client) -> None:
        """A right code sets the password and ends every session of the user."""
        email = normalise_email(email)
        password = check_password(password, email, field="newPassword")
        self._passwords.admit()
        await self._limits.check("code", client, email)
        # Hashed before the code is judged: a wrong code takes as long as a right one.
        password_hash = await self._passwords.hash(password)
        async with self._pool.acquire() as conn, conn.transaction():
            judged = await self._codes.redeem(conn, Purpose.RESET, email, code)
            if isinstance(judged, AppError):
                ended: Sequence[Ended] = []
            else:
                account = await self._accounts.by_id(conn, judged.user_id or 0)
                if account is None:
                    raise AppError(Code.OTP_INVALID, "The code is wrong.")  # Erased meanwhile; nothing to count.
                ended = await self._replace_password(conn, account, password_hash, Event.PASSWORD_RESET, client)
                await self._limits.forgive(conn, account.email)
        if isinstance(judged, AppError):
            raise judged
        self._sessions.announce(ended, "password_reset")

    async def change_password(self, identity: Identity, password: str, new_password: str, client: Client) -> None:
        """Set another password and end every other session."""
        account = await self._sign_in.confirm_password(identity.user_id, password, client)
        new_password = check_password(new_password, account.email, field="newPassword")
        password_hash = await self._passwords.hash(new_password)
        async with self._pool.acquire() as conn, conn.transaction():
            ended = await self._replace_password(
                conn, account, password_hash, Event.PASSWORD_CHANGE, client, keep=identity.session_id
            )
        self._sessions.announce(ended, "password_changed")

    async def request_email_change(self, identity: Identity, password: str, email: str, client: Client) -> None:
        """Mail a code to the new address; a taken one gets a notice instead, and nobody can tell."""
        email = normalise_email(email)
        await self._sign_in.confirm_password(identity.user_id, password, client)
        await self._limits.check("mail", client, email)
        now = self._clock()
        async with self._pool.acquire() as conn, conn.transaction():
            await self._codes.spend_mail(conn, Purpose.EMAIL_CHANGE, email)
            taken = await self._accounts.by_email(conn, email) is not None
            await self._codes.issue(conn, Purpose.EMAIL_CHANGE, email, user_id=identity.user_id, decoy=taken)
            await send_only_if(taken, self._mailer, conn, "already_registered", email, {}, notice_until(now))

    async def confirm_email_change(
        self, identity: Identity, email: str, code: str, client: Client
    ) -> AccountRow | None:
        """A right code moves the account to the new address and tells the old one; None when no change is waiting."""
        email = normalise_email(email)
        async with self._pool.acquire() as conn:
            if not await self._codes.is_waiting(conn, Purpose.EMAIL_CHANGE, email, identity.user_id):
                return None
        await self._limits.check("code", client, email)
        async with self._pool.acquire() as conn, conn.transaction():
            judged = await self._codes.redeem(conn, Purpose.EMAIL_CHANGE, email, code, user_id=identity.user_id)
            moved = judged if isinstance(judged, AppError) else await self._move(conn, identity.user_id, email, client)
        if isinstance(moved, AppError):
            raise moved
        return moved

    async def erase(self, identity: Identity, password: str, client: Client) -> None:
        """End every session and leave a tombstone: what was said stays for the other side, authorless."""
        account = await self._sign_in.confirm_password(identity.user_id, password, client)
        async with self._pool.acquire() as conn, conn.transaction():
            ended = await self._sessions.end_within(conn, account.id, "account_erased", client)
            await self._audit.record(conn, Event.USER_DELETED, user_id=account.id, client=client)
            await self._accounts.erase(conn, account.id, account.email, self._clock())
        self._sessions.announce(ended, "account_erased")

    async def export(self, identity: Identity, client: Client) -> Exported:
        """All we know of the user."""
        account = await self.profile(identity.user_id)
        await self._limits.check("export", client, account.email)
        async with self._pool.acquire() as conn, conn.transaction():
            await self._audit.record(
                conn, Event.DATA_EXPORTED, user_id=account.id, client=client, session_id=identity.session_id
            )
            events = await self._audit.history(conn, account.id, EXPORTED_EVENTS)
        return Exported(account, await self._sessions.list(account.id), events, self._export_sources)

    async def security_events(self, user_id: int, limit: int, before: UUID | None) -> list[EventRow]:
        """The user's own security history, newest first."""
        async with self._pool.acquire() as conn:
            return await self._audit.history(conn, user_id, limit, before)

    async def _replace_password(
        self,
        conn: asyncpg.Connection,
        account: AccountRow,
        password_hash: str,
        event: Event,
        client: Client,
        keep: UUID | None = None,
    ) -> Sequence[Ended]:
        now = self._clock()
        await self._accounts.set_password(conn, account.id, password_hash)
        reason = "password_changed" if event is Event.PASSWORD_CHANGE else "password_reset"
        ended = await self._sessions.end_within(conn, account.id, reason, client, keep=keep)
        await self._audit.record(conn, event, user_id=account.id, client=client, session_id=keep)
        params = notice_params(client, now)
        await self._mailer.send(conn, "password_changed", account.email, params, notice_until(now))
        return ended

    async def _move(self, conn: asyncpg.Connection, user_id: int, email: str, client: Client) -> AccountRow | AppError:
        now = self._clock()
        account = await self._accounts.by_id(conn, user_id)
        if account is None or not await self._accounts.set_email(conn, user_id, email):
            return AppError(Code.OTP_INVALID, "The code is wrong.")
        await self._accounts.confirmed(conn, email)
        await self._audit.record(conn, Event.USER_UPDATED, user_id=user_id, client=client, detail="address changed")
        params = {"email": email, **notice_params(client, now)}
        await self._mailer.send(conn, "email_changed", account.email, params, notice_until(now))
        return await self._accounts.by_id(conn, user_id) or account
