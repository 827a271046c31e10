"""SMTP: TLS from the first byte, or STARTTLS where the server offers it."""

import contextlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import Final

import aiosmtplib
import idna
import structlog
from aiosmtplib import SMTPDataError, SMTPNotSupported, SMTPRecipientsRefused

from duologue.mail.letter import Letter, RefusedError

__all__ = ["SmtpConfig", "SmtpTransport"]

LOCAL_PART: Final = re.compile(r"""[^\s\x00-\x20\x7f"(),:;<>@\[\\\]]+""")
DOMAIN: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
MUST_SIGN_IN = 530  # our configuration's fault, not the address's (RFC 4954 §6)
STEP_SECONDS = 15.0  # for one command and its answer; the outbox limits the whole

log = structlog.get_logger("duologue.mail")


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """Where mails are handed over. `secure`: TLS from the first byte, else STARTTLS where it is offered."""

    host: str
    port: int
    secure: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    """None: the system's authorities."""


class SmtpTransport:
    """One connection a mail: at our numbers simpler than a pool, and nothing lingers between mails."""

    def __init__(self, config: SmtpConfig, sender: str, clock: Callable[[], datetime]) -> None:
        """`sender` as in `Duologue <no-reply@example.com>`; raises `ValueError` if it is no address."""
        name, address = parseaddr(sender)
        self._sender = _address(address, name)
        self._config = config
        self._clock = clock
        self._told = False

    async def deliver(self, letter: Letter) -> None:
        """Hand the letter over. The server's 5xx to this recipient or this content is final."""
        try:
            message = self._compose(letter)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        client = self._client()
        try:
            await client.connect()
            await self._login(client)
            await _hand_over(client, message)
            with contextlib.suppress(aiosmtplib.SMTPException):  # it has been accepted: no second try
                await client.quit()
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        config = self._config
        return aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            use_tls=config.secure,
            tls_context=config.tls,
            timeout=STEP_SECONDS,
            # Ours, not the host's name: asking for that can take seconds, and may reveal it.
            local_hostname=self._sender.domain,
        )

    async def _login(self, client: aiosmtplib.SMTP) -> None:
        if self._config.user is None:
            return
        if client.get_transport_info("sslcontext") is None and not self._told:
            self._told = True
            log.warning("the mail server offers no TLS: its password goes over the network in clear")
        await client.login(self._config.user, self._config.password or "")

    def _compose(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self._sender
        message["To"] = _address(letter.recipient)
        message["Subject"] = letter.content.subject
        message["Date"] = format_datetime(self._clock())
        # The same at every try: a mailbox that got the mail twice can tell.
        message["Message-ID"] = f"<{letter.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies, please
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(letter.content.text)
        message.add_alternative(letter.content.html, subtype="html")
        return message


async def _hand_over(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
    """Tell what is final from what is not."""
    try:
        await client.send_message(message)
    except SMTPRecipientsRefused as error:
        refusal = error.recipients[0]
        if refusal.code >= 500 and refusal.code != MUST_SIGN_IN:
            raise RefusedError(f"{refusal.code} {refusal.message}") from error
        raise refusal from error
    except SMTPDataError as error:
        if error.code >= 500:
            raise RefusedError(f"{error.code} {error.message}") from error
        raise
    except SMTPNotSupported as error:  # SMTPUTF8
        raise RefusedError(str(error)) from error


def _address(text: str, name: str = "") -> Address:
    """`text` as an address, its domain as DNS knows it (RFC 5891); raises `ValueError`.

    Stricter than RFC 5321: no quoted local parts, which nobody has and which could hold anything.
    """
    local, _, domain = text.rpartition("@")
    if not domain.isascii():
        domain = idna.encode(domain, uts46=True).decode()
    if not (LOCAL_PART.fullmatch(local) and DOMAIN.fullmatch(domain)):
        raise ValueError(f"not an address: {text!r}")
    return Address(name, local, domain)
