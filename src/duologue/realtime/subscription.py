"""One socket's place in one room: what it says there, what it hears, and how it catches up."""

import asyncio
from uuid import UUID

import msgspec
import structlog

from duologue.chat import policy
from duologue.chat.changes_store import Change
from duologue.chat.journal import Entry, Journal
from duologue.chat.service import ConversationService
from duologue.chat.store import Membership
from duologue.chat.watermarks import Watermarks
from duologue.database.faults import AWAY
from duologue.errors import AppError, Close, Code
from duologue.realtime.channel import Channel
from duologue.realtime.connection import Connection
from duologue.realtime.framing import text_frame
from duologue.realtime.hub import Hub, change_frame
from duologue.realtime.outbox import OUTBOX_BYTES
from duologue.realtime.peers import Peers
from duologue.realtime.refusal import retry_hint
from duologue.realtime.sockets import Sockets
from duologue.wire.frames import MessageSent, NewMessage, Resumed, ResumedData, Typing, TypingData
from duologue.wire.rooms import Message, MessageAck

__all__ = ["Rooms", "Subscription"]

PAGE = 200  # messages a read of the log
IN_FLIGHT = 256  # messages of one socket on their way into the journal; then its reading waits
CHANGES_IN_FLIGHT = 16
TYPING_SECONDS = 2.5  # between two hints; one holds for six

encode = msgspec.json.Encoder().encode
log = structlog.get_logger("duologue.room")


class Rooms:
    """What subscriptions have in common."""

    def __init__(
        self,
        conversations: ConversationService,
        journal: Journal,
        watermarks: Watermarks,
        hub: Hub,
        peers: Peers,
        sockets: Sockets,
    ) -> None:
        self.conversations = conversations
        self.journal = journal
        self.watermarks = watermarks
        self.hub = hub
        self.peers = peers
        self.sockets = sockets

    async def subscription(
        self, connection: Connection, user_id: int, room_id: str, after: int | None, rev: int | None = None
    ) -> "Subscription":
        """A member's place in the room; raises `UNKNOWN_ROOM` or `ACCESS_DENIED`."""
        room = policy.parse_room_id(room_id)
        membership = await self.conversations.enter(user_id, room)
        return Subscription(self, connection, user_id, room, membership, after, rev)


class Subscription:
    """A member of the room's channel, and the origin of what its socket says there."""

    __slots__ = (
        "_after",
        "_changing",
        "_channel",
        "_connection",
        "_from_the_future",
        "_hears_changes",
        "_in_flight",
        "_membership",
        "_own",
        "_replayed",
        "_rev",
        "_rev_given",
        "_room",
        "_rooms",
        "_start",
        "_turn",
        "_typed",
        "listens",
        "room_id",
        "user_id",
    )

    def __init__(
        self,
        rooms: Rooms,
        connection: Connection,
        user_id: int,
        room: UUID,
        membership: Membership,
        after: int | None,
        rev: int | None,
    ) -> None:
        self._rooms = rooms
        self._connection = connection
        self.user_id = user_id
        self.listens = connection.is_v1
        self._room = room
        self.room_id = str(room)
        self._membership = membership
        self._from_the_future = (after or 0) > membership.last_seq or (rev or 0) > membership.last_rev
        """Whether the client knows of more than there is: of what a restored backup has lost."""
        if after is not None:
            after = min(after, membership.last_seq)
        self._start = after
        self._after = after
        """Where the replay of messages stands; `None` when the socket is live."""
        self._replayed = 0
        """What the replay has sent; the hub may come to it later."""
        self._rev: int | None = min(rev, membership.last_rev) if rev is not None and after is not None else None
        """Where the replay of changes stands; kept up when live."""
        self._hears_changes = False
        """Whether changes are live; else they are being read."""
        self._rev_given = self._rev is not None
        self._own: set[str] = set()
        """Ids of what this socket said during its replay, which is not to be replayed to it."""
        self._in_flight = 0
        self._changing = 0
        self._turn: asyncio.Lock | None = None
        self._typed = 0.0
        self._channel: Channel | None = None

    # Coming and going

    def open(self) -> None:
        """Hear the room from now on; first read the log, if asked to."""
        self._channel = self._rooms.hub.join(self.room_id, self, self._membership)
        if self.listens:
            self._rooms.peers.watch(self._membership.other(self.user_id), self)
        if self.listens or (self._after is not None and not self._read_tail(self._membership)):
            self._rooms.sockets.run(self._catch_up(self._channel), "replay")

    def close(self) -> None:
        """Hear no more."""
        if self._channel is not None:
            self._rooms.hub.leave(self.room_id, self)
            self._channel = None
            if self.listens:
                self._rooms.peers.unwatch(self._membership.other(self.user_id), self)

    # What the hub brings

    def deliver(self, seq: int, frame: bytes) -> None:
        """A message of the room; during the replay it will be read from the log, or was."""
        if self._after is None and seq > self._replayed:
            self._connection.send(frame)

    def change(self, rev: int, frame: bytes) -> None:
        """An edit or a deletion; during the replay it will be read from the log, or was."""
        if not self._hears_changes or self._rev is None or rev <= self._rev or self._channel is None:
            return
        if rev == self._rev + 1:
            self._rev = rev
            self._connection.send(frame)
        else:  # it has overtaken another on its way here, or that one was lost: both are in the log
            self.missed(rev)

    def missed(self, rev: int) -> None:
        """Changes up to `rev` are in the log, and were not told."""
        if self._hears_changes and self._rev is not None and rev > self._rev and self._channel is not None:
            self._hears_changes = False
            self._rooms.sockets.run(self._catch_up(self._channel, again=True), "replay of changes")

    def event(self, frame: bytes) -> None:
        """Marks and presence: true however early or late they come."""
        self._connection.send(frame)

    def hint(self, frame: bytes) -> None:
        """Typing: the first to be dropped."""
        self._connection.send_unless_slow(frame)

    # What the socket says

    def say(self, content: str, client_id: str | None) -> None:
        """Queue a message for the journal; its refusal is an ERROR that names the `clientId`."""
        try:
            policy.check_content(content)
            policy.check_client_id(client_id)
            if self._channel is not None and self.user_id in self._channel.blocked:
                raise AppError(Code.BLOCKED, "You cannot write to this person.")
            entry = Entry(self.room_id, self._membership, self.user_id, content, client_id, self)
            self._rooms.journal.append(entry)
        except AppError as error:
            self._connection.send_error(error, client_id, self._named_room)
            return
        if self._after is not None:
            self._own.add(entry.id)
        self._in_flight += 1
        if self._in_flight == IN_FLIGHT:
            self._connection.pause_reading()

    def typing(self) -> None:
        """Tell the other, now and then."""
        now = self._rooms.sockets.wheel.time()
        if self._channel is None or now - self._typed < TYPING_SECONDS or self.user_id in self._channel.blocked:
            return
        self._typed = now
        frame = text_frame(encode(Typing(TypingData(self.room_id, self.user_id))))
        self._rooms.hub.typing(self._channel, self._membership, self.user_id, frame)

    def read(self, seq: int) -> None:
        """The user has read the room up to `seq`."""
        self._rooms.watermarks.read(self.room_id, self.user_id, seq)

    def edit(self, message_id: str, content: str, client_id: str | None) -> None:
        """Give a message another content; one change of a socket after the other."""
        policy.check_content(content)
        self._alter(message_id, content, client_id)

    def delete(self, message_id: str, client_id: str | None) -> None:
        """Take a message away."""
        self._alter(message_id, None, client_id)

    def _alter(self, message_id: str, content: str | None, client_id: str | None) -> None:
        message = policy.parse_message_id(message_id)
        if self._changing >= CHANGES_IN_FLIGHT:
            raise AppError(Code.RATE_LIMITED, "Too many changes at once.", retry_after=1.0)
        self._changing += 1
        self._rooms.sockets.run(self._altered(message, content, client_id), "change")

    async def _altered(self, message: UUID, content: str | None, client_id: str | None) -> None:
        if self._turn is None:
            self._turn = asyncio.Lock()
        try:
            async with self._turn:
                change = await self._rooms.conversations.change(self.user_id, self._room, message, content)
                if not change.is_fresh:  # so already: a retry is answered, the others know it
                    self._connection.send(change_frame(change))
        except AppError as error:
            self._connection.send_error(error, client_id, self._named_room)
        except AWAY:
            away = AppError(Code.UNAVAILABLE, "The database is away; try again shortly.", retry_after=1.0)
            self._connection.send_error(away, client_id, self._named_room)
        finally:
            self._changing -= 1

    # What the journal answers

    def stored(self, entry: Entry) -> None:
        """A message of this socket is in the log."""
        self._done()
        if entry.client_id is not None:
            ack = MessageAck(
                client_id=entry.client_id,
                id=entry.id,
                seq=entry.seq,
                created_at=entry.created_at,
                room_id=self.room_id if self.listens else msgspec.UNSET,
            )
            frame = text_frame(encode(MessageSent(ack)))
            if self._channel is None:
                self._connection.send(frame)
            else:
                self._rooms.hub.tell_in_turn(self._channel, entry.seq, self, frame)

    def failed(self, entry: Entry, error: AppError) -> None:
        """A message of this socket was refused."""
        self._done()
        self._connection.send_error(error, entry.client_id, self._named_room)

    def _done(self) -> None:
        self._in_flight -= 1
        if self._in_flight == IN_FLIGHT // 2:
            self._connection.resume_reading()

    @property
    def _named_room(self) -> str | None:
        return self.room_id if self.listens else None

    # Catching up

    async def _catch_up(self, channel: Channel, *, again: bool = False) -> None:
        try:
            await (self._read_log(channel) if again else self._replay(channel))
        except AWAY as error:
            log.warning("a replay could not read the log", reason=type(error).__name__)
            self._connection.close(Close.OVERLOADED, retry_hint(500, 3_000))

    def _read_tail(self, membership: Membership) -> bool:
        """Catch up with the messages from memory, in this very turn of the loop; whether that was possible."""
        after = self._after
        if after is None:
            return False
        kept = self._rooms.hub.tails.after(self.room_id, after)
        # Less than the database said a moment ago is not everything.
        if kept is None or (kept[-1][0] if kept else after) < membership.last_seq:
            return False
        if sum(len(frame) for _, _, frame in kept) > OUTBOX_BYTES // 2:
            return False  # too much for one turn
        for _, message_id, frame in kept:
            if message_id not in self._own:
                self._connection.send(frame)
        self._live(kept[-1][0] if kept else after)
        return True

    def _live(self, reached: int) -> None:
        """The replay of messages has come to its end."""
        self._replayed = reached
        self._after = None
        self._own = set()

    async def _replay(self, channel: Channel) -> None:
        """Read the log from `after` to where the channel is, go live, and say so."""
        membership = self._membership
        if self.listens:
            # Again, after joining: what changes from here on is told by the channel.
            membership = await self._rooms.conversations.enter(self.user_id, self._room)
            if self._rev is None:
                self._rev = membership.last_rev
            # An edit may be stored and not yet told here: memory is right for sure where there never was one.
            is_unchanged = self._channel is channel and membership.last_rev == 0
            if is_unchanged and self._read_tail(membership):
                self._hears_changes = True
                self._resumed(membership, self._replayed)
                return
        reached = await self._read_log(channel)
        if self.listens and self._channel is channel:
            self._resumed(membership, reached)

    async def _read_log(self, channel: Channel) -> int | None:
        """Send what the channel has told of meanwhile, messages and changes; returns where the messages stand.

        What is committed during this is not held: it is read like the rest. Between the last page and going live
        there is no await, so nothing is missed and nothing comes twice.
        """
        connection, conversations = self._connection, self._rooms.conversations
        while self._channel is channel and not connection.is_closing:
            page: list[Message] = []
            if self._after is not None:
                page = await conversations.replay(self._room, self._after, PAGE)
                for message in page:
                    if message.id not in self._own:
                        await connection.writable()
                        connection.send(text_frame(encode(NewMessage(message))))
                if page:
                    self._after = page[-1].seq
            changes: list[Change] = []
            if self._rev is not None and (self._after is not None or self._rev < channel.last_rev):
                changes = await conversations.changes(self._room, self._rev, PAGE)
                for change in changes:
                    await connection.writable()
                    connection.send(change_frame(change))
                if changes:
                    self._rev = changes[-1].rev
            if (
                len(page) < PAGE
                and len(changes) < PAGE
                and (self._after is None or self._after >= channel.last_seq)
                and (self._rev is None or self._rev >= channel.last_rev)
            ):
                break
            await connection.writable()
        reached = self._after
        if reached is not None:
            self._live(reached)
        self._hears_changes = True
        return reached

    def _resumed(self, membership: Membership, reached: int | None) -> None:
        peer = membership.other(self.user_id)
        begun = membership.last_seq if self._start is None else self._start
        data = ResumedData(
            room_id=self.room_id,
            from_=begun,
            to=begun if reached is None else max(reached, begun),
            rev=self._rev or 0,
            read_seq=membership.read(self.user_id),
            peer_read_seq=membership.read(peer),
            peer_delivered_seq=membership.delivered(peer),
            complete=not self._from_the_future and (self._rev_given or not self._start or membership.last_rev == 0),
        )
        self._connection.send(text_frame(encode(Resumed(data))))
        self._connection.send(self._rooms.peers.frame(peer, membership.seen(peer)))
        if reached and reached > membership.delivered(self.user_id):
            self._rooms.watermarks.delivered(self.room_id, self.user_id, reached)
