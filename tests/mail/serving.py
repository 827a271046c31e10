"""Small real servers on the loopback: an ASGI application, a mail server."""

import asyncio
import datetime
import ipaddress
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.harness.http import plain_client


@asynccontextmanager
async def http_client(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which is served on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
    up = asyncio.Event()
    startup = server.startup

    async def started(sockets: list[Any] | None = None) -> None:
        await startup(sockets)
        up.set()

    server.startup = started  # type: ignore[method-assign]
    running = asyncio.create_task(server.serve())
    await up.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    async with plain_client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    server.should_exit = True
    await running


class MailServer:
    """A mail server that keeps what it gets, and answers as it is told.

    `answers` holds the replies to the next RCPT commands; afterwards all are welcome.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, users: dict[str, str] | None = None, **options: Any):
        self.arrived: asyncio.Queue[tuple[EmailMessage, Envelope]] = asyncio.Queue()
        self.tried: asyncio.Queue[str] = asyncio.Queue()
        self.answers: list[str] = []
        self.after_data = "250 thank you"
        self.signed_in: list[str] = []
        self.encrypted: list[bool] = []
        self.silent = asyncio.Event()
        self.silent.set()
        self._users = users
        self._tls = tls
        self._options = options
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, *, implicit_tls: ssl.SSLContext | None = None) -> "MailServer":
        loop = asyncio.get_running_loop()
        if self._users is not None:
            self._options |= {"authenticator": self._sign_in, "auth_required": True}

        def session() -> SMTP:
            with warnings.catch_warnings(action="ignore"):  # it warns of signing in without TLS
                return SMTP(self, loop=loop, hostname="mail.test", tls_context=self._tls, **self._options)

        self._server = await loop.create_server(session, "127.0.0.1", self.port, ssl=implicit_tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def hang(self) -> None:
        """From now on answer to no RCPT."""
        self.silent.clear()

    def _sign_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert self._users is not None
        assert isinstance(data, LoginPassword)
        known = self._users.get(data.login.decode()) == data.password.decode()
        if known:
            self.signed_in.append(data.login.decode())
        return AuthResult(success=known, handled=False)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tried.put_nowait(address)
        await self.silent.wait()
        answer = self.answers.pop(0) if self.answers else "250 welcome"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        if self.after_data.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.arrived.put_nowait((message, envelope))
        return self.after_data


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate for 127.0.0.1 made just now: the server's side, and a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    path = folder / "server.pem"
    path.write_bytes(
        pem
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=pem.decode())


class Clock:
    """The time, and a hand to move it."""

    def __init__(self) -> None:
        self.ahead = datetime.timedelta()

    def __call__(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + self.ahead


async def until(condition: Callable[[], Any]) -> None:
    """Wait until the coroutine function's answer is true."""
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.005)
