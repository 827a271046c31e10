"""What this node tells the others and hears from them; and what it does while it may not hear everything."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import structlog

from duologue.chat.store import RoomRow
from duologue.cluster.broker import Broker
from duologue.cluster.nodes import Nodes
from duologue.database.faults import AWAY
from duologue.wire import notices

__all__ = ["LOOK_SECONDS", "SWEEP_SECONDS", "News"]

LOOK_SECONDS = 1.0  # between two looks at the log, of rooms that somebody listens to, while something may be lost
SWEEP_SECONDS = 5.0  # likewise for revocations, and for what is shown of rooms
STIRRED_MARGIN = 10.0  # seconds before the silence began

log = structlog.get_logger("duologue.news")


class Revocations(Protocol):
    """Sessions that ended."""

    def learn(self, session_id: UUID, reason: str) -> None:
        """Another node has ended it."""

    async def sweep(self) -> None:
        """Take from the table what was missed."""

    async def expiries(self, session_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """When the newest token of each live session runs out."""


class Sockets(Protocol):
    """Open sockets by session."""

    def extend_session(self, session_id: UUID, expires_at: int) -> None:
        """The session was refreshed."""

    def expiring(self, before: int) -> list[UUID]:
        """Sessions with sockets whose last token runs out before that moment."""


class Hub(Protocol):
    """Rooms."""

    def set_blocked(self, room_id: str, user_id: int, blocked: bool) -> None:
        """Whether that member may not post."""


class Lobby(Protocol):
    """Who looks at lists of rooms."""

    def room_opened(self, room_id: str, user_ids: Collection[int]) -> None:
        """A new room."""

    def user_ids(self) -> list[int]:
        """Those who look."""


class Board(Protocol):
    """Who looks at people."""

    def met(self, user_id: int, other_id: int) -> None:
        """The two share a room now."""


class Presence(Protocol):
    """Who is online."""

    def came_elsewhere(self, node: UUID, user_ids: Collection[int]) -> None:
        """Another node tells of those who came to it."""

    def went_elsewhere(self, node: UUID, seen: Mapping[int, datetime]) -> None:
        """Another node tells of those who left it."""


class News:
    """Puts into notices what every node wants to know, and tells the features what came in.

    NATS away, or another living node silent, means that something may be lost; so does a node that says it lost
    something, and one that is gone: it may have been killed between doing and telling. Then rooms with listeners are
    compared with the log once a second, and revocations and lists of rooms every five seconds; and once more when it
    is over.
    """

    def __init__(
        self,
        broker: Broker,
        nodes: Nodes,
        *,
        revocations: Revocations,
        sockets: Sockets,
        hub: Hub,
        lobby: Lobby,
        board: Board,
        presence: Presence,
        look: Callable[[], None],
        stirred: Callable[[Sequence[int], float], Awaitable[Sequence[tuple[str, int, int]]]],
        clock: Callable[[], datetime],
    ) -> None:
        """`look()` compares rooms with the log; `stirred` gives the rooms of people that had news lately."""
        self._broker = broker
        self._nodes = nodes
        self._revocations = revocations
        self._sockets = sockets
        self._hub = hub
        self._lobby = lobby
        self._board = board
        self._presence = presence
        self._look = look
        self._stirred = stirred
        self._clock = clock
        self._lost: dict[UUID, int] = {}
        self._in_doubt = False
        """The link broke, however shortly, or another node lost something."""
        self._gone = 0
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Be heard, and look after what is not."""
        self._tasks = [
            asyncio.create_task(self._be_heard(), name="news heartbeat"),
            asyncio.create_task(self._keep_up(), name="news watch"),
        ]

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What this node has to tell

    def session_ended(self, session_id: UUID, reason: str) -> None:
        """It ended here."""
        self._tell(notices.SessionEnded(session_id, reason))

    def session_refreshed(self, session_id: UUID, expires_at: int) -> None:
        """It was refreshed here."""
        self._tell(notices.SessionRefreshed(session_id, expires_at))

    def blocked(self, room_id: str, user_id: int, blocked: bool) -> None:
        """Somebody was blocked here, or unblocked."""
        self._hub.set_blocked(room_id, user_id, blocked)
        self._tell(notices.Blocked(room_id, user_id, blocked))

    def room_opened(self, row: RoomRow) -> None:
        """A room was opened here."""
        self._opened(row.id, row.user1_id, row.user2_id)
        self._tell(notices.RoomOpened(row.id, row.user1_id, row.user2_id))

    def moved(self, came: Collection[int], went: Mapping[int, datetime]) -> None:
        """People came to this node, or left it."""
        if came:
            self._tell(notices.Came(self._nodes.own, list(came)))
        if went:
            gone = [(user_id, moment.timestamp()) for user_id, moment in went.items()]
            self._tell(notices.Went(self._nodes.own, gone))

    def _tell(self, notice: notices.Notice) -> None:
        if not self._broker.alone:
            self._broker.announce(notices.write_notice(notice))

    # What others tell

    def heard(self, body: bytes) -> None:
        """A notice of another node."""
        match notices.read_notice(body):
            case notices.Alive(node, lost):
                self._hear(node, lost)
            case notices.SessionEnded(session, reason):
                self._revocations.learn(session, reason)
            case notices.SessionRefreshed(session, expires_at):
                self._sockets.extend_session(session, expires_at)
            case notices.Blocked(room, user, blocked):
                self._hub.set_blocked(room, user, blocked)
            case notices.RoomOpened(room, user1, user2):
                self._opened(room, user1, user2)
            case notices.Came(node, users):
                self._presence.came_elsewhere(node, users)
            case notices.Went(node, gone):
                seen = {user_id: datetime.fromtimestamp(moment, UTC) for user_id, moment in gone}
                self._presence.went_elsewhere(node, seen)

    def link_changed(self) -> None:
        """NATS went away, or is back, here or elsewhere."""
        self._in_doubt = True
        self._wake.set()

    def _hear(self, node: UUID, lost: int) -> None:
        self._nodes.hear(node)
        if self._lost.setdefault(node, lost) != lost:
            self._lost[node] = lost
            self.link_changed()

    def _opened(self, room_id: str, user1_id: int, user2_id: int) -> None:
        self._lobby.room_opened(room_id, (user1_id, user2_id))
        self._board.met(user1_id, user2_id)

    # Keeping up

    async def _be_heard(self) -> None:
        while True:
            self._tell(notices.Alive(self._nodes.own, self._broker.lost))
            await asyncio.sleep(LOOK_SECONDS)

    async def _keep_up(self) -> None:
        loop = asyncio.get_running_loop()
        began: float | None = None
        swept = 0.0
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            if self._nodes.gone != self._gone:
                self._gone = self._nodes.gone
                self._in_doubt = True
            silent = self._nodes.silent
            whole = not self._broker.away and not silent
            if whole and began is None and not self._in_doubt:
                continue
            self._in_doubt = False
            if began is None:
                began = loop.time()
                if silent and not self._broker.away:
                    log.warning("nodes are not heard; reading from the log", nodes=[str(node) for node in silent])
            self._look()
            if whole or loop.time() - swept >= SWEEP_SECONDS:
                swept = loop.time()
                try:
                    await self._sweep(loop.time() - began)
                except AWAY as error:
                    log.warning("what was not told waits for PostgreSQL", reason=type(error).__name__)
                    continue
            if whole:
                log.info("all nodes are heard")
                began = None

    async def _sweep(self, seconds: float) -> None:
        """Revocations, refreshed sessions and news of rooms, of that many seconds."""
        await self._revocations.sweep()
        soon = int(self._clock().timestamp()) + 60
        if expiring := self._sockets.expiring(soon):
            for session_id, expires_at in (await self._revocations.expiries(expiring)).items():
                self._sockets.extend_session(session_id, expires_at)
        if looking := self._lobby.user_ids():
            for room_id, user1_id, user2_id in await self._stirred(looking, seconds + STIRRED_MARGIN):
                self._lobby.room_opened(room_id, (user1_id, user2_id))
