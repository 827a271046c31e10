"""Puts mail together: a mail server where there is one, else the development mailbox."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from litestar import Router

from duologue.mail.mailbox import Mailbox
from duologue.mail.mailbox_store import MailboxStore
from duologue.mail.outbox import MailOutbox
from duologue.mail.routes import router
from duologue.mail.seal import Seal
from duologue.mail.smtp import SmtpConfig, SmtpTransport

__all__ = ["Mail", "build_mail"]


@dataclass(frozen=True, slots=True)
class Mail:
    """`outbox` is what others send with; `router` is there when mails go to the mailbox."""

    outbox: MailOutbox
    router: Router | None

    async def start(self) -> None:
        """Begin to send."""
        await self.outbox.start()

    async def stop(self) -> None:
        """Within a few seconds; what is unsent stays in the table. The pool must still be open."""
        await self.outbox.stop()


def build_mail(
    pool: asyncpg.Pool,
    *,
    smtp: SmtpConfig | None,
    secret: str,
    previous_secrets: Sequence[str],
    sender: str,
    public_url: str,
    clock: Callable[[], datetime],
    console: Callable[[str], None],
) -> Mail:
    """No `smtp`: the mailbox. `sender` as in `Duologue <no-reply@example.com>`; `console` prints one line."""
    seal = Seal(secret, previous_secrets)
    if smtp is not None:
        return Mail(MailOutbox(pool, SmtpTransport(smtp, sender, clock), seal, clock, public_url), None)
    mailbox = Mailbox(MailboxStore(pool), clock, console, f"{public_url}/dev/mailbox")
    return Mail(MailOutbox(pool, mailbox, seal, clock, public_url), router(mailbox))
