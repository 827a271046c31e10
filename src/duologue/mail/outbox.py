"""Mails on their way: one row each, claimed under a lease, tried until sent or expired."""

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import asyncpg
import structlog
from uuid_utils.compat import uuid7

from duologue.database.faults import AWAY
from duologue.mail.letter import Letter, RefusedError, Transport
from duologue.mail.render import check, render
from duologue.mail.seal import BrokenSealError, Seal
from duologue.mail.store import OutboxStore, Waiting

__all__ = ["MailOutbox"]

CONCURRENT = 8  # mails on their way at once, on one node
SEND_SECONDS = 45.0  # for one try, all steps together
LEASE = timedelta(seconds=120)  # well over SEND_SECONDS: nodes' clocks may differ
IMPATIENT_SECONDS = 0.01  # after a wake: its transaction commits any moment now
POLL_SECONDS = 2.0  # finds what other nodes left behind, and transactions that took their time
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 30.0  # a code lives ten minutes; a mail server that is back should be noticed
GRACE_SECONDS = 3.0  # for mails on their way when we stop

log = structlog.get_logger("duologue.mail")


class MailOutbox:
    """Takes mails inside a transaction and sends them afterwards, at least once, until they expire."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        transport: Transport,
        seal: Seal,
        clock: Callable[[], datetime],
        site: str = "",
    ) -> None:
        """`site` is the server's public address, which mails name."""
        self._store = OutboxStore(pool)
        self._transport = transport
        self._seal = seal
        self._clock = clock
        self._site = site
        self._news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._sending: dict[asyncio.Task[None], Waiting] = {}

    async def waiting(self) -> int:
        """How many mails are not sent yet, of all nodes."""
        return await self._store.count()

    async def send(
        self,
        conn: asyncpg.Connection,
        template: str,
        recipient: str,
        params: Mapping[str, str],
        expires_at: datetime,
    ) -> None:
        """Put the mail into `conn`'s transaction; it leaves once that commits. Wrong `params` raise `ValueError`."""
        check(template, params)
        mail_id = uuid7()
        sealed = self._seal.close(mail_id, recipient, template, params)
        await self._store.add(conn, mail_id, template, recipient, sealed, self._clock(), expires_at)
        self.wake()

    def wake(self) -> None:
        """Look at the table now, and for a moment often."""
        self._news.set()

    async def start(self) -> None:
        """Begin with what the last run left."""
        self._worker = asyncio.create_task(self._run(), name="mail outbox")

    async def stop(self) -> None:
        """Let mails on their way arrive for a few seconds; give the rest back to the table."""
        if self._worker is None:
            return
        self._worker.cancel()
        await asyncio.wait([self._worker])
        self._worker = None
        if not self._sending:
            return
        _, unfinished = await asyncio.wait(self._sending, timeout=GRACE_SECONDS)
        left = [self._sending[task] for task in unfinished]
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
            await self._store.release(left, self._clock())

    async def _run(self) -> None:
        pause = IMPATIENT_SECONDS
        while True:
            claimed = await self._claim()
            for mail in claimed:
                task = asyncio.create_task(self._try(mail), name=f"mail {mail.id}")
                self._sending[task] = mail
                task.add_done_callback(self._done)
            if claimed:
                continue
            try:
                async with asyncio.timeout(pause):  # wait_for swallows a cancellation now and then before Python 3.12
                    await self._news.wait()
            except TimeoutError:
                pause = min(pause * 2, POLL_SECONDS)
            else:
                self._news.clear()
                pause = IMPATIENT_SECONDS

    async def _claim(self) -> list[Waiting]:
        free = CONCURRENT - len(self._sending)
        if not free:
            return []
        now = self._clock()
        try:
            return await self._store.claim(now, now + LEASE, free)
        except AWAY as error:
            log.warning("mails wait for the database", reason=str(error))
            await asyncio.sleep(POLL_SECONDS)
            return []

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._news.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("a mail stays leased", exc_info=error)

    async def _try(self, mail: Waiting) -> None:
        """One try, whatever comes of it."""
        if mail.expires_at <= self._clock():
            log.warning("mail dropped: expired unsent", to=mail.recipient, mail=mail.template, tries=mail.attempts - 1)
            await self._remove(mail)
            return
        params: Mapping[str, str] = {}
        try:
            params = self._seal.open(mail.id, mail.recipient, mail.template, mail.sealed)
            letter = Letter(mail.id, mail.recipient, render(mail.template, params, self._site))
            async with asyncio.timeout(SEND_SECONDS):
                await self._transport.deliver(letter)
        except BrokenSealError:
            log.warning("mail dropped: sealed with another secret", to=mail.recipient, mail=mail.template)
            await self._remove(mail)
        except RefusedError as error:
            log.warning("mail dropped: refused", to=mail.recipient, mail=mail.template, reason=_told(error, params))
            await self._remove(mail)
        except Exception as error:  # noqa: BLE001 (whatever failed, the mail is kept until it expires)
            reason = _told(error, params)
            delay = _delay(mail.attempts)
            log.warning("mail delayed", to=mail.recipient, mail=mail.template, reason=reason, again_in=round(delay, 1))
            await self._store.postpone(mail, self._clock() + timedelta(seconds=delay))
        else:
            await self._remove(mail)

    async def _remove(self, mail: Waiting) -> None:
        """Stubborn, since a sent mail that stays in the table is sent again."""
        async with asyncio.timeout(SEND_SECONDS):
            while True:
                try:
                    return await self._store.remove(mail)
                except AWAY:
                    await asyncio.sleep(FIRST_RETRY_SECONDS)


def _told(error: Exception, params: Mapping[str, str]) -> str:
    """What a mail server said, without the code: some quote the mail that they refuse."""
    words = str(error) or type(error).__name__
    return words.replace(params["code"], "********") if "code" in params else words


def _delay(attempts: int) -> float:
    """Seconds until the next try: 1, 2, 4 … 30, each up to a third off, so that nodes do not march in step."""
    seconds = min(FIRST_RETRY_SECONDS * 2.0 ** min(attempts - 1, 16), LONGEST_RETRY_SECONDS)
    return seconds * random.uniform(2 / 3, 4 / 3)
