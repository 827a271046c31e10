"""How a socket is told not to stay: a close code, and when to come back."""

import random

import msgspec

from duologue.wire.frames import RetryHint

__all__ = ["Refusal", "retry_hint"]


def retry_hint(low_ms: int, high_ms: int) -> bytes:
    """A close reason that tells this client alone when to come back, so that not all come at once."""
    return msgspec.json.encode(RetryHint(random.randint(low_ms, high_ms)))


class Refusal(Exception):
    """The socket is opened only to be closed with this code, so that a browser can read it."""

    def __init__(self, code: int, reason: str | bytes) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
