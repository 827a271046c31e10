"""This node's sockets by room: what is committed here, or told by other nodes, goes to them in `seq` order."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from duologue.chat.changes_store import Change
from duologue.chat.journal import Entry, StoredRoom
from duologue.chat.service import change_view, entry_view
from duologue.chat.store import Membership
from duologue.chat.watermarks_store import Moved
from duologue.cluster.broker import Address, Broker
from duologue.realtime import parcel
from duologue.realtime.channel import Channel, Held, Member
from duologue.realtime.framing import text_frame
from duologue.realtime.tail import Tails
from duologue.wire.frames import Delivered, MessageDeleted, MessageEdited, NewMessage, Read, WatermarkData
from duologue.wire.rooms import Message

__all__ = ["Hub"]

BLOCKS_KEPT = 10_000  # blocks and unblocks newer than what a joining member may have read

encode = msgspec.json.Encoder().encode


class Mending(Protocol):
    """Reads from the log what was not told."""

    def opened(self, room_id: str) -> None:
        """The room is followed from now on; what was told before that, was not heard."""

    def behind(self, channel: Channel, *, at_once: bool = False) -> None:
        """Something is missing, and may still come by itself, unless `at_once`."""


class Hub:
    """Delivers committed messages to the sockets of their rooms, in `seq` order, each encoded once.

    With other nodes: the next message is delivered, an old one is dropped, and one behind a gap waits until the gap is
    closed, by the broker or from the log. Alone, the journal's order is the order.
    """

    mending: Mending
    """Set once both exist, where there are other nodes."""

    def __init__(self, delivered: Callable[[str, int, int], None], broker: Broker) -> None:
        """`delivered(room_id, user_id, seq)` hears how far a listener's room was sent to somebody's sockets."""
        self._channels: dict[str, Channel] = {}
        self._delivered = delivered
        self._broker = broker
        self.tails = Tails()
        self._blocks: OrderedDict[tuple[str, int], bool] = OrderedDict()
        self.blocks_told = 0
        """How often somebody was blocked or unblocked."""

    def __len__(self) -> int:
        return len(self._channels)

    def rooms(self) -> list[str]:
        """Those with sockets here."""
        return list(self._channels)

    def join(self, room_id: str, member: Member, membership: Membership) -> Channel:
        """Deliver the room's messages to this member from now on; `membership` is what was read a moment ago."""
        channel = self._channels.get(room_id)
        if channel is None:
            channel = self._channels[room_id] = self._open(room_id, membership)
        self.tails.keep(room_id)
        channel.add(member)
        return channel

    def leave(self, room_id: str, member: Member) -> None:
        """Deliver no more to this member."""
        channel = self._channels[room_id]
        channel.remove(member)
        if not channel.members:
            del self._channels[room_id]
            if not self._broker.alone:
                self._broker.leave_room(room_id)
                self.tails.drop(room_id)  # others may say and edit what is not heard here any more

    def deliver(self, stored: Sequence[StoredRoom]) -> None:
        """Send what a commit of this node added to everyone in its rooms but the sending sockets."""
        channels, tails, alone = self._channels, self.tails, self._broker.alone
        for room in stored:
            channel = channels.get(room.room_id)
            if channel is None and alone and room.room_id not in tails:
                continue
            frames = [message_frame(entry) for entry in room.entries]
            if not alone:
                self._publish_messages(room, frames)
            if channel is None:
                for entry, frame in zip(room.entries, frames, strict=True):
                    tails.delivered(room.room_id, entry.seq, entry.id, frame)
                continue
            if room.entries[0].seq > channel.last_seq + 1 and not alone:
                for entry, frame in zip(room.entries, frames, strict=True):
                    channel.hold(entry.seq, Held(entry.id, entry.sender_id, frame, entry.origin))
                self.mending.behind(channel)
                continue
            for entry, frame in zip(room.entries, frames, strict=True):
                if entry.seq <= channel.last_seq:
                    continue  # delivered before its commit's answer was lost
                channel.last_seq = entry.seq
                tails.delivered(room.room_id, entry.seq, entry.id, frame)
                origin: object = entry.origin
                for member in channel.members:
                    if member is not origin:
                        member.deliver(entry.seq, frame)
            self._went_on(channel, room.entries[-1].sender_id)

    def changed(self, change: Change, membership: Membership) -> None:
        """Tell the room's listeners of an edit or a deletion, here and elsewhere."""
        frame = change_frame(change)
        self._publish(change.room_id, membership, parcel.Changed(change.rev, change.is_newest, frame))
        self._change(change.room_id, change.rev, frame)

    def moved(self, marks: Sequence[Moved]) -> None:
        """Tell listeners how far the members of their rooms have come, here and elsewhere."""
        for mark in marks:
            told = parcel.Marked(mark.user_id, mark.read, mark.delivered, mark.read_grew, mark.delivered_grew)
            if not self._broker.alone:
                user1_id, user2_id = sorted((mark.user_id, mark.peer_id))
                for piece in parcel.pack(told):
                    self._broker.publish(Address(mark.room_id, user1_id, user2_id), piece)
            self._mark(mark.room_id, told)

    def typing(self, channel: Channel, membership: Membership, user_id: int, frame: bytes) -> None:
        """Tell the others in the room, here and elsewhere, that one of them types."""
        self._publish(channel.room_id, membership, parcel.Typed(user_id, frame))
        self._type(channel, user_id, frame)

    def set_blocked(self, room_id: str, user_id: int, blocked: bool) -> None:
        """Whether that member may not post, from now on."""
        self.blocks_told += 1
        self._blocks[(room_id, user_id)] = blocked
        self._blocks.move_to_end((room_id, user_id))
        if len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        channel = self._channels.get(room_id)
        if channel is not None:
            one = frozenset((user_id,))
            channel.blocked = channel.blocked.union(one) if blocked else channel.blocked.difference(one)

    def tell_in_turn(self, channel: Channel, seq: int, member: Member, frame: bytes) -> None:
        """Tell a member that its message is stored, not before the messages ahead of it were delivered here.

        A client may take the `seq` of a receipt for how far it has come.
        """
        if seq <= channel.last_seq or self._broker.alone:
            member.event(frame)
            return
        channel.receipts.append((seq, member, frame))
        channel.known = max(channel.known, seq)
        self.mending.behind(channel)

    # What other nodes and the log tell

    def heard(self, room_id: str, data: bytes) -> None:
        """A parcel of another node."""
        channel = self._channels.get(room_id)
        told = parcel.unpack(data) if channel is not None else None
        if channel is None or told is None:
            return
        if isinstance(told, parcel.Messages):
            self._take(channel, told)
        elif isinstance(told, parcel.Changed):
            self._change(room_id, told.rev, told.frame)
        elif isinstance(told, parcel.Marked):
            self._mark(room_id, told)
        else:
            self._type(channel, told.user_id, told.frame)

    def mend(self, room_id: str, messages: Sequence[Message], under_way: Mapping[str, Entry]) -> bool:
        """Deliver what the log says; whether the room is up to date. `under_way`: this node's entries, by id.

        They may be in the log already and not delivered: their senders' sockets must not get them.
        """
        channel = self._channels.get(room_id)
        if channel is None:
            return True
        sender_id = 0
        for message in messages:
            if message.seq == channel.last_seq + 1:
                held = channel.held.pop(message.seq, None)
                if held is None:
                    entry = under_way.get(message.id)
                    frame = text_frame(encode(NewMessage(message)))
                    held = Held(message.id, message.sender_id, frame, entry.origin if entry else None)
                sender_id = held.sender_id
                self._emit(channel, message.seq, held)
        if not messages and channel.is_behind:  # a restored backup: there is no such message
            channel.last_seq = min(channel.held, default=channel.known + 1) - 1
        self._went_on(channel, sender_id)
        return not channel.is_behind

    def compare(self, room_id: str, membership: Membership, *, blocks: bool) -> None:
        """See what was not told. `blocks`: whether `membership` knows the newest of these, too."""
        channel = self._channels.get(room_id)
        if channel is None:
            return
        if blocks:
            channel.blocked = membership.blocked()
        for user_id in (membership.user1_id, membership.user2_id):
            read, delivered = membership.read(user_id), membership.delivered(user_id)
            known = channel.marks[user_id]
            if read > known[0] or delivered > known[1]:
                self._mark(room_id, parcel.Marked(user_id, read, delivered, read > known[0], delivered > known[1]))
        if membership.last_rev > channel.last_rev:
            channel.last_rev = membership.last_rev
            self.tails.drop(room_id)
            for listener in list(channel.listeners):
                listener.missed(membership.last_rev)
        channel.known = max(channel.known, membership.last_seq)
        if channel.is_behind:
            self.mending.behind(channel, at_once=True)

    def gap_after(self, room_id: str) -> int | None:
        """How far the room was delivered here; `None` when nobody is there, or nothing is missing."""
        channel = self._channels.get(room_id)
        return channel.last_seq if channel is not None and channel.is_behind else None

    def _open(self, room_id: str, membership: Membership) -> Channel:
        channel = Channel(room_id)
        blocked = membership.blocked()
        for user_id in (membership.user1_id, membership.user2_id):
            if self._blocks.get((room_id, user_id), user_id in blocked):
                channel.blocked |= frozenset((user_id,))
        if not self._broker.alone:
            channel.last_seq = channel.known = membership.last_seq
            channel.last_rev = membership.last_rev
            channel.remember(membership)
            self._broker.follow_room(room_id)
            self.mending.opened(room_id)
        return channel

    def _take(self, channel: Channel, told: parcel.Messages) -> None:
        first = told.first_seq
        in_turn = first <= channel.last_seq + 1
        for seq, frame in enumerate(told.frames, first):
            if seq > channel.last_seq:
                held = Held("", told.sender_id, frame, None)
                if in_turn:
                    self._emit(channel, seq, held)
                else:
                    channel.hold(seq, held)
        if in_turn:
            self._went_on(channel, told.sender_id)
        else:
            self.mending.behind(channel)

    def _emit(self, channel: Channel, seq: int, held: Held) -> None:
        channel.last_seq = seq
        self.tails.delivered(channel.room_id, seq, held.message_id, held.frame)
        for member in channel.members:
            if member is not held.origin:
                member.deliver(seq, held.frame)

    def _went_on(self, channel: Channel, sender_id: int) -> None:
        """The channel has come further: so may what waited for it."""
        if channel.held:
            while (held := channel.held.pop(channel.last_seq + 1, None)) is not None:
                sender_id = held.sender_id
                self._emit(channel, channel.last_seq + 1, held)
            channel.held = {seq: held for seq, held in channel.held.items() if seq > channel.last_seq}
        if channel.receipts:
            ready = [receipt for receipt in channel.receipts if receipt[0] <= channel.last_seq]
            channel.receipts = [receipt for receipt in channel.receipts if receipt[0] > channel.last_seq]
            for _, member, frame in ready:
                member.event(frame)
        if channel.listeners:
            for user_id in channel.user_ids():
                if user_id != sender_id:
                    self._delivered(channel.room_id, user_id, channel.last_seq)

    def _change(self, room_id: str, rev: int, frame: bytes) -> None:
        self.tails.drop(room_id)
        channel = self._channels.get(room_id)
        if channel is None:
            return
        channel.last_rev = max(channel.last_rev, rev)
        for member in channel.listeners:
            member.change(rev, frame)

    def _mark(self, room_id: str, told: parcel.Marked) -> None:
        channel = self._channels.get(room_id)
        if channel is None:
            return
        channel.marks[told.user_id] = (told.read, told.delivered)
        if not channel.listeners:
            return
        frames = []
        if told.read_grew:
            frames.append(text_frame(encode(Read(WatermarkData(room_id, told.user_id, told.read)))))
        if told.delivered_grew:
            frames.append(text_frame(encode(Delivered(WatermarkData(room_id, told.user_id, told.delivered)))))
        joined = b"".join(frames)
        for member in channel.listeners:
            member.event(joined)

    def _type(self, channel: Channel, user_id: int, frame: bytes) -> None:
        for member in channel.listeners:
            if member.user_id != user_id:
                member.hint(frame)

    def _publish(self, room_id: str, membership: Membership, told: parcel.Parcel) -> None:
        if not self._broker.alone:
            address = Address(room_id, membership.user1_id, membership.user2_id)
            for piece in parcel.pack(told):
                self._broker.publish(address, piece)

    def _publish_messages(self, room: StoredRoom, frames: Sequence[bytes]) -> None:
        newest = room.entries[-1]
        members = newest.members
        self._publish(
            room.room_id,
            members,
            parcel.Messages(
                room.entries[0].seq,
                newest.sender_id,
                members.user1_id,
                members.user2_id,
                room.read1,
                room.read2,
                frames,
            ),
        )


def message_frame(entry: Entry) -> bytes:
    """The event of a message just committed."""
    return text_frame(encode(NewMessage(entry_view(entry))))


def change_frame(change: Change) -> bytes:
    """The event of an edit or a deletion."""
    data = change_view(change)
    return text_frame(encode(MessageEdited(data) if change.deleted_at is None else MessageDeleted(data)))
