"""One-time codes: sent rarely, guessed rarely, right once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from duologue.auth.codes_store import CODE_ATTEMPTS, CodeStore, Draft
from duologue.auth.limits import too_many
from duologue.auth.mailer import Mailer, send_only_if
from duologue.auth.otp import Purpose, code_digest, is_code, make_code, make_salt
from duologue.errors import AppError, Code

__all__ = ["CODE_LIFETIME", "GUESSES_A_DAY", "Codes", "Redeemed"]

CODE_LIFETIME: Final = timedelta(minutes=10)
COOL_DOWN: Final = timedelta(seconds=60)
MAILS_AN_HOUR: Final = 3
MAILS_A_DAY: Final = 8
GUESSES_A_DAY: Final = 15
DAY: Final = timedelta(days=1)
TEMPLATES: Final = {
    Purpose.REGISTRATION: "otp_registration",
    Purpose.RESET: "otp_reset",
    Purpose.EMAIL_CHANGE: "otp_email_change",
}


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A code was right, and is used up. `user_id` is whose it was, unless it was a registration's."""

    user_id: int | None


class Codes:
    """Issues codes and judges guesses, alike for addresses that exist and that do not."""

    def __init__(self, store: CodeStore, mailer: Mailer, key: bytes, clock: Callable[[], datetime]) -> None:
        """`key` is made from a secret outside the database."""
        self._store = store
        self._mailer = mailer
        self._key = key
        self._clock = clock

    async def issue(
        self,
        conn: asyncpg.Connection,
        purpose: Purpose,
        email: str,
        *,
        registration_id: UUID | None = None,
        user_id: int | None = None,
        decoy: bool = False,
    ) -> None:
        """Store a code and its mail. A decoy costs the same, but nothing opens it and no mail leaves."""
        now = self._clock()
        code_id, salt, code = uuid7(), make_salt(), make_code()
        digest = code_digest(self._key, salt, purpose, code_id, "" if decoy else code)
        draft = Draft(
            code_id, purpose, email, registration_id, user_id, salt, digest, now, expires_at := now + CODE_LIFETIME
        )
        await self._store.add(conn, draft)
        minutes = str(int(CODE_LIFETIME.total_seconds()) // 60)
        params = {"code": code, "minutes": minutes}
        await send_only_if(not decoy, self._mailer, conn, TEMPLATES[purpose], email, params, expires_at)

    async def spend_mail(self, conn: asyncpg.Connection, purpose: Purpose, email: str) -> None:
        """One of the address's mails: sixty seconds apart, three an hour, eight a day; else `AppError`."""
        now = self._clock()
        taken = await self._store.take(
            conn,
            email,
            purpose.value,
            now,
            cool_down=COOL_DOWN,
            per_hour=MAILS_AN_HOUR,
            per_day=MAILS_A_DAY,
        )
        if taken:
            return
        spent, last_at = await self._store.budget(conn, email, purpose.value) or ([], now)
        free_at = [last_at + COOL_DOWN]
        for most, span in ((MAILS_AN_HOUR, timedelta(hours=1)), (MAILS_A_DAY, DAY)):
            recent = sorted(moment for moment in spent if moment > now - span)
            if len(recent) >= most:
                free_at.append(recent[-most] + span)
        raise too_many((max(free_at) - now).total_seconds())

    async def note_mail(self, conn: asyncpg.Connection, purpose: Purpose, email: str) -> None:
        """A mail that was not asked for again, but after which the next has to wait."""
        await self._store.note(conn, email, purpose.value, self._clock())

    async def redeem(
        self,
        conn: asyncpg.Connection,
        purpose: Purpose,
        email: str,
        code: str,
        *,
        registration_id: UUID | None = None,
        user_id: int | None = None,
    ) -> Redeemed | AppError:
        """Judge a guess. A refusal is returned, not raised: the transaction must commit to have counted it."""
        now = self._clock()
        wrong = AppError(Code.OTP_INVALID, "The code is wrong.")
        if not is_code(code):
            return wrong
        row = await self._store.newest(conn, email, purpose, registration_id=registration_id, user_id=user_id)
        if row is not None and row.consumed:
            row = None
        if row is not None and row.expires_at <= now:
            return AppError(Code.OTP_EXPIRED, "The code has expired; ask for a new one.")
        exhausted = AppError(Code.OTP_ATTEMPTS_EXHAUSTED, "Too many wrong tries; ask for a new code.")
        if row is not None and row.attempts >= CODE_ATTEMPTS:
            return exhausted
        if not await self._store.take(
            conn, email, "guess", now, cool_down=timedelta(0), per_hour=GUESSES_A_DAY, per_day=GUESSES_A_DAY
        ):
            return AppError(Code.OTP_ATTEMPTS_EXHAUSTED, "Too many wrong codes for this address today.")
        if row is None:
            return wrong
        digest = code_digest(self._key, row.salt, purpose, row.id, code)
        right = await self._store.guess(conn, row.id, digest, now)
        if right is None:
            return exhausted
        return Redeemed(row.user_id) if right else wrong

    async def is_waiting(self, conn: asyncpg.Connection, purpose: Purpose, email: str, user_id: int) -> bool:
        """Whether this user was sent such a code, and has not used it."""
        row = await self._store.newest(conn, email, purpose, user_id=user_id)
        return row is not None and not row.consumed
