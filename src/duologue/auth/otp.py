"""Six-digit codes: made here, kept only as a keyed digest."""

import hashlib
import hmac
import secrets
from enum import StrEnum
from uuid import UUID

__all__ = ["CODE_DIGITS", "Purpose", "code_digest", "derive_key", "is_code", "make_code", "make_salt"]

CODE_DIGITS = 6
SALT_BYTES = 16


class Purpose(StrEnum):
    """What a code opens. A code is good for its own purpose alone."""

    REGISTRATION = "registration"
    RESET = "reset"
    EMAIL_CHANGE = "email_change"


def make_code() -> str:
    """Six digits, zero-padded, every one of the million equally likely."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def make_salt() -> bytes:
    """One a row, so that equal codes do not look equal."""
    return secrets.token_bytes(SALT_BYTES)


def is_code(text: str) -> bool:
    """Whether this could be a code at all: ASCII digits, as many as a code has."""
    return len(text) == CODE_DIGITS and text.isascii() and text.isdigit()


def derive_key(secret: str, label: str) -> bytes:
    """A key for one use out of the server's secret (HKDF-Expand with one block, RFC 5869 §2.3)."""
    extracted = hmac.digest(b"duologue", secret.encode(), hashlib.sha256)
    return hmac.digest(extracted, label.encode() + b"\x01", hashlib.sha256)


def code_digest(key: bytes, salt: bytes, purpose: Purpose, code_id: UUID, code: str) -> bytes:
    """HMAC-SHA256: without `key`, which is outside the database, a million guesses at the row tell nothing."""
    message = b"\x00".join((salt, purpose.value.encode(), code_id.bytes, code.encode()))
    return hmac.digest(key, message, hashlib.sha256)
