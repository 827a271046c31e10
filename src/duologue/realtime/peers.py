"""Who wants to know of whom: the presence of the other in a room, for `duologue.v1`."""

from datetime import datetime
from typing import Protocol

import msgspec

from duologue.realtime.framing import text_frame
from duologue.wire.base import rfc3339
from duologue.wire.frames import Presence, PresenceData

__all__ = ["Peers", "Watcher"]

encode = msgspec.json.Encoder().encode


class Watcher(Protocol):
    """Somebody who sees a person."""

    def event(self, frame: bytes) -> None:
        """The person came or went."""


class OnlineStatus(Protocol):
    """Who is there now."""

    def is_online(self, user_id: int) -> bool:
        """Whether the user has a socket open, or had one a moment ago."""

    def last_seen_at(self, user_id: int, stored: datetime | None) -> datetime | None:
        """When the user was last seen, as far as is known here."""


class Peers:
    """The watchers of each person on this node; a change costs one encoding and a write a watcher."""

    def __init__(self, online: OnlineStatus) -> None:
        self._online = online
        self._watchers: dict[int, set[Watcher]] = {}

    def watch(self, user_id: int, watcher: Watcher) -> None:
        """Tell this watcher when that person comes or goes."""
        self._watchers.setdefault(user_id, set()).add(watcher)

    def unwatch(self, user_id: int, watcher: Watcher) -> None:
        """Tell it no more."""
        watchers = self._watchers[user_id]
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[user_id]

    def changed(self, user_id: int) -> None:
        """The person came or went."""
        watchers = self._watchers.get(user_id)
        if watchers:
            frame = self.frame(user_id)
            for watcher in watchers:
                watcher.event(frame)

    def frame(self, user_id: int, stored: datetime | None = None) -> bytes:
        """Whether the person is there, as an event; `stored` is when the database saw the person last."""
        seen = self._online.last_seen_at(user_id, stored)
        return text_frame(
            encode(
                Presence(
                    PresenceData(
                        user_id=user_id,
                        online=self._online.is_online(user_id),
                        last_seen_at=rfc3339(seen) if seen else None,
                    )
                )
            )
        )
