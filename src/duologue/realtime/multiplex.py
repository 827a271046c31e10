"""`/ws`: one socket for all rooms, the lobby and the presence of a user (`duologue.v1`)."""

from typing import Any

import msgspec

from duologue.database.faults import AWAY
from duologue.errors import AppError, Code, Detail
from duologue.identity import Identity
from duologue.realtime import commands
from duologue.realtime.connection import Connection, named
from duologue.realtime.lobby import Lobby, LobbySocket
from duologue.realtime.room import PONG
from duologue.realtime.subscription import Rooms, Subscription
from duologue.wire.frames import SubscribeData

__all__ = ["MultiplexSocket"]

SUBSCRIPTIONS = 500
HELD = 256  # commands for a room that is still being opened


class MultiplexSocket:
    """The lobby first, then whatever rooms are subscribed to."""

    __slots__ = ("_connection", "_identity", "_lobby", "_rooms", "_subscriptions")

    def __init__(self, rooms: Rooms, lobby: Lobby, connection: Connection, identity: Identity) -> None:
        self._rooms = rooms
        self._lobby: LobbySocket = lobby.route(connection, identity)
        self._connection = connection
        self._identity = identity
        self._subscriptions: dict[str, Subscription | list[tuple[str, Any]]] = {}
        """By room; a list of what was said meanwhile while the room is being opened."""

    def opened(self) -> None:
        """Hear the lobby."""
        self._lobby.opened()

    def closed(self) -> None:
        """Hear nothing more."""
        self._lobby.closed()
        for subscription in self._subscriptions.values():
            if isinstance(subscription, Subscription):
                subscription.close()
        self._subscriptions = {}

    def received(self, text: str) -> None:
        """Do what it says, in the room it names."""
        try:
            kind, data = commands.parse(text)
            if kind == "PING":
                self._connection.send(PONG)
                return
            if data.room_id is msgspec.UNSET:
                raise AppError(Code.INVALID_INPUT, "roomId is missing.", details=[Detail("roomId", "is missing")])
            self._do(data.room_id, kind, data)
        except AppError as error:
            self._connection.send_error(error, *named(text))

    def _do(self, room_id: str, kind: str, data: Any) -> None:
        subscription = self._subscriptions.get(room_id)
        if isinstance(subscription, list):  # what is said to one room is done in its order
            if len(subscription) >= HELD:
                raise AppError(Code.BUSY, "The room is still being opened.", retry_after=1.0)
            subscription.append((kind, data))
        elif kind == "SUBSCRIBE":
            self._subscribe(data)
        elif kind == "UNSUBSCRIBE":
            self._unsubscribe(room_id)
        elif subscription is None:
            raise AppError(Code.NOT_SUBSCRIBED, "SUBSCRIBE to the room first.")
        else:
            commands.perform(subscription, kind, data)

    def _subscribe(self, data: SubscribeData) -> None:
        self._unsubscribe(data.room_id)  # perhaps once more, from another place
        if len(self._subscriptions) >= SUBSCRIPTIONS:
            raise AppError(Code.RATE_LIMITED, f"At most {SUBSCRIPTIONS} rooms a socket.")
        opening: list[tuple[str, Any]] = []
        self._subscriptions[data.room_id] = opening
        self._rooms.sockets.run(self._open(data, opening), "subscribe")

    async def _open(self, data: SubscribeData, opening: list[tuple[str, Any]]) -> None:
        error = None
        try:
            subscription = await self._rooms.subscription(
                self._connection, self._identity.user_id, data.room_id, data.after, data.rev
            )
        except AppError as refused:
            error = refused
        except AWAY:
            error = AppError(Code.UNAVAILABLE, "The database is away; try again shortly.", retry_after=1.0)
        if self._subscriptions.get(data.room_id) is not opening:
            return  # the socket is gone
        if error is None:
            self._subscriptions[data.room_id] = subscription
            subscription.open()
        else:
            del self._subscriptions[data.room_id]
            self._connection.send_error(error, data.client_id, data.room_id)
        for kind, held in opening:
            try:
                self._do(data.room_id, kind, held)
            except AppError as refused:
                self._connection.send_error(refused, getattr(held, "client_id", None), data.room_id)

    def _unsubscribe(self, room_id: str) -> None:
        subscription = self._subscriptions.pop(room_id, None)
        if isinstance(subscription, Subscription):
            subscription.close()
