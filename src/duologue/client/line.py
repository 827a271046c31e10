"""The link as its rooms share it: never more at once than the server wants."""

import asyncio
from collections.abc import Callable

from duologue.client.link import Link
from duologue.wire.base import Wire
from duologue.wire.frames import RoomData

__all__ = ["Line"]

SUBSCRIBING = 8  # rooms at once, well inside the server's burst of 40 commands


class Line:
    """`flush` is called whenever what had to wait may be sent."""

    def __init__(self, link: Link, flush: Callable[[], None]) -> None:
        self._link = link
        self._flush = flush
        self._subscribing: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def number(self) -> int:
        """Of the socket that is open, counted from 1; 0 when none is."""
        return self._link.number if self._link.is_online else 0

    def opened(self) -> None:
        """There is a new socket: what the one before was asked to spare does not matter to it."""
        self._subscribing.clear()
        self.close()

    def close(self) -> None:
        """Wait for nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def send(self, kind: str, data: Wire) -> bool:
        """Send a command; false when it has to wait."""
        if self._timer is not None or not self._link.is_online:
            return False
        self._link.send(kind, data)
        return True

    def may_subscribe(self, room_id: str) -> bool:
        """Take one of the places of those that wait for an answer, if there is one."""
        if len(self._subscribing) >= SUBSCRIBING:
            return False
        self._subscribing.add(room_id)
        return True

    def subscribed(self, room_id: str) -> None:
        """Give it back, to whoever waits for one."""
        if room_id in self._subscribing:
            was_full = len(self._subscribing) == SUBSCRIBING
            self._subscribing.discard(room_id)
            if was_full:
                asyncio.get_running_loop().call_soon(self._flush)

    def leave(self, room_id: str) -> None:
        """Hear a room no more."""
        self.subscribed(room_id)
        self._link.send("UNSUBSCRIBE", RoomData(room_id))

    def hold(self, seconds: float) -> None:
        """The server has enough for so long."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() >= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        self._flush()
