"""News of sessions, for those who hold their sockets."""

from collections.abc import Callable
from uuid import UUID

import structlog

__all__ = ["SessionEvents"]

log = structlog.get_logger("duologue.auth")


class SessionEvents:
    """Calls its listeners at once and in order, after the commit. Listeners must not wait."""

    def __init__(self) -> None:
        self._on_ended: list[Callable[[UUID, str], None]] = []
        self._on_ended_here: list[Callable[[UUID, str], None]] = []
        self._on_refreshed: list[Callable[[UUID, int], None]] = []

    def on_ended(self, listener: Callable[[UUID, str], None]) -> None:
        """Hear of every session that ends, here or on another node: its id and the reason."""
        self._on_ended.append(listener)

    def on_ended_here(self, listener: Callable[[UUID, str], None]) -> None:
        """Hear of the sessions that this node ended, to tell the others."""
        self._on_ended_here.append(listener)

    def on_refreshed(self, listener: Callable[[UUID, int], None]) -> None:
        """Hear of every refresh made here: the session's id, and when its new access token runs out (epoch seconds)."""
        self._on_refreshed.append(listener)

    def ended(self, session_id: UUID, reason: str, *, here: bool) -> None:
        """Tell that a session is over; `here`: that this node has ended it."""
        for listener in (*self._on_ended, *(self._on_ended_here if here else ())):
            _call(listener, session_id, reason)

    def refreshed(self, session_id: UUID, expires_at: int) -> None:
        """Tell that a session has a new access token."""
        for listener in self._on_refreshed:
            _call(listener, session_id, expires_at)


def _call(listener: Callable[..., None], *news: object) -> None:
    """One listener's fault must not keep the others from hearing."""
    try:
        listener(*news)
    except Exception:
        log.exception("a listener to session events failed")
