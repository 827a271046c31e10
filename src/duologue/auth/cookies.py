"""The cookies of sign-in, as each environment needs them."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

from litestar.datastructures import Cookie

from duologue.auth.tokens import TokenPair

__all__ = ["ACCESS", "HANDLE", "REFRESH", "Cookies"]

ACCESS: Final = "accessToken"
REFRESH: Final = "refreshToken"
HANDLE: Final = "registrationHandle"


class PartitionedCookie(Cookie):
    """A cookie of one top-level site (CHIPS); Python's own cookies learn the word in 3.14."""

    def to_encoded_header(self) -> tuple[bytes, bytes]:
        """The Set-Cookie header."""
        name, value = super().to_encoded_header()
        return name, value + b"; Partitioned"


class Cookies:
    """Always HttpOnly, never with a Domain.

    On development's http nothing else but Lax: Safari drops Secure cookies on http://localhost. In production Secure,
    the access token Lax on `/`, the refresh token Strict and sent to `/auth` alone; for pages of another site,
    `None; Secure; Partitioned`.
    """

    def __init__(self, *, production: bool, cross_site: bool, clock: Callable[[], datetime]) -> None:
        self._production = production
        self._cross_site = cross_site
        self._clock = clock

    def signed_in(self, pair: TokenPair) -> list[Cookie]:
        """Both tokens, each for as long as it is valid."""
        now = int(self._clock().timestamp())
        return [
            self._cookie(ACCESS, pair.access, pair.access_expires_at - now, "/", "lax"),
            self._cookie(REFRESH, pair.refresh, pair.refresh_expires_at - now, "/auth", "strict"),
        ]

    def signed_out(self) -> list[Cookie]:
        """Both tokens gone."""
        return [self._cookie(ACCESS, "", 0, "/", "lax"), self._cookie(REFRESH, "", 0, "/auth", "strict")]

    def handle(self, value: str, seconds: int) -> Cookie:
        """What binds a browser to its registration."""
        return self._cookie(HANDLE, value, seconds, "/auth", "strict")

    def _cookie(self, name: str, value: str, seconds: int, path: str, same_site: Literal["lax", "strict"]) -> Cookie:
        seconds = max(0, seconds)
        if self._cross_site:
            return PartitionedCookie(
                name, path=path, value=value, max_age=seconds, httponly=True, secure=True, samesite="none"
            )
        if self._production:
            return Cookie(name, path=path, value=value, max_age=seconds, httponly=True, secure=True, samesite=same_site)
        return Cookie(name, path=path, value=value, max_age=seconds, httponly=True, samesite="lax")
