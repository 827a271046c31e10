"""The user's rooms as the link tells of them, newest activity first. No I/O."""

from collections.abc import Iterable

import msgspec

from duologue.wire.frames import PresenceData, RoomUpdateData
from duologue.wire.rooms import Room

__all__ = ["Lobby"]


class Lobby:
    """Rooms by id."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}

    @property
    def rooms(self) -> list[Room]:
        """The newest activity first."""
        return sorted(self._rooms.values(), key=_active_at, reverse=True)

    def find(self, room_id: str) -> Room | None:
        """The room of that id."""
        return self._rooms.get(room_id)

    def take(self, rooms: Iterable[Room]) -> None:
        """The whole list."""
        self._rooms = {room.id: room for room in rooms}

    def put(self, room: Room) -> None:
        """A room that is new."""
        self._rooms[room.id] = room

    def update(self, update: RoomUpdateData) -> Room | None:
        """A room has news; as it is now, if it is known."""
        room = self._rooms.get(update.room_id) if update.room is msgspec.UNSET else update.room
        if room is None:
            return None
        newest = [] if update.last_message is None else [update.last_message]
        room = msgspec.structs.replace(room, messages=newest, unread=update.unread, last_seq=update.last_seq)
        self._rooms[room.id] = room
        return room

    def presence(self, presence: PresenceData) -> None:
        """Somebody came or went."""
        for room in self._rooms.values():
            if room.peer.id == presence.user_id:
                peer = msgspec.structs.replace(room.peer, online=presence.online, last_seen_at=presence.last_seen_at)
                self._rooms[room.id] = msgspec.structs.replace(room, peer=peer)


def _active_at(room: Room) -> str:
    return room.messages[0].created_at if room.messages else room.created_at
