"""The development mailbox: mails stay here and are read on a page, no mail server needed."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from duologue.mail.letter import Letter
from duologue.mail.mailbox_store import KEPT, MailboxStore
from duologue.wire.mail import MailboxEntry

__all__ = ["KEPT", "Mailbox"]


class Mailbox:
    """A transport that goes nowhere: a table, and a line on the console."""

    def __init__(
        self,
        store: MailboxStore,
        clock: Callable[[], datetime],
        console: Callable[[str], None],
        page: str,
    ) -> None:
        """`page` is the address to read the mails at."""
        self._store = store
        self._clock = clock
        self._console = console
        self._page = page

    async def deliver(self, letter: Letter) -> None:
        """Store the letter, once whatever happens, and say so."""
        content = letter.content
        await self._store.keep(letter, self._clock())
        code = f"  code {content.code}" if content.code else ""
        self._console(f"Mail to {letter.recipient}: {content.subject}{code}  {self._page}")

    async def mails(self, to: str | None = None) -> list[MailboxEntry]:
        """Newest first."""
        if to and "\0" in to:  # PostgreSQL has no such text
            return []
        return await self._store.mails(to)

    async def html(self, mail_id: UUID) -> str | None:
        """The HTML part of one mail, as a mail program would show it."""
        return await self._store.html(mail_id)
