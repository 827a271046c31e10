"""The cookies that one server has set, with the little of RFC 6265 that a client of one server needs."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Cookie", "Cookies"]


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie; `expires_at` on the clock of `Cookies`, `None` for the rest of the session."""

    value: str
    path: str
    expires_at: float | None


class Cookies(Mapping[str, str]):
    """The values of those that are valid, by name.

    They go to the server that set them and nowhere else, so that Domain, Secure and SameSite do not matter.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[str, Cookie] = {}

    def __getitem__(self, name: str) -> str:
        if self.seconds_left(name) <= 0:
            raise KeyError(name)
        return self._kept[name].value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._kept if self.seconds_left(name) > 0)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def seconds_left(self, name: str) -> float:
        """How long it is valid; 0 when there is none."""
        cookie = self._kept.get(name)
        if cookie is None:
            return 0.0
        return float("inf") if cookie.expires_at is None else max(0.0, cookie.expires_at - self._clock())

    def keep(self, line: str) -> None:
        """Do what a line of Set-Cookie says."""
        pair, *attributes = line.split(";")
        name, _, value = (part.strip() for part in pair.partition("="))
        path, lifetime = "/", None
        for attribute in attributes:
            key, _, text = (part.strip() for part in attribute.partition("="))
            if key.lower() == "path" and text.startswith("/"):
                path = text
            elif key.lower() == "max-age" and text.lstrip("-").isdigit():
                lifetime = int(text)
        value = value.strip('"')
        if not value or (lifetime is not None and lifetime <= 0):
            self._kept.pop(name, None)
        else:
            self._kept[name] = Cookie(value, path, None if lifetime is None else self._clock() + lifetime)

    def set(self, name: str, value: str, path: str = "/") -> None:
        """Keep a cookie that came some other way."""
        self._kept[name] = Cookie(value, path, None)

    def drop(self, name: str) -> None:
        """Forget one."""
        self._kept.pop(name, None)

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()

    def header(self, path: str) -> str:
        """The Cookie header of a request to `path`; empty when none goes there (RFC 6265 §5.1.4)."""
        path = path.partition("?")[0]
        return "; ".join(f"{name}={value}" for name, value in self.items() if _matches(path, self._kept[name].path))


def _matches(path: str, of_cookie: str) -> bool:
    return path == of_cookie or path.startswith(of_cookie if of_cookie.endswith("/") else of_cookie + "/")
