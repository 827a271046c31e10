"""This node's sockets by room, and what each room's delivery has reached."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from duologue.chat.changes_store import Change
from duologue.chat.journal import Entry, StoredRoom
from duologue.chat.service import change_view, entry_view
from duologue.chat.store import Membership
from duologue.chat.watermarks_store import Moved
from duologue.realtime.framing import text_frame
from duologue.realtime.tail import Tails
from duologue.wire.frames import Delivered, MessageDeleted, MessageEdited, NewMessage, Read, WatermarkData

__all__ = ["Channel", "Hub", "Member"]

BLOCKS_KEPT = 10_000  # blocks and unblocks newer than what a joining member may have read

encode = msgspec.json.Encoder().encode


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

    def event(self, frame: bytes) -> None:
        """Send what stays true however late it comes: marks."""

    def hint(self, frame: bytes) -> None:
        """Send what is soon forgotten: typing. A slow reader does without."""


class Channel:
    """A room with sockets on this node."""

    __slots__ = ("blocked", "last_rev", "last_seq", "listeners", "members")

    def __init__(self) -> None:
        self.members: set[Member] = set()
        self.listeners: set[Member] = set()
        """Those of `duologue.v1`."""
        self.last_seq = 0
        """The newest message delivered here since the channel opened; 0 for none yet."""
        self.last_rev = 0
        """The newest edit or deletion told here since the channel opened."""
        self.blocked: set[int] = set()
        """Members who may not post."""


class Hub:
    """Delivers committed messages to the sockets of their rooms, in `seq` order, each encoded once."""

    def __init__(self, delivered: Callable[[str, int, int], None]) -> None:
        """`delivered(room_id, user_id, seq)` hears how far a listener's room was sent to somebody's sockets."""
        self._channels: dict[str, Channel] = {}
        self._delivered = delivered
        self.tails = Tails()
        self._blocks: OrderedDict[tuple[str, int], bool] = OrderedDict()

    def __len__(self) -> int:
        return len(self._channels)

    def join(self, room_id: str, member: Member, membership: Membership) -> Channel:
        """Deliver the room's messages to this member from now on; `membership` is what was read a moment ago."""
        channel = self._channels.get(room_id)
        if channel is None:
            channel = self._channels[room_id] = Channel()
            blocked = membership.blocked()
            for user_id in (membership.user1_id, membership.user2_id):
                if self._blocks.get((room_id, user_id), user_id in blocked):
                    channel.blocked.add(user_id)
        self.tails.keep(room_id)
        channel.members.add(member)
        if member.listens:
            channel.listeners.add(member)
        return channel

    def leave(self, room_id: str, member: Member) -> None:
        """Deliver no more to this member."""
        channel = self._channels[room_id]
        channel.members.discard(member)
        channel.listeners.discard(member)
        if not channel.members:
            del self._channels[room_id]

    def deliver(self, stored: Sequence[StoredRoom]) -> None:
        """Send what a commit added to everyone in its rooms but the sending sockets."""
        channels, tails = self._channels, self.tails
        for room in stored:
            channel = channels.get(room.room_id)
            if channel is None:
                if room.room_id in tails:
                    for entry in room.entries:
                        tails.delivered(room.room_id, entry.seq, entry.id, message_frame(entry))
                continue
            for entry in room.entries:
                if entry.seq <= channel.last_seq:
                    continue  # delivered before its commit's answer was lost
                channel.last_seq = entry.seq
                frame = message_frame(entry)
                tails.delivered(room.room_id, entry.seq, entry.id, frame)
                origin: object = entry.origin
                for member in channel.members:
                    if member is not origin:
                        member.deliver(entry.seq, frame)
            if channel.listeners:
                newest = room.entries[-1]
                for user_id in {member.user_id for member in channel.members}:
                    if user_id != newest.sender_id:
                        self._delivered(room.room_id, user_id, newest.seq)

    def changed(self, change: Change) -> None:
        """Tell the room's listeners of an edit or a deletion."""
        self.tails.drop(change.room_id)
        channel = self._channels.get(change.room_id)
        if channel is None:
            return
        channel.last_rev = max(channel.last_rev, change.rev)
        frame = change_frame(change)
        for member in channel.listeners:
            member.change(change.rev, frame)

    def moved(self, marks: Sequence[Moved]) -> None:
        """Tell listeners how far the members of their rooms have come."""
        for mark in marks:
            channel = self._channels.get(mark.room_id)
            if channel is None or not channel.listeners:
                continue
            frames = []
            if mark.read_grew:
                frames.append(text_frame(encode(Read(WatermarkData(mark.room_id, mark.user_id, mark.read)))))
            if mark.delivered_grew:
                frames.append(text_frame(encode(Delivered(WatermarkData(mark.room_id, mark.user_id, mark.delivered)))))
            joined = b"".join(frames)
            for member in channel.listeners:
                member.event(joined)

    def set_blocked(self, room_id: str, user_id: int, blocked: bool) -> None:
        """Whether that member may not post, from now on."""
        self._blocks[(room_id, user_id)] = blocked
        self._blocks.move_to_end((room_id, user_id))
        if len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        channel = self._channels.get(room_id)
        if channel is not None:
            (channel.blocked.add if blocked else channel.blocked.discard)(user_id)


def message_frame(entry: Entry) -> bytes:
    """The event of a message just committed."""
    return text_frame(encode(NewMessage(entry_view(entry))))


def change_frame(change: Change) -> bytes:
    """The event of an edit or a deletion."""
    data = change_view(change)
    return text_frame(encode(MessageEdited(data) if change.deleted_at is None else MessageDeleted(data)))
