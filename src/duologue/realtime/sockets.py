"""Every open socket of this node, and the tasks that run for them."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from duologue.errors import Close
from duologue.identity import Identity
from duologue.realtime.outbox import Flusher
from duologue.realtime.wheel import Wheel

if TYPE_CHECKING:
    from duologue.realtime.connection import Connection

__all__ = ["Sockets"]


class Presence(Protocol):
    """Counts the sockets of a user."""

    def came(self, user_id: int) -> None:
        """A socket of the user opened."""

    def went(self, user_id: int) -> None:
        """A socket of the user closed."""


class Sockets:
    """Every open socket of this node, by session."""

    def __init__(
        self,
        wheel: Wheel,
        flusher: Flusher,
        presence: Presence,
        clock: Callable[[], datetime],
        rate_limits: float = 1.0,
    ) -> None:
        """`rate_limits` multiplies what a socket may say; 0 sets no limit."""
        self.clock = clock
        self.wheel = wheel
        self.flusher = flusher
        self.rate_limits = rate_limits
        self.leaving = False
        """Whether the node drains: nobody is let in any more."""
        self._presence = presence
        self._open: set[Connection] = set()
        self._by_session: dict[UUID, set[Connection]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_closed: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: "Connection", identity: Identity) -> None:
        """A socket opened."""
        self._open.add(connection)
        self._by_session.setdefault(identity.session_id, set()).add(connection)
        self._presence.came(identity.user_id)

    def remove(self, connection: "Connection", identity: Identity) -> None:
        """A socket is gone."""
        self._open.discard(connection)
        of_session = self._by_session[identity.session_id]
        of_session.discard(connection)
        if not of_session:
            del self._by_session[identity.session_id]
        self._presence.went(identity.user_id)
        if self._all_closed is not None and not self._open:
            self._all_closed.set()

    def count(self, session_id: UUID) -> int:
        """The live sockets of a session."""
        return len(self._by_session.get(session_id, ()))

    def end_session(self, session_id: UUID, reason: str) -> None:
        """Close the sockets of a session that ended."""
        for connection in list(self._by_session.get(session_id, ())):
            connection.close(Close.SESSION_ENDED, reason)

    def extend_session(self, session_id: UUID, expires_at: int) -> None:
        """The session was refreshed: its sockets live on until the new token runs out."""
        for connection in self._by_session.get(session_id, ()):
            connection.extend(expires_at)

    def expiring(self, before: int) -> list[UUID]:
        """Sessions with sockets whose last token known here runs out before that moment (epoch seconds)."""
        return [
            session_id
            for session_id, sockets in self._by_session.items()
            if any(connection.expires_at < before for connection in sockets)
        ]

    def run(self, work: Coroutine[None, None, None], name: str) -> None:
        """Run a task for a socket; it is cancelled when the server stops."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def staying(self, most: int) -> list["Connection"]:
        """Some of those that have not been told to go."""
        return list(itertools.islice((each for each in self._open if not each.is_closing), most))

    async def closed(self, seconds: float) -> None:
        """Wait until every socket is gone, but no longer than that."""
        if self._open:
            self._all_closed = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._all_closed.wait()

    async def stop(self) -> None:
        """Cut what is still open, end the tasks."""
        for connection in list(self._open):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
