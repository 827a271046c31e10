"""`/rooms`: the caller's rooms, and their news as it happens."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
import structlog

from duologue.chat import policy
from duologue.chat.journal import StoredRoom
from duologue.chat.service import ConversationService, entry_view
from duologue.cluster.broker import Broker
from duologue.database.faults import AWAY
from duologue.errors import AppError, Close, Code
from duologue.identity import Identity
from duologue.realtime import parcel
from duologue.realtime.connection import Connection
from duologue.realtime.framing import text_frame
from duologue.realtime.refusal import retry_hint
from duologue.realtime.sockets import Sockets
from duologue.wire.frames import NewMessage, RoomsList, RoomUpdate, RoomUpdateData
from duologue.wire.rooms import Message

__all__ = ["Lobby", "LobbySocket"]

HELD = 1_000  # updates while the list is being read
NEWEST_KEPT = 20_000  # rooms of people who look; of one forgotten, an older message could be shown for a moment

decode = msgspec.json.Decoder(NewMessage).decode
encode = msgspec.json.Encoder().encode
log = structlog.get_logger("duologue.lobby")


class Lobby:
    """The lobby sockets of this node, by user."""

    def __init__(self, sockets: Sockets, broker: Broker) -> None:
        self.sockets = sockets
        self.broker = broker
        self.conversations: ConversationService
        """Set once both exist: the conversations tell the lobby of new rooms."""
        self._by_user: dict[int, set[LobbySocket]] = {}
        self._reading: dict[tuple[int, str], bool] = {}
        """A user's rooms that are being read; true where they had other news meanwhile, and must be read again."""
        self._newest: OrderedDict[tuple[int, str], int] = OrderedDict()
        """The newest message shown of a user's room, where several nodes tell of it."""

    def route(self, connection: Connection, identity: Identity) -> "LobbySocket":
        """The route of a user's lobby socket."""
        return LobbySocket(self, connection, identity.user_id)

    def join(self, user_id: int, socket: "LobbySocket") -> None:
        """Tell this socket of the user's rooms from now on."""
        of_user = self._by_user.get(user_id)
        if of_user is None:
            of_user = self._by_user[user_id] = set()
            self.broker.follow_lobby(user_id)
        of_user.add(socket)

    def leave(self, user_id: int, socket: "LobbySocket") -> None:
        """Tell it no more."""
        of_user = self._by_user[user_id]
        of_user.discard(socket)
        if not of_user:
            del self._by_user[user_id]
            self.broker.leave_lobby(user_id)

    def user_ids(self) -> list[int]:
        """Those who look."""
        return list(self._by_user)

    def deliver(self, stored: Sequence[StoredRoom]) -> None:
        """One update for each room of a commit, to those of its members who look."""
        if not self._by_user:
            return
        for room in stored:
            newest = room.entries[-1]
            for user_id, read in ((newest.members.user1_id, room.read1), (newest.members.user2_id, room.read2)):
                if user_id in self._by_user:
                    self._show_message(user_id, entry_view(newest), read)

    def heard(self, user_id: int, room_id: str, data: bytes) -> None:
        """A parcel of another node, of a room of somebody who looks."""
        told = parcel.unpack(data) if user_id in self._by_user else None
        if isinstance(told, parcel.Messages):
            self._show_message(user_id, decode(parcel.payload(told.frames[-1])).data, told.read(user_id))
        elif (isinstance(told, parcel.Changed) and told.is_newest) or (
            isinstance(told, parcel.Marked) and told.read_grew and told.user_id == user_id
        ):
            self._read(user_id, room_id, whole=False)

    def room_opened(self, room_id: str, user_ids: Iterable[int]) -> None:
        """A new room appears at once for both."""
        for user_id in user_ids:
            self._read(user_id, room_id, whole=True)

    def refresh(self, room_id: str, user_ids: Iterable[int]) -> None:
        """Something else of the room changed for these users: what they have read, or its newest message."""
        for user_id in user_ids:
            self._read(user_id, room_id, whole=False)

    def _show_message(self, user_id: int, newest: Message, read: int) -> None:
        key = (user_id, newest.room_id)
        if key in self._reading:
            self._reading[key] = True
        if not self.broker.alone:
            if newest.seq <= self._newest.get(key, 0):
                return  # two nodes' commits may be told in the other order
            self._newest[key] = newest.seq
            self._newest.move_to_end(key)
            if len(self._newest) > NEWEST_KEPT:
                self._newest.popitem(last=False)
        update = RoomUpdateData(
            room_id=newest.room_id,
            last_message=newest,
            unread=policy.unread(newest.seq, read),
            last_seq=newest.seq,
        )
        self._push(user_id, update)

    def _read(self, user_id: int, room_id: str, *, whole: bool) -> None:
        if user_id not in self._by_user:
            return
        if (user_id, room_id) in self._reading:
            self._reading[(user_id, room_id)] = True
            return
        self._reading[(user_id, room_id)] = False
        self.sockets.run(self._show(user_id, room_id, whole=whole), "room news")

    async def _show(self, user_id: int, room_id: str, *, whole: bool) -> None:
        key = (user_id, room_id)
        try:
            room = await self.conversations.room(user_id, UUID(room_id))
            while self._reading[key]:  # else what was read before a message would be told after it
                self._reading[key] = False
                room = await self.conversations.room(user_id, UUID(room_id))
        except AWAY as error:
            log.warning("a room could not be read", reason=type(error).__name__)
            return
        finally:
            del self._reading[key]
        if room is not None:
            newest = room.messages[0] if room.messages else None
            self._push(
                user_id,
                RoomUpdateData(
                    room_id=room.id,
                    last_message=newest,
                    unread=room.unread,
                    last_seq=room.last_seq,
                    room=room if whole else msgspec.UNSET,
                ),
            )

    def _push(self, user_id: int, update: RoomUpdateData) -> None:
        frame = text_frame(encode(RoomUpdate(update)))
        for socket in self._by_user.get(user_id, ()):
            socket.push(frame)


class LobbySocket:
    """First the list, then the updates."""

    __slots__ = ("_connection", "_held", "_lobby", "_user_id")

    def __init__(self, lobby: Lobby, connection: Connection, user_id: int) -> None:
        self._lobby = lobby
        self._connection = connection
        self._user_id = user_id
        self._held: list[bytes] | None = []
        """Updates that wait for the list; sent after it, in their order, they only say again what it says or more."""

    def opened(self) -> None:
        """Listen, then read the list."""
        self._lobby.join(self._user_id, self)
        self._lobby.sockets.run(self._list(), "rooms list")

    def closed(self) -> None:
        """Listen no more."""
        self._lobby.leave(self._user_id, self)

    def received(self, text: str) -> None:
        """Nothing can be said here."""
        raise AppError(Code.UNKNOWN_TYPE, "This socket only speaks; say it in a room.")

    def push(self, frame: bytes) -> None:
        """An update."""
        if self._held is None:
            self._connection.send(frame)
        elif len(self._held) < HELD:
            self._held.append(frame)
        else:
            self._connection.close(Close.OVERLOADED, retry_hint(500, 3_000))

    async def _list(self) -> None:
        try:
            await self._lobby.broker.settled()  # else what another node tells before we are heard would be missed
            rooms = await self._lobby.conversations.rooms(self._user_id)
        except AWAY as error:
            log.warning("the rooms could not be read", reason=type(error).__name__)
            self._connection.close(Close.OVERLOADED, retry_hint(500, 3_000))
            return
        self._connection.send(text_frame(encode(RoomsList(rooms))))
        held, self._held = self._held or [], None
        for frame in held:
            self._connection.send(frame)
