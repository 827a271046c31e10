"""The process that does Argon2 for `passwords`, and nothing else (docs/decisions/0014).

It is started by its path, gets no secret but the passwords, and ends when its standard input does.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, Final

import msgspec
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = ["HEAD_BYTES", "Hashing", "Job", "Outcome", "argon2id", "pack"]

HEAD_BYTES: Final = 4  # the length of the frame that follows, big-endian
NICENESS: Final = 10
STUCK_SECONDS: Final = 0.15  # a hash takes 0.02 to 0.03


class Job(msgspec.Struct, array_like=True, frozen=True):
    """Hash `password`; or verify it against `stored`, whose empty text is nobody's and takes as long."""

    number: int
    password: str
    stored: str | None = None


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """The hash, or whether it was right."""

    number: int
    result: str | bool


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Job).decode


def argon2id() -> PasswordHasher:
    """m = 19 MiB, t = 2, p = 1 (OWASP Password Storage Cheat Sheet)."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


def pack(message: Job | Outcome) -> bytes:
    """A frame."""
    body = encode(message)
    return len(body).to_bytes(HEAD_BYTES, "big") + body


def unpacked(stream: BinaryIO) -> Job | None:
    """The next job; None when there will be none."""
    head = stream.read(HEAD_BYTES)
    body = stream.read(int.from_bytes(head, "big"))
    return decode(body) if body else None


class Hashing:
    """Jobs, and the threads that do them: in time that nobody else wants, and where there is none, all the same."""

    def __init__(self, tell: Callable[[Outcome], None]) -> None:
        """`tell` is called from any thread, once a job."""
        self._tell = tell
        self._hasher = argon2id()
        # Nobody's password: what is verified when there is no account, so that it takes as long.
        self._nobody = self._hasher.hash(os.urandom(32))
        self._changed = threading.Condition()
        self._open: dict[int, Job] = {}
        self._taken: set[int] = set()
        self._moved_at = time.monotonic()

    def add(self, job: Job) -> None:
        """One more."""
        with self._changed:
            if not self._open:
                self._moved_at = time.monotonic()
            self._open[job.number] = job
            self._changed.notify_all()

    def work(self) -> None:
        """A thread: do one after the other, in the scheduler's idle class where there is one (Linux).

        Its cores count as free, so whoever passes messages is woken there instead of waiting elsewhere.
        """
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._open) > len(self._taken))
                job = next(job for number, job in self._open.items() if number not in self._taken)
                self._taken.add(job.number)
                self._moved_at = time.monotonic()
            self._do(job)
            with self._changed:
                self._moved_at = time.monotonic()

    def help(self) -> None:
        """A thread: on a machine so busy that the idle class stands still, do the oldest job at our own priority."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._open)
                stuck = time.monotonic() - self._moved_at > STUCK_SECONDS
                job = next(iter(self._open.values())) if stuck else None
                if job is not None:
                    self._taken.add(job.number)
            if job is None:
                time.sleep(STUCK_SECONDS / 3)
            else:
                self._do(job)

    def _do(self, job: Job) -> None:
        result = self._hasher.hash(job.password) if job.stored is None else self._verify(job.stored, job.password)
        with self._changed:
            is_first = self._open.pop(job.number, None) is not None
            self._taken.discard(job.number)
        if is_first:
            self._tell(Outcome(job.number, result))

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored != ""
        except (VerificationError, InvalidHashError):
            return False


def tell(outcome: Outcome) -> None:
    """A frame this short (under PIPE_BUF) is written at once, whatever other threads write."""
    os.write(sys.stdout.fileno(), pack(outcome))


def main() -> None:
    """Work until nobody asks any more."""
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the server, which closes our input once it has drained
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    hashing = Hashing(tell)
    for does in (hashing.help, *[hashing.work] * int(sys.argv[1])):
        threading.Thread(target=does, daemon=True).start()
    while (job := unpacked(sys.stdin.buffer)) is not None:
        hashing.add(job)


if __name__ == "__main__":
    main()
