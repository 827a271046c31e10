"""`/users`: the directory, and who comes and goes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

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
from duologue.wire.rooms import Person

__all__ = ["UserBoard", "UsersSocket"]

COALESCE_SECONDS = 0.25
LISTED = 500  # people in the first frame; GET /users pages through the rest

encode = msgspec.json.Encoder().encode
log = structlog.get_logger("duologue.users")


class Changes:
    """Of one person, since they were told last."""

    __slots__ = ("before", "first", "last")

    def __init__(self, before: bool | None, moment: float) -> None:
        self.before = before
        """Whether the person was online before them; `None`: some do not know the person at all."""
        self.first = moment
        self.last = moment


class Note:
    """That there was news of a person. Each leads to the next; those that nobody waits behind are gone."""

    __slots__ = ("next", "user_id")

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.next: Note | None = None

    def after(self) -> set[int]:
        """Of whom there was news since."""
        users, note = set(), self.next
        while note is not None:
            users.add(note.user_id)
            note = note.next
        return users


class News(NamedTuple):
    """What is told of a person."""

    frame: bytes
    online: bool
    changes: Changes


class UserBoard:
    """The watchers of this node. Changes within a quarter of a second are sent together, each person once."""

    def __init__(self, sockets: Sockets, directory: Directory) -> None:
        self.sockets = sockets
        self.directory = directory
        self._watchers: set[UsersSocket] = set()
        self.newest = Note(0)
        self._changed: dict[int, Changes] = {}
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
        self._note(user_id, None)
        self._note(other_id, None)

    def join(self, watcher: "UsersSocket") -> None:
        """Tell this socket who comes and goes."""
        self._watchers.add(watcher)

    def leave(self, watcher: "UsersSocket") -> None:
        """Tell it no more."""
        self._watchers.discard(watcher)

    def changed(self, user_id: int) -> None:
        """The user came or went."""
        self._note(user_id, not self.directory.is_online(user_id))

    def _note(self, user_id: int, before: bool | None) -> None:
        if not self._watchers:
            return
        self.newest.next = self.newest = Note(user_id)
        now = asyncio.get_running_loop().time()
        changes = self._changed.get(user_id)
        if changes is None:
            self._changed[user_id] = Changes(before, now)
        else:
            changes.last = now
            if before is None:
                changes.before = None
        if not self._waiting:
            self._waiting = True
            self.sockets.run(self._tell(), "user status")

    async def _tell(self) -> None:
        try:
            while self._changed and self._watchers:
                await asyncio.sleep(COALESCE_SECONDS)
                batch, self._changed = self._changed, {}
                try:
                    people = await self.directory.some_people(batch)
                except AWAY as error:  # they are told when PostgreSQL is back
                    log.warning("the directory could not be read", reason=type(error).__name__)
                    self._changed = batch | self._changed
                    continue
                news = [News(text_frame(encode(UserStatus(each))), each.online, batch[each.id]) for each in people]
                frames = {each.id: each_news for each, each_news in zip(people, news, strict=True)}
                together = b"".join([each.frame for each in news if each.changes.before is not each.online])
                first = min((each.changes.first for each in news), default=0.0)
                for watcher in self._watchers:
                    watcher.push(frames, together, first)
        finally:
            self._waiting = False


class UsersSocket:
    """First everybody, then the changes."""

    __slots__ = ("_board", "_connection", "_contacts", "_listed", "_met", "_user_id")

    def __init__(self, board: UserBoard, connection: Connection, user_id: int) -> None:
        self._board = board
        self._connection = connection
        self._user_id = user_id
        self._listed: float | None = None
        """When it was sent the list."""
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

    def push(self, frames: Mapping[int, News], together: bytes, first: float) -> None:
        """Changes, `together` where they are all this socket's, the first of them at that moment.

        Those before the list are in it, and who went and came back meanwhile is no news, unless the list lies between.
        """
        listed = self._listed
        if listed is None:
            return
        if self._contacts is not None or listed >= first:
            seen = None if self._contacts is None else self._contacts | self._met
            together = b"".join(
                [
                    news.frame
                    for user_id, news in frames.items()
                    if (seen is None or user_id in seen)
                    and news.changes.last > listed
                    and (news.changes.before is not news.online or listed >= news.changes.first)
                ]
            )
        if together:
            self._connection.send(together)

    async def _list(self) -> None:
        try:
            while True:
                before = self._board.newest
                self._contacts = await self._board.directory.contacts(self._user_id)
                people = await self._board.directory.people(self._user_id, LISTED)
                if not self._lacks_somebody(people, before):
                    break
        except AWAY as error:
            log.warning("the directory could not be read", reason=type(error).__name__)
            self._connection.close(Close.OVERLOADED, retry_hint(500, 3_000))
            return
        self._connection.send(text_frame(encode(AllUsers(people))))
        self._listed = asyncio.get_running_loop().time()

    def _lacks_somebody(self, people: Sequence[Person], before: Note) -> bool:
        """Whether somebody registered, or was met, after the list was read and before it was here.

        What is told of them counts as part of the list. One that is full lacks people anyhow.
        """
        if len(people) >= LISTED:
            return False
        heard = before.after()
        if self._contacts is not None:
            heard &= self._contacts | self._met
        return not heard <= {each.id for each in people}
