"""The table of variables: each with its name, its type, its default, and what is allowed."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from duologue.errors import StartError

__all__ = ["NAMES", "SECRET", "SECRET_BYTES", "VARIABLES", "ConfigError", "Network", "Variable"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SECRET_BYTES: Final = 32
"""The shortest key for HS256 (RFC 7518 §3.2)."""
TOKEN_BYTES: Final = 16


class ConfigError(StartError):
    """A variable is wrong: names it, its value (secrets masked) and what is allowed."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable; its field in `Settings` is its name in lower case."""

    name: str
    allowed: str
    parse: Callable[[str], Any]
    default: Any = None
    mask: Callable[[str], str] = str


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError
        return text.lower()

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise ValueError
        return number

    return parse


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", text):
        raise ValueError
    return text


def _yes_or_no(text: str) -> bool:
    return {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}[
        text.lower()
    ]


def _origins(text: str) -> tuple[str, ...]:
    """Origins as browsers send them (RFC 6454 §6.1): no path, no default port, lower case."""
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        url = urlsplit(part)
        if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/"):
            raise ValueError
        if url.query or url.fragment or url.username is not None:
            raise ValueError
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        port = "" if url.port in (None, {"http": 80, "https": 443}[url.scheme]) else f":{url.port}"
        found.append(f"{url.scheme}://{host}{port}")
    return tuple(dict.fromkeys(found))


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def _database_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("postgres", "postgresql") or not url.path.strip("/"):
        raise ValueError
    url.port  # noqa: B018 (raises ValueError when it is no number)
    query = parse_qsl(url.query, keep_blank_values=True)
    if any(name == "schema" and value != "public" for name, value in query):
        raise ValueError
    # Prisma's spelling of the default; PostgreSQL itself knows no such parameter.
    kept = [(name, value) for name, value in query if name != "schema"]
    return urlunsplit(url._replace(query=urlencode(kept)))


def _nats_url(text: str) -> str:
    for part in text.split(","):
        url = urlsplit(part.strip())
        if url.scheme not in ("nats", "tls", "ws", "wss") or not url.hostname:
            raise ValueError
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"(?:[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)", text):
        raise ValueError
    return text


def _rate_limits(text: str) -> float:
    if text.lower() in ("on", "off"):
        return 1.0 if text.lower() == "on" else 0.0
    factor = float(text)
    if not 0 < factor <= 1_000_000:
        raise ValueError
    return factor


def _hidden(text: str) -> str:
    return "********" if text else ""


def _mask_url(text: str) -> str:
    """Hide the password of a URL, wherever it is written, also when the URL is broken."""
    text = re.sub(r"(?<=//)([^:@/]*):.*@", r"\1:********@", text)
    text = re.sub(r"(?<=nats://)[^:@/]*@", "********@", text)  # A token.
    return re.sub(r"(?i)(password=)[^&\s]+", r"\1********", text)


def _metrics(text: str) -> str:
    if text.lower() in ("on", "off"):
        return text.lower()
    if len(text.encode()) < TOKEN_BYTES or not text.isascii() or " " in text:
        raise ValueError
    return text


def _mask_metrics(text: str) -> str:
    return text if text in ("on", "off") else "********"


SECRET = f"any text of at least {SECRET_BYTES} bytes"
_DATABASE = "postgresql://user:password@host:5432/name is allowed, with no schema but public"

VARIABLES: Final[tuple[Variable, ...]] = (
    Variable(
        "ENVIRONMENT", "`development` or `production` is allowed", _choice("development", "production"), "development"
    ),
    Variable("HOST", "an IP address or a host name is allowed", _host, "127.0.0.1"),
    Variable("PORT", "a whole number from 0 (any free one) to 65535 is allowed", _whole(0, 65535), 4000),
    Variable("CLIENT_URL", "origins like https://chat.example.com, separated by commas, are allowed", _origins, ()),
    Variable("DATA_DIR", "a folder is allowed", lambda text: Path(text).expanduser().resolve(), Path("data")),
    Variable("DATABASE_URL", _DATABASE, _database_url, mask=_mask_url),
    Variable("NATS_URL", "nats://host:4222, or several separated by commas, is allowed", _nats_url, mask=_mask_url),
    Variable("JWT_SECRET", SECRET, str, mask=_hidden),
    Variable("JWT_REFRESH_SECRET", SECRET, str, mask=_hidden),
    Variable("JWT_SECRET_PREVIOUS", SECRET, str, mask=_hidden),
    Variable("JWT_REFRESH_SECRET_PREVIOUS", SECRET, str, mask=_hidden),
    Variable("REFRESH_GRACE", "a whole number of seconds from 0 to 600 is allowed", _whole(0, 600), 30),
    Variable("COOKIE_MODE", "`same-site` or `cross-site` is allowed", _choice("same-site", "cross-site"), "same-site"),
    Variable("DIRECTORY", "`open` or `contacts` is allowed", _choice("open", "contacts"), "open"),
    Variable("SMTP_HOST", "a host name or an IP address is allowed", _host),
    Variable("SMTP_PORT", "a whole number from 1 to 65535 is allowed", _whole(1, 65535)),
    Variable("SMTP_SECURE", "`true` or `false` is allowed", _yes_or_no),
    Variable("SMTP_USER", "any text is allowed", str),
    Variable("SMTP_PASS", "any text is allowed", str, mask=_hidden),
    Variable("EMAIL_FROM", "an address, or `Name <address>`, is allowed", _address),
    Variable("TRUSTED_PROXIES", "IP addresses or networks, separated by commas, are allowed", _networks, ()),
    Variable("MAX_SOCKETS", "a whole number from 1 to 1000000 is allowed", _whole(1, 1_000_000), 50_000),
    Variable("MAX_MEMORY", "a whole number of MiB from 64 is allowed", _whole(64, 1 << 30)),
    Variable("CONNECT_RATE", "a whole number a second from 1 to 1000000 is allowed", _whole(1, 1_000_000), 5_000),
    Variable(
        "METRICS",
        f"`on`, `off` or a token of at least {TOKEN_BYTES} characters is allowed",
        _metrics,
        mask=_mask_metrics,
    ),
    Variable("DRAIN_NOTICE", "a whole number of seconds from 0 to 10 is allowed", _whole(0, 10)),
    Variable("RATE_LIMITS", "`on`, `off` or a multiplier above 0 is allowed", _rate_limits, 1.0),
)
NAMES: Final = tuple(variable.name for variable in VARIABLES)
