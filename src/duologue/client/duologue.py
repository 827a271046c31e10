"""The client itself: one person on one server."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode

import msgspec

from duologue.client.backoff import Backoff
from duologue.client.conversation import Conversation
from duologue.client.errors import ApiError, ClientError, Closed, SignedOut
from duologue.client.events import Events
from duologue.client.http import Http
from duologue.client.line import Line
from duologue.client.link import Link, LinkState, Phase
from duologue.client.lobby import Lobby
from duologue.client.outbox import Outbox
from duologue.client.session import Session
from duologue.client.subscription import LATER, RETRY_SECONDS, Subscription
from duologue.errors import Code
from duologue.wire.accounts import Account, Profile
from duologue.wire.base import Wire
from duologue.wire.frames import ErrorFrame, Presence, PresenceData, RoomsList, RoomUpdate, RoomUpdateData
from duologue.wire.rooms import BlockList, DirectoryPage, OpenedRoom, OpenRoomRequest, Room, RoomList, SearchResult

__all__ = ["Duologue"]

K = TypeVar("K")

ROOMS: Final = msgspec.json.Decoder(list[Room])
UPDATE: Final = msgspec.json.Decoder(RoomUpdateData)
PRESENCE: Final = msgspec.json.Decoder(PresenceData)
ERROR: Final = msgspec.json.Decoder(ErrorFrame)


class Named(Wire, frozen=True):
    """The room that a frame is about."""

    room_id: str = ""


NAMED: Final = msgspec.json.Decoder(Named)


class Duologue:
    """One person on one server: signs in, keeps one link, and shows rooms, people and conversations.

    Use it with `async with`, or call `close`. A lost link comes back by itself, with everything that was missed; a
    session is refreshed silently. `on(LinkState, …)` tells how it stands.
    """

    def __init__(
        self,
        url: str,
        *,
        outbox: Path | None = None,
        outbox_limit: int = 1_000,
        window: int = 1,
        kept: int = 1_000,
        backoff: Backoff | None = None,
        seconds: float = 10.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`url` is `http://host:port` or `https://…`.

        `outbox` names a file in which unsent messages outlive the process, `outbox_limit` how many may wait. `window`
        messages of a conversation are under way at once: with 1 their order is certain; with more, one that the server
        could not take just then is stored behind those that were under way with it. `kept` messages of a conversation
        are remembered. `seconds` bounds each HTTP request, `context` is for TLS.
        """
        self.session = Session(Http(url, seconds=seconds, context=context), backoff or Backoff())
        """Signing in and out, and requests of any kind in the user's name."""
        self._outbox = Outbox(outbox_limit, outbox)
        self._window = window
        self._kept = kept
        self._lobby = Lobby()
        self._events: Events[RoomsList | RoomUpdate | Presence | LinkState] = Events()
        self._subscriptions: dict[str, Subscription] = {}
        self._conversations: dict[str, Conversation] = {}
        self._link = Link(
            self.session, backoff or Backoff(), opened=self._opened, heard=self._heard, changed=self._changed
        )
        self._line = Line(self._link, self._flush)
        self._news = asyncio.Event()
        """Set when the link's state has changed."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the link and every stream. What is not acknowledged stays in the outbox's file, if it has one."""
        self._line.close()
        try:
            await self._link.close()
        finally:
            self._end(Closed("the client is closed"))

    # Signing in and out

    @property
    def account(self) -> Account | None:
        """Who is signed in."""
        return self.session.account

    async def register(self, email: str, password: str) -> str:
        """Ask for an account: a six-digit code is mailed, which `verify` takes. Returns the address as it is stored."""
        return await self.session.register(email, password)

    async def verify(self, email: str, code: str) -> Account:
        """Confirm a registration, which signs in, and connect."""
        return self._begin(await self.session.verify(email, code))

    async def sign_in(self, email: str, password: str) -> Account:
        """Sign in and connect. `ApiError` with `INVALID_CREDENTIALS`, `EMAIL_NOT_VERIFIED` or `RATE_LIMITED`."""
        return self._begin(await self.session.sign_in(email, password))

    async def adopt(self, *, access: str, refresh: str | None = None) -> Account:
        """Go on with tokens from elsewhere, and connect."""
        return self._begin(await self.session.adopt(access=access, refresh=refresh))

    async def sign_out(self) -> None:
        """End the session on the server, and the link with it. The object may be signed in with again."""
        try:
            await self.session.sign_out()
        finally:
            self._end(SignedOut(Code.SESSION_ENDED, "You have signed out."))  # before the link says that it is closed
            await self._link.close()

    async def profile(self) -> Profile:
        """The account as the server knows it."""
        return await self.session.profile()

    def _begin(self, account: Account) -> Account:
        self._outbox.owned_by(account.id)
        self._link.start()
        return account

    # The link

    @property
    def state(self) -> LinkState:
        """How the link stands."""
        return self._link.state

    async def online(self) -> None:
        """Wait until the link is there and the rooms are known. `SignedOut` when there will be none."""
        while self._link.state.phase is not Phase.ONLINE:
            if self._link.failure is not None:
                raise self._link.failure
            if self.account is None:
                raise SignedOut(Code.NO_TOKEN, "Nobody is signed in.")
            self._news.clear()
            await self._news.wait()

    def hurry(self) -> None:
        """Try to reach the server now, not when the wait between two attempts is over."""
        self._link.hurry()

    def on(self, kind: type[K], listener: Callable[[K], object]) -> Callable[[], None]:
        """Call `listener` for each event of that type; what is returned ends it.

        The types are `LinkState`, and of `duologue.wire.frames` `RoomsList`, `RoomUpdate` and `Presence`.
        """
        return self._events.on(kind, listener)

    # Rooms and people

    @property
    def rooms(self) -> Sequence[Room]:
        """The user's rooms, the newest activity first; kept up to date once `online`."""
        return self._lobby.rooms

    async def open_room(self, user_id: int, *, after: int | None = None) -> Conversation:
        """The conversation with somebody, which begins if there was none. `UNKNOWN_USER`, `OWN_ROOM`, `BLOCKED`."""
        opened = await self.session.ask("POST", "/msg/room", OpenedRoom, OpenRoomRequest(user_id))
        if self._lobby.find(opened.id) is None:
            self._lobby.put(opened.room)
        return self._converse(opened.room, after)

    async def conversation(self, room_id: str, *, after: int | None = None) -> Conversation:
        """A room of the user's, heard from `after` on; by default from now on.

        `after` counts for the first call, which opens it; later ones give the same object. `UNKNOWN_ROOM` when the user
        has no such room.
        """
        await self.online()
        room = self._lobby.find(room_id)
        if room is None:  # it may be so new that its news is still on its way
            listed = (await self.session.ask("GET", "/msg/room", RoomList)).rooms
            room = next((each for each in listed if each.id == room_id), None)
        if room is None:
            raise ApiError(Code.UNKNOWN_ROOM, "There is no such room.")
        return self._converse(room, after)

    async def leave(self, conversation: Conversation) -> None:
        """Hear a room no more; what waits to be sent there is still sent. Its streams end."""
        if self._conversations.pop(conversation.id, None) is not None:
            subscription = self._subscriptions.pop(conversation.id)
            self._line.leave(conversation.id)
            subscription.events.end()
            self._adopt_leftovers()

    async def people(self, query: str = "", *, cursor: str | None = None, limit: int = 50) -> DirectoryPage:
        """A page of the directory: whose address or name contains `query`, in the order of their ids."""
        return await self.session.ask("GET", _address("/users", query=query, cursor=cursor, limit=limit), DirectoryPage)

    async def search(self, words: str, *, cursor: str | None = None, limit: int = 20) -> SearchResult:
        """Messages in the user's rooms with all of these words; the last one may be a beginning."""
        return await self.session.ask("GET", _address("/msg/search", q=words, cursor=cursor, limit=limit), SearchResult)

    async def block(self, user_id: int) -> None:
        """They can neither open a room with the user nor write in theirs."""
        await self.session.request("POST", f"/users/{user_id}/block")

    async def unblock(self, user_id: int) -> None:
        """They can write again."""
        await self.session.request("DELETE", f"/users/{user_id}/block")

    async def blocked(self) -> list[int]:
        """Whom the user has blocked."""
        return (await self.session.ask("GET", "/users/blocked", BlockList)).blocked

    # What the link tells

    def _converse(self, room: Room, after: int | None) -> Conversation:
        if known := self._conversations.get(room.id):
            return known
        subscription = self._subscriptions.get(room.id) or self._subscribe(room)
        if after is not None:
            subscription.begin(after)
        conversation = Conversation(subscription, self.session, self._outbox, self._line)
        self._conversations[room.id] = conversation
        subscription.flush()
        return conversation

    def _subscribe(self, room: Room) -> Subscription:
        if self.account is None:
            raise SignedOut(Code.NO_TOKEN, "Nobody is signed in.")
        subscription = Subscription(
            room, self.account.id, self._outbox, self._line, window=self._window, kept=self._kept
        )
        self._subscriptions[room.id] = subscription
        return subscription

    def _adopt_leftovers(self) -> None:
        """Rooms that nobody has opened and for which messages wait, from a life before this one."""
        for room_id in self._outbox.rooms:
            room = self._lobby.find(room_id)
            if room is not None and room_id not in self._subscriptions:
                self._subscribe(room).flush()

    def _opened(self) -> None:
        self._line.opened()
        self._flush()

    def _flush(self) -> None:
        for subscription in list(self._subscriptions.values()):
            subscription.flush()

    def _heard(self, kind: str, data: bytes) -> None:
        if kind == "ROOMS_LIST":
            rooms = ROOMS.decode(data)
            self._lobby.take(rooms)
            for room in rooms:
                self._show(room)
            self._adopt_leftovers()
            self._events.emit(RoomsList(rooms))
        elif kind == "ROOM_UPDATE":
            update = UPDATE.decode(data)
            if (updated := self._lobby.update(update)) is not None:
                self._show(updated)
            self._events.emit(RoomUpdate(update))
        elif kind == "PRESENCE":
            presence = PRESENCE.decode(data)
            self._lobby.presence(presence)
            for subscription in self._subscriptions.values():
                if subscription.peer.id == presence.user_id:
                    subscription.heard(kind, data)
            self._events.emit(Presence(presence))
        elif kind == "ERROR":
            error = ERROR.decode(data)
            room_id = error.room_id or ""
            if room_id in self._subscriptions:
                self._subscriptions[room_id].refused(error)
            elif error.code in LATER:
                self._line.hold(RETRY_SECONDS if error.retry_ms is msgspec.UNSET else error.retry_ms / 1000)
        elif concerned := self._subscriptions.get(NAMED.decode(data).room_id):
            concerned.heard(kind, data)

    def _show(self, room: Room) -> None:
        if room.id in self._subscriptions:
            self._subscriptions[room.id].room = room

    def _changed(self, state: LinkState) -> None:
        if state.phase in (Phase.SIGNED_OUT, Phase.CLOSED) and self._link.failure is not None:
            self._end(self._link.failure)
        self._news.set()
        self._events.emit(state)

    def _end(self, error: ClientError) -> None:
        for subscription in self._subscriptions.values():
            subscription.fail(error)
        self._subscriptions.clear()
        self._conversations.clear()


def _address(path: str, **query: Any) -> str:
    return f"{path}?{urlencode({name: value for name, value in query.items() if value not in (None, '')})}"
