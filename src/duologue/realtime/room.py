"""`/room/<roomId>`: one subscription; say something, hear the other."""

import msgspec

from duologue.errors import AppError, Code
from duologue.realtime import commands
from duologue.realtime.connection import Connection, named
from duologue.realtime.framing import text_frame
from duologue.realtime.subscription import Subscription
from duologue.wire.frames import Incoming, Pong

__all__ = ["RoomSocket", "RoomSocketV1"]

decode = msgspec.json.Decoder(Incoming).decode
PONG = text_frame(msgspec.json.encode(Pong()))


class RoomSocket:
    """A base socket: `{"content": ...}` in, the frozen frames out."""

    __slots__ = ("_subscription",)

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def opened(self) -> None:
        """Hear the room."""
        self._subscription.open()

    def closed(self) -> None:
        """Hear no more."""
        self._subscription.close()

    def received(self, text: str) -> None:
        """Say it in the room."""
        try:
            incoming = decode(text)
        except msgspec.ValidationError as error:
            raise AppError(Code.INVALID_INPUT, str(error)) from None
        except msgspec.DecodeError as error:
            raise AppError(Code.INVALID_JSON, f"Not JSON: {error}") from None
        if incoming.type is not msgspec.UNSET:
            raise AppError(Code.UNKNOWN_TYPE, 'This socket takes {"content": ...} alone; duologue.v1 takes more.')
        # A missing content is an empty one, and its refusal names the clientId.
        self._subscription.say("" if incoming.content is msgspec.UNSET else incoming.content, incoming.client_id)


class RoomSocketV1:
    """A socket of `duologue.v1`: commands in, all events out."""

    __slots__ = ("_connection", "_subscription")

    def __init__(self, subscription: Subscription, connection: Connection) -> None:
        self._subscription = subscription
        self._connection = connection

    def opened(self) -> None:
        """Hear the room."""
        self._subscription.open()

    def closed(self) -> None:
        """Hear no more."""
        self._subscription.close()

    def received(self, text: str) -> None:
        """Do what it says."""
        room = self._subscription.room_id
        try:
            kind, data = commands.parse(text)
            if kind == "PING":
                self._connection.send(PONG)
                return
            if data.room_id is not msgspec.UNSET and data.room_id != room:
                raise AppError(Code.UNKNOWN_ROOM, "This socket serves one room; /ws serves many.")
            commands.perform(self._subscription, kind, data)
        except AppError as error:
            client_id, room_id = named(text)
            self._connection.send_error(error, client_id, room_id or room)
