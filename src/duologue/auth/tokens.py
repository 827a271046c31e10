"""JSON Web Tokens, HS256 and nothing else: derived from a session's row, read with suspicion.

A token holds nothing random: the same row gives the same token byte for byte, so that a successor can be
handed out again without being stored.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from jwt.api_jws import PyJWS
from jwt.exceptions import InvalidSignatureError, InvalidTokenError

from duologue.errors import AppError, Code

__all__ = ["ACCESS_LIFETIME", "IDLE_LIFETIME", "Claims", "Family", "Keys", "Kind", "TokenPair", "Tokens"]

ACCESS_LIFETIME: Final = timedelta(minutes=15)
IDLE_LIFETIME: Final = timedelta(days=7)
ISSUER: Final = "duologue"
AUDIENCE: Final = "duologue"
CLOCK_SKEW: Final = 5  # seconds another node's clock may be ahead
TOKEN_LENGTH: Final = 2_000  # ours have about 400 characters
ALGORITHM: Final = "HS256"
# The only header we write is the only one we read: no `kid`, `jku`, `x5u`, `jwk`, `crit`, no other `alg`.
HEADER: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()

_jws: Final = PyJWS(algorithms=[ALGORITHM])


class Kind(StrEnum):
    """The claim `typ`: one kind never passes for the other."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Keys:
    """The key that signs, and before it in time one that is still believed."""

    current: str
    previous: str | None = None

    @property
    def believed(self) -> tuple[str, ...]:
        """All keys a signature may be made with, the likeliest first."""
        return (self.current,) if self.previous is None else (self.current, self.previous)


@dataclass(frozen=True, slots=True)
class Family:
    """What of a session's row goes into its tokens."""

    session_id: UUID
    user_id: int
    generation: int
    rotated_at: datetime
    absolute_expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Both tokens of one rotation. Times in seconds since the epoch."""

    access: str
    access_expires_at: int
    refresh: str
    refresh_expires_at: int


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, once believed."""

    user_id: int
    session_id: UUID
    generation: int
    expires_at: int


class Tokens:
    """Writes and reads both kinds."""

    def __init__(self, access: Keys, refresh: Keys) -> None:
        """Access and refresh tokens have different keys: one can not be turned into the other."""
        self._keys = {Kind.ACCESS: access, Kind.REFRESH: refresh}

    def issue(self, family: Family) -> TokenPair:
        """Both tokens of the row's present generation."""
        absolute = int(family.absolute_expires_at.timestamp())
        access_expires_at = min(int((family.rotated_at + ACCESS_LIFETIME).timestamp()), absolute)
        refresh_expires_at = min(int((family.rotated_at + IDLE_LIFETIME).timestamp()), absolute)
        return TokenPair(
            self._write(Kind.ACCESS, family, access_expires_at),
            access_expires_at,
            self._write(Kind.REFRESH, family, refresh_expires_at),
            refresh_expires_at,
        )

    def read(self, kind: Kind, token: str, now: datetime) -> Claims:
        """Believe a token or raise `AppError` TOKEN_EXPIRED or INVALID_TOKEN."""
        claims = self.read_expired(kind, token)
        seconds = now.timestamp()
        if claims["exp"] <= seconds:
            raise AppError(Code.TOKEN_EXPIRED, "The token has expired.")
        if max(claims["nbf"], claims["iat"]) > seconds + CLOCK_SKEW:
            raise invalid()
        return Claims(int(claims["sub"]), UUID(claims["sid"]), claims["gen"], claims["exp"])

    def session_of(self, kind: Kind, token: str) -> UUID:
        """The session a genuine token belongs to, however old it is: for signing out."""
        return UUID(self.read_expired(kind, token)["sid"])

    def read_expired(self, kind: Kind, token: str) -> dict[str, Any]:
        """The claims of a genuine token of this kind, whatever the time."""
        if len(token) > TOKEN_LENGTH or not token.isascii() or "=" in token or token.partition(".")[0] != HEADER:
            raise invalid()
        claims = _unique_claims(self._verify(token, self._keys[kind].believed))
        if claims.get("iss") != ISSUER or claims.get("aud") != AUDIENCE or claims.get("typ") != kind.value:
            raise invalid()
        _check_shape(claims)
        return claims

    def _write(self, kind: Kind, family: Family, expires_at: int) -> str:
        key = self._keys[kind].current
        issued_at = int(family.rotated_at.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(family.user_id),
            "sid": str(family.session_id),
            "gen": family.generation,
            "jti": _token_id(key, kind, family),
            "iat": issued_at,
            "nbf": issued_at,
            "exp": expires_at,
            "typ": kind.value,
        }
        return _jws.encode(json.dumps(claims, separators=(",", ":")).encode(), key, algorithm=ALGORITHM)

    @staticmethod
    def _verify(token: str, keys: Sequence[str]) -> bytes:
        for key in keys:
            try:
                payload: bytes = _jws.decode(token, key, algorithms=[ALGORITHM])
            except InvalidSignatureError:
                continue
            except InvalidTokenError:
                break
            return payload
        raise invalid()


def invalid() -> AppError:
    """One answer for everything that is wrong with a token: no hints."""
    return AppError(Code.INVALID_TOKEN, "The token is not valid.")


def _token_id(key: str, kind: Kind, family: Family) -> str:
    message = f"jti\x00{kind.value}\x00{family.session_id}\x00{family.generation}".encode()
    return hmac.digest(key.encode(), message, hashlib.sha256)[:16].hex()


def _unique_claims(payload: bytes) -> dict[str, Any]:
    """The JSON object; two claims of one name are refused, as readers differ on which one counts (RFC 8725 §2.4)."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a claim stands there twice")
        return found

    try:
        claims = json.loads(payload, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise invalid() from None
    if not isinstance(claims, dict):
        raise invalid()
    return claims


def _check_shape(claims: dict[str, Any]) -> None:
    """Every claim is there and of its type."""
    numbers = (claims.get(name) for name in ("gen", "iat", "nbf", "exp"))
    texts = [claims.get(name) for name in ("sub", "sid", "jti")]
    if not all(type(number) is int for number in numbers) or not all(type(text) is str and text for text in texts):
        raise invalid()
    subject = str(claims["sub"])
    try:
        UUID(str(claims["sid"]))
    except ValueError:
        raise invalid() from None
    if not (subject.isascii() and subject.isdigit() and len(subject) < 11):
        raise invalid()
