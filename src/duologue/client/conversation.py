"""One conversation as a person's client sees it: what was said, what is being said, and how far both have read."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from duologue.client.events import Stream
from duologue.client.line import Line
from duologue.client.outbox import Outbox
from duologue.client.session import Session, decode
from duologue.client.subscription import Event, Subscription
from duologue.wire.frames import ChangeData, NewMessage, RoomData
from duologue.wire.rooms import EditRequest, FormerContent, Message, Peer, Room

__all__ = ["Conversation"]

K = TypeVar("K")

TYPING_SECONDS = 2.5  # the server passes no more on


class Conversation:
    """A room of two. It stays the same object over any number of links, and over the server's restarts.

    `async for event in conversation` tells what happens from its opening on, or from the `after` it was opened with:
    each message once, in the order of `seq`, one's own included; edits and deletions, also those that were missed;
    typing, marks and presence as they come.
    """

    def __init__(self, subscription: Subscription, session: Session, outbox: Outbox, line: Line) -> None:
        self._subscription = subscription
        self._session = session
        self._outbox = outbox
        self._line = line
        self._typed = 0.0

    def __repr__(self) -> str:
        return f"<Conversation {self.id} with {self.peer.email}>"

    # What it knows

    @property
    def id(self) -> str:
        """The room's id."""
        return self._subscription.room.id

    @property
    def room(self) -> Room:
        """As the list of rooms shows it: with its newest message and the unread count."""
        return self._subscription.room

    @property
    def peer(self) -> Peer:
        """The other person, and whether they are there."""
        return self._subscription.peer

    @property
    def messages(self) -> Sequence[Message]:
        """What is known, in order, as it is now: what came since the opening, and what `load_earlier` has read."""
        return self._subscription.timeline.messages

    @property
    def position(self) -> int:
        """The `seq` up to which everything was told."""
        return self._subscription.timeline.position

    @property
    def read_seq(self) -> int:
        """How far the user has read."""
        return self._subscription.read_seq

    @property
    def peer_read_seq(self) -> int:
        """How far the other has read."""
        return self._subscription.peer_read_seq

    @property
    def peer_delivered_seq(self) -> int:
        """How far the other was sent the room."""
        return self._subscription.peer_delivered_seq

    @property
    def unsent(self) -> Sequence[str]:
        """What the user has said and the server has not acknowledged, in order."""
        return [pending.content for pending in self._outbox.of(self.id)]

    @property
    def is_live(self) -> bool:
        """Whether the room is heard right now; otherwise it catches up by itself once the link is back."""
        return self._subscription.is_live

    async def live(self) -> None:
        """Wait until the room is heard and everything missed has come. `ApiError` when it may not be heard."""
        subscription = self._subscription
        while not subscription.is_live:
            if subscription.failure is not None:
                raise subscription.failure
            subscription.news.clear()
            await subscription.news.wait()

    # What happens

    def on(self, kind: type[K], listener: Callable[[K], object]) -> Callable[[], None]:
        """Call `listener` for each event of that type (`NewMessage`, `Typing`, …); what is returned ends it.

        It has to return at once, and what it raises is logged and goes no further.
        """
        return self._subscription.events.on(kind, listener)

    def events(self, after: int | None = None) -> Stream[Event]:
        """A stream: first the known messages after that `seq` (by default those since the opening), then what happens.

        It ends when the client is closed, with `SignedOut` when the session ends, and with `FellBehind` when 10,000
        events were not taken.
        """
        subscription = self._subscription
        start = subscription.began if after is None else after
        stream = subscription.events.stream(NewMessage(each) for each in self.messages if each.seq > start)
        if subscription.failure is not None:
            stream.end(subscription.failure)
        return stream

    def __aiter__(self) -> AsyncIterator[Event]:
        return self.events()

    # What the user does

    async def send(self, text: str, *, client_id: str | None = None) -> Message:
        """Say something; returns the message once it is stored, however many links that takes.

        Whoever stops waiting has still said it: it stays in the outbox and is stored once. `ApiError` when the server
        refuses it for good (`EMPTY_CONTENT`, `CONTENT_TOO_LONG`, `BLOCKED`), `OutboxFull` when too much waits already,
        `SignedOut` when the session ends first. The same `client_id` in this room is one message, for ever.
        """
        if self._subscription.failure is not None:
            raise self._subscription.failure
        pending = self._outbox.put(self.id, text, client_id or uuid.uuid4().hex)
        if pending.stored is None or pending.stored.done():
            pending.stored = asyncio.get_running_loop().create_future()
            pending.stored.add_done_callback(_look_at)
        self._subscription.flush()
        return await asyncio.shield(pending.stored)

    async def edit(self, message_id: str, text: str) -> Message:
        """Give a message of one's own another content."""
        return self._changed(await self._session.ask("PATCH", self._path(message_id), ChangeData, EditRequest(text)))

    async def delete(self, message_id: str) -> Message:
        """Take a message of one's own away; it keeps its `seq`."""
        return self._changed(await self._session.ask("DELETE", self._path(message_id), ChangeData))

    async def former(self, message_id: str) -> list[FormerContent]:
        """What a message of one's own said before, oldest first."""
        return await self._session.ask("GET", f"{self._path(message_id)}/edits", list[FormerContent])

    async def history(self, *, before: int | None = None, after: int | None = None, limit: int = 50) -> list[Message]:
        """A page of messages, oldest first: the newest, or the one before or after a `seq`; at most 100."""
        place = f"&before={before}" if before is not None else f"&after={after}" if after is not None else ""
        answer = await self._session.request("GET", f"/msg/room/{self.id}/messages?limit={limit}{place}")
        return decode(answer, list[Message])

    async def load_earlier(self, limit: int = 50) -> list[Message]:
        """The page before the oldest known message, which joins `messages`; empty at the beginning of the room."""
        timeline = self._subscription.timeline
        if timeline.oldest <= 1:
            return []
        page = await self.history(before=timeline.oldest, limit=limit)
        timeline.earlier(page)
        return page

    def read(self, seq: int | None = None) -> None:
        """The user has read up to that `seq`, by default everything that was told; the other hears of it."""
        seq = self.position if seq is None else min(seq, self.position)
        if seq > self._subscription.read_seq:
            self._subscription.read_seq = seq
            self._subscription.flush()

    def typing(self) -> None:
        """Tell the other that the user is typing; may be called at every key."""
        now = asyncio.get_running_loop().time()
        if now - self._typed >= TYPING_SECONDS and self.is_live and self._line.send("TYPING", RoomData(self.id)):
            self._typed = now

    def _path(self, message_id: str) -> str:
        return f"/msg/room/{self.id}/messages/{message_id}"

    def _changed(self, change: ChangeData) -> Message:
        self._subscription.altered(change)
        return change


def _look_at(stored: "asyncio.Future[Message]") -> None:
    """Nobody has to wait for a message; its refusal is then no news for the loop's log."""
    if not stored.cancelled():
        stored.exception()
