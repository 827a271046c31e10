"""Log lines to stderr: for people in development, as JSON in production, and never with a secret in them."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

__all__ = ["configure_logging", "mask"]

MASK: Final = "********"

_NAMES: Final = r"(?:access|refresh)?_?-?tokens?|passwords?|passwd|secrets?|authorization|cookies?|set-cookie|otp"
_PATTERNS: Final = (
    # A JWT, wherever it is written, with or without its signature.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {MASK}"),
    # name=value in a query or a cookie, "name": "value" in JSON and reprs.
    (re.compile(rf"(?i)\b({_NAMES}|newPassword)(['\"]?\s*[=:]\s*)(['\"])(?:\\.|(?!\3).)*\3"), rf"\1\2\3{MASK}\3"),
    (
        re.compile(rf"(?i)\b({_NAMES}|newPassword)(['\"]?\s*[=:]\s*)(?!['\"]|\*{{8}}|bearer |basic )[^\s&;,'\"}}\])]+"),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"(?i)\b(code)(['\"]?\s*[=:]?\s*['\"]?)\d{6}\b"), rf"\1\2{MASK}"),
    # PostgreSQL shows the row that it refused: people's words, and hashes.
    (re.compile(r"(?s)(Failing row contains |Key \([^)]*\)=)\(.*?\)(?=\.| already | is | conflicts )"), rf"\1({MASK})"),
    (re.compile(r"\$argon2[^\s'\")]+"), MASK),
    # The password of a URL.
    (re.compile(r"(?<=://)([^/\s:@?#]*):[^/\s@?#]+@"), rf"\1:{MASK}@"),
)
_SECRET_KEYS: Final = re.compile(rf"(?i)^(?:{_NAMES}|new_?password|jwt_.*|smtp_pass)$")
_CODE: Final = re.compile(r"\d{6}")


def mask(text: str) -> str:
    """The text without tokens, codes, passwords and secrets."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def configure_logging(*, production: bool, stream: TextIO | None = None) -> None:
    """Everything goes through structlog: our own lines from INFO, other libraries' from WARNING."""
    out = stream if stream is not None else sys.stderr
    render: Any
    if production:
        render = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        colors = out.isatty()
        render = structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0, pad_level=False
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if production else "%H:%M:%S", utc=production),
            structlog.processors.format_exc_info,
            _mask_event,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _ToStructlog):
            root.removeHandler(handler)
    root.addHandler(_ToStructlog())
    root.setLevel(logging.WARNING)
    logging.getLogger("duologue").setLevel(logging.INFO)
    # Every node tells once that PostgreSQL is away; the pool would add a traceback a second.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


class _ToStructlog(logging.Handler):
    """Hands a record of the standard library on, with its arguments filled in."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; logging must never bring its caller down."""
        try:
            structlog.get_logger().log(
                record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
            )
        except Exception:  # noqa: BLE001
            self.handleError(record)


def _mask_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, bool | int | float | None):
            continue
        if _SECRET_KEYS.match(key):
            event[key] = MASK
            continue
        text = value if isinstance(value, str) else repr(value)
        masked = MASK if key == "code" and _CODE.fullmatch(text) else mask(text)
        if masked != text:
            event[key] = masked
    return event
