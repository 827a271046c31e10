"""The way of a handshake: uvicorn's upgrade request, who it is and what for, then picows."""

import asyncio
import contextlib
import http
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from duologue.database.faults import AWAY
from duologue.errors import CLOSE, AppError, Close, Code
from duologue.identity import Identity
from duologue.origin import is_welcome
from duologue.realtime.connection import Connection
from duologue.realtime.lobby import Lobby
from duologue.realtime.multiplex import MultiplexSocket
from duologue.realtime.parser import Parser
from duologue.realtime.refusal import Refusal, retry_hint
from duologue.realtime.room import RoomSocket, RoomSocketV1
from duologue.realtime.sockets import Sockets
from duologue.realtime.subscription import Rooms
from duologue.realtime.users import UserBoard

__all__ = ["Handshake", "Handshaker", "socket_protocol"]

V1 = "duologue.v1"
HANDSHAKE_SECONDS = 10.0

log = structlog.get_logger("duologue.socket")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What an upgrade request says."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    method: str = "GET"

    @classmethod
    def parse(cls, request: bytes) -> "Handshake":
        """The request as uvicorn puts it together again: a request line and headers in lower case."""
        lines = request.decode("latin-1").split("\r\n")
        method, address, _ = lines[0].split(" ", 2)
        target = urlsplit(address)
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name:
                name, value = name.strip().lower(), value.strip()
                joiner = "; " if name == "cookie" else ", "
                headers[name] = f"{headers[name]}{joiner}{value}" if name in headers else value
        return cls(unquote(target.path), dict(parse_qsl(target.query, keep_blank_values=True)), headers, method)

    @property
    def token(self) -> str | None:
        """The cookie `accessToken`, then `?token=`, then `Authorization: Bearer`: the first one present decides."""
        for cookie in self.headers.get("cookie", "").split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == "accessToken" and value:
                return value.strip('"')
        if token := self.query.get("token"):
            return token
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    @property
    def is_v1(self) -> bool:
        """Whether the client offers `duologue.v1` (RFC 6455 §4.1, item 10)."""
        return V1 in (each.strip() for each in self.headers.get("sec-websocket-protocol", "").split(","))

    def origin_allowed(self, allowed: Sequence[str]) -> bool:
        """A browser's page must be the server's own or one of the allowed; what sends no Origin is no browser."""
        origin = self.headers.get("origin")
        return origin is None or is_welcome(origin, self.headers.get("host", ""), allowed)

    def fault(self) -> tuple[int, str] | None:
        """What makes this no WebSocket handshake (RFC 6455 §4.2.1), as an HTTP status and a reason."""
        if self.method != "GET":
            return 405, "A WebSocket is opened with GET."
        if self.headers.get("sec-websocket-version") != "13":
            return 426, "Sec-WebSocket-Version must be 13"
        key = self.headers.get("sec-websocket-key", "")
        if len(key) != 24 or not key.isascii() or not key.endswith("=="):
            return 400, "Sec-WebSocket-Key must be 16 bytes in base64"
        return None


class Refused(Protocol):
    """Keeps the traces of refusals."""

    def __call__(self, code: Code, path: str, peer: str, forwarded: str | None, *, user_id: int | None) -> None:
        """One; `forwarded` is X-Forwarded-For."""


class Gate(Protocol):
    """Whether a node takes one more; asked before anything is done."""

    def handshake(self, under_way: int) -> int:
        """0, or the seconds after which to come again; `under_way` are being answered."""


class Handshaker:
    """Decides what a handshake opens."""

    def __init__(
        self,
        *,
        authenticate: Callable[[str | None], Identity],
        used: Callable[[Identity], Awaitable[None]],
        refused: Refused,
        origins: Sequence[str],
        sockets: Sockets,
        rooms: Rooms,
        lobby: Lobby,
        board: UserBoard,
        gate: Gate,
    ) -> None:
        """`authenticate` raises `AppError`; `used` hears of every identity that opens a socket.

        `refused` hears of every one that opens nothing.
        """
        self._authenticate = authenticate
        self._used = used
        self._refused = refused
        self.origins = origins
        self.sockets = sockets
        self._rooms = rooms
        self._lobby = lobby
        self._board = board
        self.gate = gate
        self.under_way: set[SocketProtocol] = set()

    def refuse(self, code: Code, handshake: Handshake, peer: str) -> None:
        """Leave a trace."""
        user_id = None
        with contextlib.suppress(AppError):
            user_id = self._authenticate(handshake.token).user_id
        self._refused(code, handshake.path, peer, handshake.headers.get("x-forwarded-for"), user_id=user_id)

    async def open(self, handshake: Handshake, peer: str) -> Connection:
        """A connection with its route, or one that will be closed with the reason why not."""
        try:
            return await self._open(handshake)
        except Refusal as refusal:
            return Connection(self.sockets, None, refusal)
        except AppError as error:
            self.refuse(error.code, handshake, peer)
            code = CLOSE.get(error.code, Close.INTERNAL)
            return Connection(self.sockets, None, Refusal(code, error.message))
        except AWAY as error:
            log.warning("a handshake failed", reason=type(error).__name__)
            return Connection(self.sockets, None, Refusal(Close.OVERLOADED, retry_hint(500, 3_000)))

    async def _open(self, handshake: Handshake) -> Connection:
        route, _, room_id = handshake.path.strip("/").partition("/")
        if route not in ("users", "room", "rooms", "ws") or (room_id and route != "room"):
            raise Refusal(Close.UNKNOWN_ROUTE, "unknown route")
        if route == "ws" and not handshake.is_v1:
            raise Refusal(Close.UNKNOWN_ROUTE, f"/ws wants the subprotocol {V1}")
        self._check_leaving()
        token = handshake.token
        # The socket lives without its token, which would take half a kilobyte for as long.
        identity = replace(self._authenticate(token), token="")
        connection = Connection(self.sockets, identity, is_v1=handshake.is_v1)
        if route == "room":
            if not room_id:
                raise Refusal(Close.ACCESS_DENIED, "the room's id is missing")
            after, rev = (parse_position(name, handshake.query.get(name)) for name in ("after", "rev"))
            subscription = await self._rooms.subscription(connection, identity.user_id, room_id, after, rev)
            connection.route = RoomSocketV1(subscription, connection) if handshake.is_v1 else RoomSocket(subscription)
        elif route == "ws":
            connection.route = MultiplexSocket(self._rooms, self._lobby, connection, identity)
        elif route == "rooms":
            connection.route = self._lobby.route(connection, identity)
        else:
            connection.route = self._board.route(connection, identity)
        await self._used(identity)
        # Again, since the session may have ended during the waits; from here to the open socket there are none.
        self._authenticate(token)
        self._check_leaving()
        return connection

    def _check_leaving(self) -> None:
        if self.sockets.leaving:
            raise Refusal(Close.RESTARTING, retry_hint(500, 3_000))


def parse_position(name: str, text: str | None) -> int | None:
    """`?after=<seq>`, `?rev=<rev>`: a whole number from 0."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refusal(Close.POLICY, f"{name} must be a whole number")
    return int(text)


class SocketProtocol(asyncio.Protocol):
    """What uvicorn hands an upgrade to. It authorises, then makes room for picows."""

    def __init__(self, handshaker: Handshaker, server_state: Any) -> None:
        self._handshaker = handshaker
        self._connections: set[Any] = server_state.connections
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by uvicorn with the transport of the request."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Called by uvicorn, once, with the upgrade request."""
        if self._task is None:
            under_way = self._handshaker.under_way
            if seconds := self._handshaker.gate.handshake(len(under_way)):
                self._refuse(503, "This node is full; try again after the time it names.", Code.BUSY, seconds)
                return
            under_way.add(self)
            self._transport.pause_reading()
            self._task = asyncio.create_task(self._upgrade(data), name="handshake")
        else:
            self._transport.abort()  # more, before it was answered

    def connection_lost(self, exc: Exception | None) -> None:
        """The client went away before it was answered."""
        self._leave()
        if self._task is not None:
            self._task.cancel()

    def shutdown(self) -> None:
        """Called by uvicorn when the server stops: a handshake under way comes to its end, and says so."""
        if self._task is None:
            self._transport.close()

    async def _upgrade(self, data: bytes) -> None:
        try:
            try:
                handshake = Handshake.parse(data)
            except ValueError:
                self._refuse(400, "The request's target is no address.", Code.INVALID_INPUT)
                return
            if fault := handshake.fault():
                self._refuse(*fault, Code.METHOD_NOT_ALLOWED if fault[0] == 405 else Code.INVALID_INPUT)
                return
            peer = (self._transport.get_extra_info("peername") or ("",))[0]
            if not handshake.origin_allowed(self._handshaker.origins):
                self._handshaker.refuse(Code.ORIGIN_NOT_ALLOWED, handshake, peer)
                self._refuse(403, "This page's origin is not allowed here.", Code.ORIGIN_NOT_ALLOWED)
                return
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                connection = await self._handshaker.open(handshake, peer)
        except TimeoutError:
            self._refuse(503, "The server is busy.", Code.UNAVAILABLE)
            return
        except Exception:
            # Reading is paused: left alone, the connection would stay for ever.
            log.exception("a handshake failed")
            self._refuse(500, "Something went wrong on our side.", Code.INTERNAL)
            return
        if self._transport.is_closing():
            return
        self._leave()
        # No await from here on: picows answers the upgrade and the route opens in one turn.
        Parser(connection, V1 if handshake.is_v1 else None).take(self._transport, plain_request(handshake))
        self._transport.resume_reading()

    def _leave(self) -> None:
        self._connections.discard(self)
        self._handshaker.under_way.discard(self)

    def _refuse(self, status: int, message: str, code: Code, retry_after: int = 1) -> None:
        body = json.dumps({"message": message, "code": code.value, "requestId": ""}).encode()
        head = [
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        if status == 405:
            head.append("allow: GET")
        if status == 426:
            head.append("sec-websocket-version: 13")
        if status == 503:
            head.append(f"retry-after: {retry_after}")
        self._transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self._transport.close()


def plain_request(handshake: Handshake) -> bytes:
    """The request as picows likes it: small, and `Connection: upgrade` alone (Firefox says `keep-alive, Upgrade`)."""
    return (
        "GET / HTTP/1.1\r\nHost: duologue\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {handshake.headers['sec-websocket-key']}\r\n\r\n"
    ).encode()


def socket_protocol(handshaker: Handshaker) -> Callable[..., SocketProtocol]:
    """The `ws` protocol class for uvicorn's configuration."""

    def build(config: object, server_state: object, app_state: object) -> SocketProtocol:
        return SocketProtocol(handshaker, server_state)

    return build
