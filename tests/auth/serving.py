"""Sign-in on a real socket and a real PostgreSQL, with a clock that tests can move."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import asyncpg
import httpx
from litestar import Litestar
from litestar.di import Provide

from duologue.auth.feature import Auth, build_auth
from duologue.auth.guards import provide_identity
from duologue.auth.passwords import Passwords
from duologue.chat.export import ConversationExport
from duologue.chat.export_store import ExportStore
from duologue.mail.feature import build_mail
from duologue.operations.edge import Edge, exception_handlers
from tests.harness.people import PASSWORD
from tests.harness.schemas import checked_client
from tests.mail.serving import http_client

ACCESS_SECRET = "the access secret of the tests, 1234"
REFRESH_SECRET = "the refresh secret of the tests, 567"
SECONDS = 30.0

_numbers = itertools.count(1)
_addresses = itertools.count(int(ip_address("10.0.0.1")))


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> None:
        """Forward: `minutes=10`."""
        self.now += timedelta(**span)


@dataclass
class Site:
    """A running sign-in."""

    url: str
    auth: Auth
    pool: asyncpg.Pool
    clock: Clock
    ended: list[tuple[Any, str]] = field(default_factory=list)
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    def browser(self, *, address: str | None = None, device: str = "Firefox/140.0 Windows") -> httpx.AsyncClient:
        """Somebody with cookies of their own, at an address of their own."""
        headers = {"x-forwarded-for": address or str(ip_address(next(_addresses))), "user-agent": device}
        browser = checked_client(self.url, headers=headers, timeout=30)
        self.browsers.append(browser)
        return browser

    async def mails(self, email: str, count: int = 1, about: str = "") -> list[asyncpg.Record]:
        """The address's mails with that in the subject, newest first, once there are so many."""
        query = (
            "SELECT subject, text_part, code FROM dev_mailbox WHERE recipient = $1 AND subject LIKE $2 "
            "ORDER BY position DESC"
        )
        async with asyncio.timeout(SECONDS):
            while len(found := await self.pool.fetch(query, email, f"%{about}%")) < count:
                await asyncio.sleep(0.01)
            while await self.pool.fetchval("SELECT count(*) FROM mail_outbox WHERE recipient = $1", email):
                await asyncio.sleep(0.01)
            return await self.pool.fetch(query, email, f"%{about}%") or found

    @property
    def passwords(self) -> Passwords:
        """Where passwords are hashed."""
        return self.auth.passwords

    async def code(self, email: str, count: int = 1, about: str = "code") -> str:
        """The newest code mailed there, once there are so many."""
        return (await self.mails(email, count, about))[0]["code"]

    async def register(self, browser: httpx.AsyncClient, email: str, password: str = PASSWORD) -> None:
        """Ask for a code."""
        answer = await browser.post("/auth/register", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text

    async def sign_up(self, email: str | None = None, **options: str) -> tuple[httpx.AsyncClient, str]:
        """Somebody signed in, and their address."""
        email = email or unused_address()
        browser = self.browser(**options)
        await self.register(browser, email)
        answer = await verify(browser, email, await self.code(email))
        assert answer.status_code == 201, answer.text
        return browser, email

    async def events(self, email: str) -> list[str]:
        """The security events of an account, oldest first."""
        query = "SELECT event FROM security_events e JOIN users u ON u.id = e.user_id WHERE u.email = $1 ORDER BY e.id"
        return [row["event"] for row in await self.pool.fetch(query, email)]


def unused_address(name: str = "person") -> str:
    """An address nobody has used in this run."""
    return f"{name}{next(_numbers)}@example.com"


async def verify(browser: httpx.AsyncClient, email: str, code: str) -> httpx.Response:
    """Bring the code back."""
    return await browser.post("/auth/verify-otp", json={"email": email, "otp": code})


async def login(browser: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    """Sign in."""
    return await browser.post("/auth/login", json={"email": email, "password": password})


async def refresh(browser: httpx.AsyncClient, token: str) -> httpx.Response:
    """Present this refresh token, whatever the browser's own is."""
    return await browser.post("/auth/refresh", headers={"cookie": f"refreshToken={token}"})


def wrong(code: str) -> str:
    """Another code than this one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def code_of(answer: httpx.Response) -> str:
    """The error code of an answer."""
    return answer.json()["code"]


@asynccontextmanager
async def sign_in_server(dsn: str, **options: Any) -> AsyncIterator[Site]:
    """Serve sign-in on a free port; `options` as of `build_auth`."""
    clock = Clock()
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=8)
    mail = build_mail(
        pool,
        smtp=None,
        secret=ACCESS_SECRET,
        previous_secrets=[],
        sender="Duologue <no-reply@example.com>",
        public_url="http://localhost",
        clock=clock,
        console=lambda line: None,
    )
    settings: dict[str, Any] = {
        "jwt_secret": ACCESS_SECRET,
        "jwt_refresh_secret": REFRESH_SECRET,
        "export_sources": [ConversationExport(ExportStore(pool))],
        "trusted_proxies": (ip_network("127.0.0.1"),),
        "clock": clock,
    }
    auth = build_auth(pool, mail.outbox, **(settings | options))
    app = Litestar(
        route_handlers=[auth.router],
        dependencies={"identity": Provide(provide_identity), **auth.dependencies},
        exception_handlers=exception_handlers(),
        openapi_config=None,
        logging_config=None,
    )
    await mail.start()
    await auth.start()
    edge = Edge(app, origins=(), production=False)
    async with http_client(edge) as plain:
        site = Site(str(plain.base_url), auth, pool, clock)
        auth.events.on_ended(lambda session_id, reason: site.ended.append((session_id, reason)))
        yield site
        for browser in site.browsers:
            await browser.aclose()
    await auth.stop()
    await mail.stop()
    await pool.close()


SiteMaker = Callable[..., Any]
