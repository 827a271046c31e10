"""Passwords: which ones are taken (NIST SP 800-63B-4 §3.1.1), and how they are kept."""

import asyncio
import contextlib
import hashlib
import os
import threading
import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from duologue.errors import AppError, Code, Detail

__all__ = ["PASSWORD_LONGEST", "PASSWORD_SHORTEST", "Passwords", "check_password", "is_common", "normalise_password"]

PASSWORD_SHORTEST: Final = 8
PASSWORD_LONGEST: Final = 256
DIGEST_BYTES: Final = 5  # 100,000 of 2^40: one in ten million good passwords is refused by mistake
CONTEXT_WORDS: Final = frozenset({"duologue", "duologuechat", "chatduologue", "myduologue"})  # docs/security.md
QUEUE_PER_CORE: Final = 16  # at about 30 ms a hash, half a second of waiting
NICENESS: Final = 10  # messages go before hashes: on two cores the event loop keeps its own

T = TypeVar("T")


def normalise_password(password: str) -> str:
    """NFKC, so that one password typed on two keyboards is the same."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, email: str, *, field: str = "password") -> str:
    """The password as it will be hashed, or `AppError` that says what is wrong with it."""
    normal = normalise_password(password)
    if len(normal) < PASSWORD_SHORTEST:
        raise _refused(Code.INVALID_INPUT, field, f"must have at least {PASSWORD_SHORTEST} characters")
    if len(normal) > PASSWORD_LONGEST:
        raise _refused(Code.INVALID_INPUT, field, f"must have at most {PASSWORD_LONGEST} characters")
    folded = normal.casefold()
    if folded in (email.casefold(), email.partition("@")[0].casefold()):
        raise _refused(Code.PASSWORD_TOO_COMMON, field, "must not be your e-mail address")
    if "".join(filter(str.isalpha, folded)) in CONTEXT_WORDS:
        raise _refused(Code.PASSWORD_TOO_COMMON, field, "must be more than the name of this place and some digits")
    if is_common(folded):
        raise _refused(Code.PASSWORD_TOO_COMMON, field, "is one of the most used passwords; choose another")
    return normal


def is_common(folded: str) -> bool:
    """Whether this is one of the 100,000 most used passwords of eight or more characters."""
    wanted = hashlib.sha256(folded.encode()).digest()[:DIGEST_BYTES]
    digests = _common_digests()
    place = bisect_left(range(len(digests) // DIGEST_BYTES), wanted, key=lambda at: _digest_at(digests, at))
    return _digest_at(digests, place) == wanted


@cache
def _common_digests() -> bytes:
    """Sorted beginnings of SHA-256 of the case-folded passwords; `common_passwords.md` tells where they come from."""
    return files("duologue.auth").joinpath("common_passwords.bin").read_bytes()


def _digest_at(digests: bytes, place: int) -> bytes:
    return digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]


def _refused(code: Code, field: str, what: str) -> AppError:
    return AppError(code, f"The {field} {what}.", details=[Detail(field, what)])


class Passwords:
    """Argon2id in as many threads as there are cores, with a bounded queue in front of them."""

    def __init__(self, cores: int | None = None) -> None:
        """m = 19 MiB, t = 2, p = 1 (OWASP Password Storage Cheat Sheet)."""
        cores = cores or os.cpu_count() or 1
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="argon2", initializer=_step_back)
        self._room = cores * (QUEUE_PER_CORE + 1)
        # Nobody's password: what is verified when there is no account, so that it takes as long.
        self._dummy = self._hasher.hash(os.urandom(32))

    async def hash(self, password: str) -> str:
        """An Argon2id hash; `AppError` UNAVAILABLE when too many wait."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password belongs to the hash. Without a hash it costs the same and says no."""
        normal = normalise_password(password)[: PASSWORD_LONGEST + 1]

        def check() -> bool:
            try:
                return self._hasher.verify(stored or self._dummy, normal) and stored is not None
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(check)

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._room <= 0:
            raise AppError(Code.UNAVAILABLE, "Too many people sign in at this moment; try again.", retry_after=1.0)
        self._room -= 1
        # The place is free when the thread is done with it, also when the caller has gone away meanwhile.
        loop = asyncio.get_running_loop()
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free_a_place))
        return await asyncio.wrap_future(future)

    def _free_a_place(self) -> None:
        self._room += 1


def _step_back() -> None:
    """Lower this thread's priority, where threads have one (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
