"""A room on the link: subscribes from where it stands, says what waits, and folds what comes into what is known."""

import asyncio
from typing import Any, Final, TypeAlias

import msgspec

from duologue.client.errors import ApiError, ClientError
from duologue.client.events import Events
from duologue.client.line import Line
from duologue.client.outbox import Outbox, Pending
from duologue.client.timeline import Timeline
from duologue.errors import Code
from duologue.wire.frames import (
    ChangeData,
    Delivered,
    ErrorFrame,
    MessageDeleted,
    MessageEdited,
    NewMessage,
    Presence,
    PresenceData,
    Read,
    ReadData,
    Resumed,
    ResumedData,
    SendData,
    SubscribeData,
    Typing,
    TypingData,
    WatermarkData,
)
from duologue.wire.rooms import Message, MessageAck, Room

__all__ = ["LATER", "RETRY_SECONDS", "Event", "Subscription"]

Event: TypeAlias = NewMessage | MessageEdited | MessageDeleted | Typing | Read | Delivered | Presence | Resumed

HELD = 1_000  # messages behind a gap; then the room is read again from before it
TRIES = 50  # of a message that the server could not take just then
RETRY_SECONDS = 1.0  # where it does not say when
SUBSCRIBE = "subscribe"  # what errors call it; messages are called by names of their own
LATER: Final = {Code.RATE_LIMITED, Code.BUSY, Code.UNAVAILABLE, Code.NOT_SUBSCRIBED, Code.INTERNAL}
DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "NEW_MESSAGE": msgspec.json.Decoder(Message),
    "MESSAGE_SENT": msgspec.json.Decoder(MessageAck),
    "MESSAGE_EDITED": msgspec.json.Decoder(ChangeData),
    "MESSAGE_DELETED": msgspec.json.Decoder(ChangeData),
    "TYPING": msgspec.json.Decoder(TypingData),
    "READ": msgspec.json.Decoder(WatermarkData),
    "DELIVERED": msgspec.json.Decoder(WatermarkData),
    "PRESENCE": msgspec.json.Decoder(PresenceData),
    "RESUMED": msgspec.json.Decoder(ResumedData),
}


class Subscription:
    """What is known of a room and its marks. `failure` is why it cannot be heard, once that is certain."""

    def __init__(self, room: Room, user_id: int, outbox: Outbox, line: Line, *, window: int, kept: int) -> None:
        self.room = room
        self.peer = room.peer
        self.events: Events[Event] = Events()
        self.timeline = Timeline(kept)
        self.timeline.begin(room.last_seq)
        self.began = room.last_seq
        self.read_seq = room.read_seq
        self.peer_read_seq = 0
        self.peer_delivered_seq = 0
        self.failure: ClientError | None = None
        self.news = asyncio.Event()
        """Set when `is_live` or `failure` may have changed."""
        self._user_id = user_id
        self._outbox = outbox
        self._line = line
        self._window = window
        self._link = 0
        self._asked = SubscribeData(room.id)
        self._is_resumed = False
        self._read_told = 0

    @property
    def is_live(self) -> bool:
        """Whether everything missed has come, and what happens now comes at once."""
        return self._is_resumed and self._link == self._line.number != 0

    def begin(self, after: int) -> None:
        """Hear the room from that `seq` on; what was heard is forgotten."""
        self.timeline.begin(after)
        self.began = after
        self._link = 0

    def fail(self, error: ClientError) -> None:
        """It is over: nothing can be said or heard here any more."""
        self.failure = error
        for pending in list(self._outbox.of(self.room.id)):
            if pending.stored is not None and not pending.stored.done():
                pending.stored.set_exception(error)
        self.events.end(error)
        self.news.set()

    # Saying

    def flush(self) -> None:
        """Send what there is to send, as far as that may be."""
        number = self._line.number
        if not number or self.failure is not None or (self._link != number and not self._subscribe(number)):
            return
        for place, pending in enumerate(self._outbox.of(self.room.id)):
            if place >= self._window:
                break
            if pending.link != number:
                if not self._line.send("SEND", SendData(pending.content, pending.client_id, self.room.id)):
                    return
                pending.link = number
        if self._read_told < self.read_seq and self._line.send("READ", ReadData(self.read_seq, self.room.id)):
            self._read_told = self.read_seq

    def _subscribe(self, number: int) -> bool:
        if not self._line.may_subscribe(self.room.id):
            return False
        self._asked = SubscribeData(self.room.id, self.timeline.position, self.timeline.rev, SUBSCRIBE)
        if not self._line.send("SUBSCRIBE", self._asked):
            self._line.subscribed(self.room.id)
            return False
        self._link = number
        self._is_resumed = False
        self._read_told = 0  # a mark may have been under way when the link before was lost
        return True

    # Hearing

    def heard(self, kind: str, data: bytes) -> None:
        """A frame of the room. What this version does not know is passed over."""
        decoder = DECODERS.get(kind)
        if decoder is None:
            return
        content = decoder.decode(data)
        match content:
            case ChangeData():
                self.changed(content)
            case Message():
                self._add(content)
            case MessageAck():
                self._stored(content)
            case TypingData():
                self.events.emit(Typing(content))
            case WatermarkData():
                self._marked(kind, content)
            case PresenceData():
                if content.user_id == self.peer.id:
                    self.peer = msgspec.structs.replace(
                        self.peer, online=content.online, last_seen_at=content.last_seen_at
                    )
                    self.events.emit(Presence(content))
            case ResumedData():
                self._resumed(content)

    def changed(self, change: ChangeData) -> None:
        """A message was edited or deleted."""
        if self.timeline.change(change):
            self.events.emit(MessageDeleted(change) if change.deleted_at else MessageEdited(change))

    def altered(self, change: ChangeData) -> None:
        """The same, by the user's own request."""
        if self.timeline.altered(change):
            self.events.emit(MessageDeleted(change) if change.deleted_at else MessageEdited(change))

    def refused(self, error: ErrorFrame) -> None:
        """The server did not do what it was told to."""
        retry = RETRY_SECONDS if error.retry_ms is msgspec.UNSET else error.retry_ms / 1000
        is_for_later = error.code in LATER
        if is_for_later:
            self._line.hold(retry)
        if error.client_id == SUBSCRIBE:
            self._line.subscribed(self.room.id)
            self._link = 0
            if not is_for_later:
                self.fail(ApiError(error.code, error.message))
        elif isinstance(error.client_id, str) and (pending := self._outbox.find(error.client_id, self.room.id)):
            self._not_stored(pending, error, is_for_later=is_for_later)
        elif is_for_later:
            self._read_told = 0  # it may have been the mark

    def _not_stored(self, pending: Pending, error: ErrorFrame, *, is_for_later: bool) -> None:
        pending.refusals += 1
        if is_for_later and pending.refusals < TRIES:
            pending.link = 0
            if error.code == Code.NOT_SUBSCRIBED:
                self._link = 0
            return
        self._outbox.done(pending)
        if pending.stored is not None and not pending.stored.done():
            pending.stored.set_exception(ApiError(error.code, error.message))
        self.flush()

    def _add(self, message: Message) -> None:
        for each in self.timeline.add(message):
            if each.sender_id == self._user_id:
                self.read_seq = max(self.read_seq, each.seq)  # whoever writes has read what is above it
                self._read_told = max(self._read_told, each.seq)
            else:
                self.peer_read_seq = max(self.peer_read_seq, each.seq)
            self.events.emit(NewMessage(each))
        if self.timeline.held > HELD:
            self.timeline.let_go()
            self._link = 0
            self.flush()

    def _stored(self, ack: MessageAck) -> None:
        pending = self._outbox.find(ack.client_id, self.room.id)
        if pending is None:
            return  # the receipt of a link before, and of this one: it was sent twice and stored once
        message = Message(ack.id, self.room.id, self._user_id, pending.content, ack.created_at, ack.seq)
        self._outbox.done(pending)
        self._add(message)
        if pending.stored is not None and not pending.stored.done():
            pending.stored.set_result(message)
        self.flush()

    def _marked(self, kind: str, mark: WatermarkData) -> None:
        if mark.user_id == self._user_id:
            if kind == "READ":
                self.read_seq = max(self.read_seq, mark.seq)
        elif kind == "READ":
            self.peer_read_seq = max(self.peer_read_seq, mark.seq)
        if mark.user_id != self._user_id:
            self.peer_delivered_seq = max(self.peer_delivered_seq, mark.seq)
        self.events.emit(Read(mark) if kind == "READ" else Delivered(mark))

    def _resumed(self, resumed: ResumedData) -> None:
        self._line.subscribed(self.room.id)
        if self._asked.rev is not None and not resumed.complete:
            # The server knows less than it has told: it came back from a backup. What it has now is what there is.
            self.begin(resumed.to)
            self._link = self._line.number
        self.timeline.rev = max(self.timeline.rev or 0, resumed.rev)
        self.read_seq = max(self.read_seq, resumed.read_seq)
        self.peer_read_seq = max(self.peer_read_seq, resumed.peer_read_seq)
        self.peer_delivered_seq = max(self.peer_delivered_seq, resumed.peer_delivered_seq, self.peer_read_seq)
        self._is_resumed = True
        self.events.emit(Resumed(resumed))
        self.news.set()
