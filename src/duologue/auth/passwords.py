"""Passwords: which ones are taken (NIST SP 800-63B-4 §3.1.1), and how they are kept."""

import asyncio
import contextlib
import hashlib
import itertools
import os
import sys
import unicodedata
from bisect import bisect_left
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
import structlog

from duologue.auth import hasher
from duologue.auth.hasher import Outcome, argon2id
from duologue.errors import AppError, Code, Detail

__all__ = ["PASSWORD_LONGEST", "PASSWORD_SHORTEST", "Passwords", "check_password", "is_common", "normalise_password"]

PASSWORD_SHORTEST: Final = 8
PASSWORD_LONGEST: Final = 256
DIGEST_BYTES: Final = 5  # 100,000 of 2^40: one in ten million good passwords is refused by mistake
CONTEXT_WORDS: Final = frozenset({"duologue", "duologuechat", "chatduologue", "myduologue"})  # docs/security.md
QUEUE_PER_THREAD: Final = 32  # at about 25 ms a hash, 0.8 seconds of waiting
PATIENCE: Final = 60.0  # seconds; a machine that needs longer has no core to spare
# What Python needs to find its packages; secrets in the environment stay here.
ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")

decode = msgspec.msgpack.Decoder(Outcome).decode
log = structlog.get_logger("duologue.auth")


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
    """Argon2id in a process of its own, with a bounded queue in front of it."""

    def __init__(self, threads: int | None = None) -> None:
        """One thread a core but one, which stays free for messages."""
        self._threads = threads or max(1, (os.cpu_count() or 1) - 1)
        self._room = self._threads * (QUEUE_PER_THREAD + 1)
        self._today = argon2id()
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[str | bool]] = {}
        self._stdin: asyncio.StreamWriter | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Have the process before the first password."""
        async with self._starting:
            if self._stdin is not None:
                return
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", hasher.__file__, str(self._threads)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            )
            self._stdin = process.stdin
            self._reader = asyncio.create_task(self._read(process), name="password hasher")

    async def stop(self) -> None:
        """Let the process go; whoever still waits is refused."""
        if self._stdin is not None and self._reader is not None:
            self._stdin.close()
            await asyncio.wait([self._reader])

    def admit(self) -> None:
        """`AppError` UNAVAILABLE while the queue is full.

        Asked before anything else is done: in a flood, statements for those who are refused anyway would cost the
        database more than the sign-ins themselves.
        """
        if self._room <= 0:
            raise busy()

    async def hash(self, password: str) -> str:
        """An Argon2id hash; `AppError` UNAVAILABLE when too many wait."""
        return str(await self._run(password, None))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password belongs to the hash. Without a hash it costs the same and says no."""
        normal = normalise_password(password)[: PASSWORD_LONGEST + 1]
        return await self._run(normal, stored or "") is True

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._today.check_needs_rehash(stored)

    async def _run(self, password: str, stored: str | None) -> str | bool:
        self.admit()
        stdin = self._stdin or await self._restarted()
        number = next(self._numbers)
        outcome: asyncio.Future[str | bool] = asyncio.get_running_loop().create_future()
        self._waiting[number] = outcome
        self._room -= 1
        stdin.write(hasher.pack(hasher.Job(number, password, stored)))
        try:
            async with asyncio.timeout(PATIENCE):
                return await outcome
        except TimeoutError:
            raise busy() from None

    async def _restarted(self) -> asyncio.StreamWriter:
        try:
            await self.start()
        except OSError as error:
            log.error("the password hasher can not be started", reason=str(error))
            raise busy() from None
        self.admit()  # others came first meanwhile
        assert self._stdin is not None
        return self._stdin

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await process.stdout.readexactly(hasher.HEAD_BYTES)
                outcome = decode(await process.stdout.readexactly(int.from_bytes(head, "big")))
                self._settle(outcome.number, outcome.result)
        self._stdin = None
        status = await process.wait()
        if status:
            log.error("the password hasher ended; the next password starts another", status=status)
        for number in list(self._waiting):
            self._settle(number, None)

    def _settle(self, number: int, result: str | bool | None) -> None:
        """Free the place, also when the caller has gone away meanwhile, and tell whoever waits; None: there is none."""
        waiting = self._waiting.pop(number)
        self._room += 1
        if waiting.done():
            return
        if result is None:
            waiting.set_exception(busy())
        else:
            waiting.set_result(result)


def busy() -> AppError:
    """503, and when to come back."""
    return AppError(Code.UNAVAILABLE, "Too many people sign in at this moment; try again.", retry_after=1.0)
