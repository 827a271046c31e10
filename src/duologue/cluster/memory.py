"""Nodes of one process; and, most often, the only node there is."""

import asyncio
from collections.abc import Callable

from duologue.cluster.broker import Address, Ears

__all__ = ["MemoryBroker", "Switchboard"]


class Switchboard:
    """What brokers of one process have in common."""

    def __init__(self) -> None:
        self.brokers: list[MemoryBroker] = []


class MemoryBroker:
    """Tells the other brokers of its switchboard, at the end of the turn. Without a switchboard there are none."""

    def __init__(self, switchboard: Switchboard | None = None) -> None:
        self._switchboard = switchboard
        self._ears: Ears | None = None
        self._rooms: set[str] = set()
        self._people: set[int] = set()
        self.alone = switchboard is None
        self.away = False
        self.lost = 0

    async def start(self, ears: Ears) -> None:
        """Take part."""
        self._ears = ears
        if self._switchboard is not None:
            self._switchboard.brokers.append(self)

    async def stop(self) -> None:
        """Leave."""
        if self._switchboard is not None and self in self._switchboard.brokers:
            self._switchboard.brokers.remove(self)

    def follow_room(self, room_id: str) -> None:
        """Hear the room's parcels."""
        self._rooms.add(room_id)

    def leave_room(self, room_id: str) -> None:
        """Hear them no more."""
        self._rooms.discard(room_id)

    def follow_lobby(self, user_id: int) -> None:
        """Hear the parcels of all rooms of that person."""
        self._people.add(user_id)

    def leave_lobby(self, user_id: int) -> None:
        """Hear them no more."""
        self._people.discard(user_id)

    def publish(self, address: Address, parcel: bytes) -> None:
        """To the others that follow the room or its people."""
        self._tell(lambda other: other.take(address, parcel))

    def announce(self, notice: bytes) -> None:
        """To every other."""
        self._tell(lambda other: other.hear(notice))

    async def settled(self) -> None:
        """Everything followed is heard at once."""

    def take(self, address: Address, parcel: bytes) -> None:
        """A parcel of another."""
        if self._ears is None:
            return
        if address.room_id in self._rooms:
            self._ears.room(address.room_id, parcel)
        for user_id in (address.user1_id, address.user2_id):
            if user_id in self._people:
                self._ears.lobby(user_id, address.room_id, parcel)

    def hear(self, notice: bytes) -> None:
        """A notice of another."""
        if self._ears is not None:
            self._ears.notice(notice)

    def _tell(self, tell: Callable[["MemoryBroker"], None]) -> None:
        if self._switchboard is None:
            return
        loop = asyncio.get_running_loop()
        for other in self._switchboard.brokers:
            if other is not self:
                loop.call_soon(tell, other)
