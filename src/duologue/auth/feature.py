"""Puts sign-in together; the rest of the server sees it through this."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog
from litestar import Router
from litestar.di import Provide

from duologue.auth.account import Accounts
from duologue.auth.accounts_store import AccountStore
from duologue.auth.audit import Audit
from duologue.auth.audit_store import AuditStore
from duologue.auth.authenticator import Authenticator, Confirmations
from duologue.auth.client import ClientReader
from duologue.auth.codes import Codes
from duologue.auth.codes_store import CodeStore
from duologue.auth.cookies import Cookies
from duologue.auth.events import SessionEvents
from duologue.auth.export import ExportSource
from duologue.auth.guards import provide_client
from duologue.auth.guests import Guests, guests_router
from duologue.auth.limits import Limits
from duologue.auth.limits_store import LimitStore
from duologue.auth.mailer import Mailer
from duologue.auth.network import Network
from duologue.auth.otp import derive_key
from duologue.auth.passwords import Passwords
from duologue.auth.registration import Registrations
from duologue.auth.revocations import Revocations
from duologue.auth.routes import router
from duologue.auth.sessions import Sessions
from duologue.auth.sessions_store import SessionStore
from duologue.auth.signin import SignIn
from duologue.auth.tokens import Keys, Tokens
from duologue.database.faults import AWAY

__all__ = ["Auth", "build_auth"]

CLEANING_SECONDS: Final = 600.0
SESSIONS_KEPT: Final = timedelta(days=90)  # after their end: "new device" looks back that far
EVENTS_KEPT: Final = timedelta(days=400)

log = structlog.get_logger("duologue.auth")


class Auth:
    """Sign-in, running. `authenticator`, `events` and `revocations` are for the sockets."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        confirmations: Confirmations,
        events: SessionEvents,
        revocations: Revocations,
        sessions: Sessions,
        accounts: Accounts,
        dependencies: dict[str, Provide],
        passwords: Passwords,
        router: Router,
        guests_router: Router | None,
        cleaner: "Cleaner",
    ) -> None:
        self.authenticator = authenticator
        self.confirm = confirmations.confirm
        """Await it with every identity that opens a socket."""
        self.events = events
        self.revocations = revocations
        self.sessions = sessions
        self.accounts = accounts
        self.dependencies = dependencies
        """What `provide_identity` wants by name."""
        self.router = router
        self.guests_router = guests_router
        """The playground's, in development."""
        self.passwords = passwords
        self._cleaner = cleaner
        self.clean = cleaner.clean
        """Drop what is old; done every ten minutes anyway."""

    async def start(self) -> None:
        """Learn which sessions have ended; have the hasher; begin to sweep."""
        await self.revocations.start()
        await self.passwords.start()
        self._cleaner.start()

    async def stop(self) -> None:
        """End the sweeping and the hasher."""
        await self._cleaner.stop()
        await self.revocations.stop()
        await self.passwords.stop()


class Cleaner:
    """Drops what no rule looks at any more."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        accounts: AccountStore,
        codes: CodeStore,
        sessions: SessionStore,
        limits: Limits,
        audit: Audit,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._accounts = accounts
        self._codes = codes
        self._sessions = sessions
        self._limits = limits
        self._audit = audit
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Every ten minutes."""
        self._task = asyncio.create_task(self._run(), name="sign-in cleaner")

    async def stop(self) -> None:
        """No more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def clean(self) -> None:
        """Once."""
        now = self._clock()
        async with self._pool.acquire() as conn:
            await self._accounts.sweep(conn, now)
            await self._codes.sweep(conn, now - timedelta(hours=1), now - timedelta(days=1))
            await self._sessions.sweep(conn, now - SESSIONS_KEPT)
            await self._limits.sweep(conn, now)
            await self._audit.sweep(conn, now - EVENTS_KEPT)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(CLEANING_SECONDS)
            try:
                await self.clean()
            except (*AWAY, asyncpg.PostgresError) as error:
                log.warning("cleaning waits for the next time", reason=type(error).__name__)


def provide(thing: Any) -> Provide:
    """The same thing for every request."""
    return Provide(lambda: thing, sync_to_thread=False)


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def build_auth(
    pool: asyncpg.Pool,
    mailer: Mailer,
    *,
    jwt_secret: str,
    jwt_refresh_secret: str,
    jwt_secret_previous: str | None = None,
    jwt_refresh_secret_previous: str | None = None,
    refresh_grace: int = 30,
    production: bool = False,
    cross_site: bool = False,
    trusted_proxies: Sequence[Network] = (),
    rate_limits: float = 1.0,
    live_sockets: Callable[[UUID], int] = lambda session_id: 0,
    export_sources: Sequence[ExportSource] = (),
    clock: Callable[[], datetime] = utc_now,
    password_threads: int | None = None,
) -> Auth:
    """`refresh_grace` in seconds; `rate_limits` multiplies every limit, 0 is off."""
    tokens = Tokens(Keys(jwt_secret, jwt_secret_previous), Keys(jwt_refresh_secret, jwt_refresh_secret_previous))
    session_store, account_store, code_store = SessionStore(), AccountStore(), CodeStore()
    events = SessionEvents()
    revocations = Revocations(pool, session_store, events, clock)
    authenticator = Authenticator(tokens, revocations, clock)
    confirmations = Confirmations(pool, session_store, clock)
    audit = Audit(AuditStore(), clock)
    limits = Limits(LimitStore(pool), clock, rate_limits)
    passwords = Passwords(password_threads)
    codes = Codes(code_store, mailer, derive_key(jwt_secret, "one-time codes"), clock)
    sessions = Sessions(
        pool,
        session_store,
        account_store,
        tokens,
        events,
        revocations,
        audit,
        mailer,
        clock,
        timedelta(seconds=refresh_grace),
        live_sockets,
    )
    registrations = Registrations(pool, account_store, codes, passwords, sessions, limits, audit, mailer, clock)
    sign_in = SignIn(pool, account_store, passwords, sessions, limits, audit, clock)
    accounts = Accounts(
        pool,
        account_store,
        codes,
        passwords,
        sign_in,
        sessions,
        limits,
        audit,
        mailer,
        clock,
        export_sources,
    )
    cookies = Cookies(production=production, cross_site=cross_site, clock=clock)
    shared = {"authenticator": authenticator, "confirmations": confirmations}
    own = {
        "registrations": registrations,
        "sign_in": sign_in,
        "sessions": sessions,
        "accounts": accounts,
        "cookie_jar": cookies,
        "client_reader": ClientReader(tuple(trusted_proxies)),
    }
    of_requests = {"client": Provide(provide_client, sync_to_thread=False)}
    guests = Guests(pool, account_store, passwords, sessions, tokens, events, clock)
    return Auth(
        authenticator=authenticator,
        confirmations=confirmations,
        events=events,
        revocations=revocations,
        sessions=sessions,
        accounts=accounts,
        dependencies={name: provide(thing) for name, thing in shared.items()},
        router=router({name: provide(thing) for name, thing in own.items()} | of_requests),
        guests_router=None
        if production
        else guests_router(guests, of_requests | {"client_reader": provide(own["client_reader"])}),
        passwords=passwords,
        cleaner=Cleaner(pool, account_store, code_store, session_store, limits, audit, clock),
    )
