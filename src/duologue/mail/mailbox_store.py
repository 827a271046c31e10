"""The SQL of the development mailbox."""

from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import UNSET

from duologue.mail.letter import Letter
from duologue.wire.base import rfc3339
from duologue.wire.mail import MailboxEntry

__all__ = ["KEPT", "MailboxStore"]

KEPT = 200  # the newest mails; older ones go

KEEP = """
INSERT INTO dev_mailbox (id, recipient, subject, text_part, html_part, code, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO NOTHING
"""
TRIM = """
DELETE FROM dev_mailbox
WHERE position <= (SELECT position FROM dev_mailbox ORDER BY position DESC OFFSET $1 LIMIT 1)
"""
LIST = """
SELECT id, recipient, subject, text_part, html_part, code, created_at FROM dev_mailbox
WHERE $1::text IS NULL OR recipient = lower($1)
ORDER BY position DESC
"""
HTML_PART = "SELECT html_part FROM dev_mailbox WHERE id = $1"


class MailboxStore:
    """Keeps the newest letters."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def keep(self, letter: Letter, now: datetime) -> None:
        """Store the letter, once however often it comes."""
        content = letter.content
        async with self._pool.acquire() as conn, conn.transaction():
            await conn.execute(
                KEEP, letter.id, letter.recipient, content.subject, content.text, content.html, content.code, now
            )
            await conn.execute(TRIM, KEPT)

    async def mails(self, to: str | None) -> list[MailboxEntry]:
        """Newest first; those to one address, or all."""
        return [_entry(row) for row in await self._pool.fetch(LIST, to)]

    async def html(self, mail_id: UUID) -> str | None:
        """The HTML part of one mail."""
        found: str | None = await self._pool.fetchval(HTML_PART, mail_id)
        return found


def _entry(row: asyncpg.Record) -> MailboxEntry:
    return MailboxEntry(
        id=str(row["id"]),
        to=row["recipient"],
        subject=row["subject"],
        text=row["text_part"],
        html=row["html_part"],
        created_at=rfc3339(row["created_at"]),
        code=row["code"] or UNSET,
    )
