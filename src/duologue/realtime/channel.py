"""A room with sockets on this node: what was delivered there, and what waits for its turn."""

from collections.abc import Iterable
from typing import Protocol

from duologue.chat.store import Membership

__all__ = ["Channel", "Member"]

NOBODY: set["Member"] = set()
"""Most rooms have no listener, and an empty set takes 216 bytes. Nothing is ever added to this one."""
HELD = 5_000  # messages of other nodes that wait for one before them; more are read from the log


class Member(Protocol):
    """A socket in a room."""

    @property
    def user_id(self) -> int:
        """Whose socket it is."""

    @property
    def listens(self) -> bool:
        """Whether it wants more than messages (`duologue.v1`)."""

    def deliver(self, seq: int, frame: bytes) -> None:
        """Send a message of the room, unless the member has it from the log, or will."""

    def change(self, rev: int, frame: bytes) -> None:
        """Send an edit or a deletion, unless the member has it from the log, or will."""

    def missed(self, rev: int) -> None:
        """Changes up to `rev` are in the log; one that has not sent them yet reads them there."""

    def event(self, frame: bytes) -> None:
        """Send what stays true however late it comes: marks, and that a message was stored."""

    def hint(self, frame: bytes) -> None:
        """Send what is soon forgotten: typing. A slow reader does without."""


class Held:
    """A message that came before its turn."""

    __slots__ = ("frame", "message_id", "origin", "sender_id")

    def __init__(self, message_id: str, sender_id: int, frame: bytes, origin: object) -> None:
        self.message_id = message_id
        self.sender_id = sender_id
        self.frame = frame
        self.origin = origin


class Channel:
    """A room with sockets on this node."""

    __slots__ = (
        "blocked",
        "held",
        "known",
        "last_rev",
        "last_seq",
        "listeners",
        "marks",
        "members",
        "receipts",
        "room_id",
    )

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.members: set[Member] = set()
        self.listeners: set[Member] = NOBODY
        """Those of `duologue.v1`."""
        self.last_seq = 0
        """The newest message delivered here; with other nodes, the first one to be delivered is the one behind it."""
        self.last_rev = 0
        """The newest edit or deletion told here since the channel opened."""
        self.blocked: frozenset[int] = frozenset()
        """Members who may not post."""
        self.marks: dict[int, tuple[int, int]] = {}
        """How far each member has read, and was sent, the room; as told to the listeners, or known when it opened."""
        self.known = 0
        """The newest message that is known to be in the log."""
        self.held: dict[int, Held] = {}
        """Messages that came before their turn, by `seq`."""
        self.receipts: list[tuple[int, Member, bytes]] = []
        """Senders to be told once everything up to their message was delivered here: `seq`, to whom, the frame."""

    def add(self, member: Member) -> None:
        """A socket opened."""
        self.members.add(member)
        if member.listens:
            if self.listeners is NOBODY:
                self.listeners = set()
            self.listeners.add(member)

    def remove(self, member: Member) -> None:
        """A socket closed."""
        self.members.discard(member)
        self.listeners.discard(member)

    @property
    def is_behind(self) -> bool:
        """Whether there is more in the log than was delivered here."""
        return self.known > self.last_seq

    def hold(self, seq: int, held: Held) -> None:
        """Keep a message until the ones before it are here. Of other nodes' no more than that many."""
        self.known = max(self.known, seq)
        if held.origin is not None or len(self.held) < HELD:
            self.held[seq] = held

    def user_ids(self) -> Iterable[int]:
        """The members with sockets here."""
        return {member.user_id for member in self.members}

    def remember(self, membership: Membership) -> None:
        """How far its members have come, when it opens."""
        for user_id in (membership.user1_id, membership.user2_id):
            self.marks[user_id] = (membership.read(user_id), membership.delivered(user_id))
