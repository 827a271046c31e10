"""`/users`: the directory, and who comes and goes."""

import asyncio
from collections.abc import Mapping

import msgspec
import structlog

from duologue.database.faults import AWAY
from duologue.errors import AppError, Close, Code
from duologue.identity import Identity
from duologue.presence.directory import Directory
from duologue.realtime.connection import Connection
from duologue.realtime.framing import text_frame
from duologue.realtime.refusal import retry_hint
from duologue.realtime.sockets import Sockets
from duologue.wire.frames import AllUsers, UserStatus

__all__ = ["UserBoard", "UsersSocket"]

COALESCE_SECONDS = 0.25
LISTED = 500  # people in the first frame; GET /users pages through the rest

encode = msgspec.json.Encoder().encode
log = structlog.get_logger("duologue.users")


class UserBoard:
    """The watchers of this node. Changes within a quarter of a second are sent together, each person once."""

    def __init__(self, sockets: Sockets, directory: Directory) -> None:
        self.sockets = sockets
        self.directory = directory
        self._watchers: set[UsersSocket] = set()
        self._changed: set[int] = set()
        self._waiting = False

    def route(self, connection: Connection, identity: Identity) -> "UsersSocket":
        """The route of a watcher."""
        return UsersSocket(self, connection, identity.user_id)

    def met(self, user_id: int, other_id: int) -> None:
        """The two share a room now, and see each other."""
        if self.directory.is_open:
            return  # they did before
        for watcher in self._watchers:
            watcher.met(user_id, other_id)
        self.changed(user_id)
        self.changed(other_id)

    def join(self, watcher: "UsersSocket") -> None:
        """Tell this socket who comes and goes."""
        self._watchers.add(watcher)

    def leave(self, watcher: "UsersSocket") -> None:
        """Tell it no more."""
        self._watchers.discard(watcher)

    def changed(self, user_id: int) -> None:
        """The user came, went, or is new."""
        if not self._watchers:
            return
        self._changed.add(user_id)
        if not self._waiting:
            self._waiting = True
            self.sockets.run(self._tell(), "user status")

    async def _tell(self) -> None:
        try:
            while self._changed and self._watchers:
                await asyncio.sleep(COALESCE_SECONDS)
                batch, self._changed = self._changed, set()
                try:
                    people = await self.directory.some_people(batch)
                except AWAY as error:  # they are told when PostgreSQL is back
                    log.warning("the directory could not be read", reason=type(error).__name__)
                    self._changed |= batch
                    continue
                frames = {person.id: text_frame(encode(UserStatus(person))) for person in people}
                together = b"".join(frames.values())
                for watcher in self._watchers:
                    watcher.push(frames, together)
        finally:
            self._waiting = False


class UsersSocket:
    """First everybody, then the changes."""

    __slots__ = ("_board", "_connection", "_contacts", "_listed", "_met", "_user_id")

    def __init__(self, board: UserBoard, connection: Connection, user_id: int) -> None:
        self._board = board
        self._connection = connection
        self._user_id = user_id
        self._listed = False
        self._contacts: set[int] | None = None
        """Whom it sees; `None` is everybody."""
        self._met: set[int] = set()
        """And those whom it came to know since it opened."""

    def opened(self) -> None:
        """Watch, then read the list."""
        self._board.join(self)
        self._board.sockets.run(self._list(), "users list")

    def closed(self) -> None:
        """Watch no more."""
        self._board.leave(self)

    def received(self, text: str) -> None:
        """Nothing can be said here."""
        raise AppError(Code.UNKNOWN_TYPE, "This socket only speaks; say it in a room.")

    def met(self, user_id: int, other_id: int) -> None:
        """Those two see each other from now on."""
        if self._user_id in (user_id, other_id):
            self._met |= {user_id, other_id}

    def push(self, frames: Mapping[int, bytes], together: bytes) -> None:
        """Changes. Those before the list are in it: it is made of what is known when it is sent."""
        if not self._listed:
            return
        if self._contacts is not None:
            seen = self._contacts | self._met
            together = b"".join([frame for user_id, frame in frames.items() if user_id in seen])
        if together:
            self._connection.send(together)

    async def _list(self) -> None:
        try:
            self._contacts = await self._board.directory.contacts(self._user_id)
            people = await self._board.directory.people(self._user_id, LISTED)
        except AWAY as error:
            log.warning("the directory could not be read", reason=type(error).__name__)
            self._connection.close(Close.OVERLOADED, retry_hint(500, 3_000))
            return
        self._connection.send(text_frame(encode(AllUsers(people))))
        self._listed = True
