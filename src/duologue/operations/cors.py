"""CORS (Fetch §3.2): which other pages may read the answers, by an exact list."""

from collections.abc import Sequence
from typing import Final

__all__ = ["Cors"]

Header = tuple[bytes, bytes]

METHODS: Final = b"GET, HEAD, POST, PATCH, DELETE"
ASKED: Final = b"authorization, content-type"
SHOWN: Final = b"link, ratelimit, ratelimit-policy, retry-after, x-request-id"
SECONDS: Final = b"600"


class Cors:
    """Answers carry cookies for pages on the list, and no word about CORS for others."""

    def __init__(self, origins: Sequence[str]) -> None:
        """`origins` as browsers send them; without any there is no CORS at all."""
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)

    def is_listed(self, origin: bytes | None) -> bool:
        """Whether the page may read answers."""
        return origin in self._origins

    def headers(self, origin: bytes | None) -> list[Header]:
        """What every answer gets. `Vary` also without a page, since caches keep that answer too."""
        if not self._origins:
            return []
        if origin is None or not self.is_listed(origin):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", SHOWN),
        ]

    def preflight_headers(self) -> list[Header]:
        """What the answer to a preflight of a listed page gets besides."""
        return [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", ASKED),
            (b"access-control-max-age", SECONDS),
            (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
