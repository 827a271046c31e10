"""What sign-in wants from the mail feature."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import asyncpg

__all__ = ["Mailer", "send_only_if"]


class Mailer(Protocol):
    """Takes a mail into the connection's transaction: it leaves if and only if that commits."""

    async def send(
        self,
        conn: asyncpg.Connection,
        template: str,
        recipient: str,
        params: Mapping[str, str],
        expires_at: datetime,
    ) -> None:
        """Fails on an unknown template or wrong `params`; a mail not sent by `expires_at` is dropped."""


async def send_only_if(
    wanted: bool,
    mailer: Mailer,
    conn: asyncpg.Connection,
    template: str,
    recipient: str,
    params: Mapping[str, str],
    expires_at: datetime,
) -> None:
    """Order a mail, and take it back unless it is wanted: the work, and so the time, is the same for every address."""
    savepoint = conn.transaction()
    await savepoint.start()
    await mailer.send(conn, template, recipient, params, expires_at)
    await (savepoint.commit() if wanted else savepoint.rollback())
