"""What features ask of whatever carries copies between nodes; what it loses, they read from the log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Address", "Broker", "Ears"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a parcel goes: to those who follow the room, or one of its two people."""

    room_id: str
    user1_id: int
    user2_id: int


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears what arrives. Each is called in the loop, must not wait, and may be told the same thing twice."""

    room: Callable[[str, bytes], None]
    """`room(room_id, parcel)`: of a room that is followed."""
    lobby: Callable[[int, str, bytes], None]
    """`lobby(user_id, room_id, parcel)`: of a room of a person who is followed."""
    notice: Callable[[bytes], None]
    """`notice(body)`: for every node."""
    link: Callable[[], None]
    """`away` has changed."""


class Broker(Protocol):
    """At most once; one node's parcels of one room in the order of their publishing; never to the node they are from.

    Nothing here waits for the network but `settled`, and nothing raises because the network is away: what cannot be
    sent is dropped. Losses show as `away` on the node whose link broke, and as silence on the others.
    """

    @property
    def alone(self) -> bool:
        """Whether there is nobody to tell: then nothing need be made ready to be told."""

    @property
    def away(self) -> bool:
        """Whether nothing is heard now."""

    @property
    def lost(self) -> int:
        """Parcels and notices that were dropped here since the start."""

    async def start(self, ears: Ears) -> None:
        """Take part. `StartError` when the setting is wrong, not when the other end is away."""

    async def stop(self) -> None:
        """Send what waits, and leave."""

    def follow_room(self, room_id: str) -> None:
        """Hear the room's parcels."""

    def leave_room(self, room_id: str) -> None:
        """Hear them no more."""

    def follow_lobby(self, user_id: int) -> None:
        """Hear the parcels of all rooms of that person."""

    def leave_lobby(self, user_id: int) -> None:
        """Hear them no more."""

    def publish(self, address: Address, parcel: bytes) -> None:
        """Send a parcel to the other nodes that follow the room or its people, with all others of this turn."""

    def announce(self, notice: bytes) -> None:
        """Send a notice to every other node."""

    async def settled(self) -> None:
        """Return when everything followed so far is heard: what is published from now on, arrives. Or when away."""
