"""One socket: its frames, its outbox, its heartbeat, and how it ends."""

import asyncio
import math
from datetime import UTC, datetime
from typing import Protocol, cast

import msgspec
import structlog
from picows import WSFrame, WSMsgType, WSTransport

from duologue.errors import AppError, Close, Code
from duologue.identity import Identity
from duologue.realtime.framing import Framing, close_frame, control_frame, text_frame
from duologue.realtime.outbox import OUTBOX_SECONDS, Outbox
from duologue.realtime.parser import Guard, Reader
from duologue.realtime.refusal import Refusal, retry_hint
from duologue.realtime.sockets import Sockets
from duologue.wire.base import rfc3339
from duologue.wire.frames import ErrorFrame, SessionExpiring, SessionExpiringData

__all__ = ["Connection", "Route", "named"]

PING_SECONDS = 25.0  # of silence, below the 30 to 60 s after which proxies drop a connection
PONG_SECONDS = 10.0
CLOSE_SECONDS = 3.0  # for the peer's close frame; then the connection is cut
SLOW_CLOSE_SECONDS = 60.0  # for a reader that was too slow to find out, when it reads again
EXPIRY_GRACE_SECONDS = 60.0
WARNING_SECONDS = 60.0  # ahead of the end of the session's last token
HIGH_WATER = 64 * 1024
RATE = 20.0  # messages a second
BURST = 40.0
NAME_LENGTH = 64  # of what an error repeats
REFUSALS = 500  # more than were taken

PING = control_frame(WSMsgType.PING)

encode = msgspec.json.Encoder().encode
log = structlog.get_logger("duologue.socket")


def named(text: str) -> tuple[str | None, str | None]:
    """The `clientId` and the `roomId` of a message that was refused, as far as they can be read."""
    try:
        message = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None, None
    if isinstance(message, dict) and isinstance(message.get("data"), dict):
        message = message["data"]
    if not isinstance(message, dict):
        return None, None
    client_id, room_id = (
        value if isinstance(value := message.get(name), str) and 0 < len(value) <= NAME_LENGTH else None
        for name in ("clientId", "roomId")
    )
    return client_id, room_id


class Route(Protocol):
    """What a socket was opened for."""

    def opened(self) -> None:
        """The socket is open."""

    def received(self, text: str) -> None:
        """A message came in. `AppError` is answered with an ERROR frame."""

    def closed(self) -> None:
        """The socket is gone."""


class Connection(Reader):
    """Reads frames for its route and writes what the route sends; ends itself when the peer is silent or too slow."""

    __slots__ = (
        "_allowance",
        "_allowance_at",
        "_closing",
        "_expires_at",
        "_expiry_told",
        "_heard",
        "_held",
        "_pinged",
        "_reading_paused",
        "_refusal",
        "_refused",
        "_sockets",
        "_stalled",
        "_transport",
        "_writable",
        "framing",
        "identity",
        "is_deaf",
        "is_v1",
        "outbox",
        "route",
        "tail",
    )

    def __init__(
        self,
        sockets: Sockets,
        identity: Identity | None,
        refusal: Refusal | None = None,
        *,
        is_v1: bool = False,
    ) -> None:
        self._sockets = sockets
        self.identity = identity
        self.is_v1 = is_v1
        """Whether it speaks `duologue.v1`."""
        self.route: Route | None = None
        self._refusal = refusal
        self.framing = Framing()
        self.is_deaf = False
        self.tail = 0
        self._closing = False
        self._heard = sockets.wheel.now
        self._pinged = 0.0
        self._stalled = 0.0
        self._reading_paused = False
        self._held = False
        self._writable: asyncio.Event | None = None
        self._expires_at = identity.expires_at if identity else 0
        self._expiry_told = 0
        self._allowance = max(1.0, BURST * sockets.rate_limits)
        self._allowance_at = 0.0
        self._refused = 0
        self._transport: asyncio.Transport | None = None
        self.outbox: Outbox

    # What picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is answered."""
        self._transport = cast(Guard, transport.underlying_transport).transport
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self.outbox = Outbox(self._transport, self._sockets.flusher, self.too_slow)
        if self._refusal is not None or self.identity is None or self.route is None:
            refusal = self._refusal or Refusal(Close.INTERNAL, "")
            self.close(refusal.code, refusal.reason)
            return
        self._sockets.add(self, self.identity)
        self._sockets.wheel.put(self, min(PING_SECONDS, self._lifetime() - WARNING_SECONDS))
        self.route.opened()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame arrived."""
        self._heard = self._sockets.wheel.now
        self.tail = frame.tail_size
        if not self._closing or frame.msg_type == WSMsgType.CLOSE:
            self.framing.feed(frame, self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone, whoever ended it."""
        self._closing = True
        self._sockets.wheel.remove(self)
        self.outbox.clear()
        if self._writable is not None:
            self._writable.set()
        if self._refusal is None and self.identity is not None and self.route is not None:
            self._sockets.remove(self, self.identity)
            self.route.closed()

    def pause_writing(self) -> None:
        """More than 64 KiB wait for the peer."""
        self.outbox.hold()
        if self._closing:
            return
        self._stalled = self._sockets.wheel.now
        self._writable = asyncio.Event()
        self._sockets.wheel.put(self, OUTBOX_SECONDS)

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._stalled = 0.0
        if self._writable is not None:
            self._writable.set()
            self._writable = None
        self.outbox.release()

    # What the framing calls

    def on_message(self, text: str) -> None:
        """A whole text message."""
        if self._closing or self.route is None:
            return
        if self._sockets.rate_limits and (wait := self._too_fast()):
            self._slow_down(text, wait)
            return
        try:
            self.route.received(text)
        except AppError as error:
            self._refuse(text, error)

    def on_ping(self, payload: bytes) -> None:
        """Answer with the same payload (RFC 6455 §5.5.3)."""
        self.send(control_frame(WSMsgType.PONG, payload))

    def on_close(self, code: int) -> None:
        """Answer the peer's close with its own code (RFC 6455 §5.5.1), or finish our own."""
        if not self._closing:
            self.close(Close.NORMAL if code == 1005 else code, b"")
        if self._transport is not None:
            self._transport.close()

    def fail(self, code: int, reason: str) -> None:
        """The peer broke the protocol: tell it, hang up, and read no more (RFC 6455 §7.1.7).

        What it still sends is taken and thrown away until it hangs up too: the close frame would not survive a reset.
        """
        if self._transport is None or self._transport.is_closing():
            return
        self.is_deaf = True
        self.close(code, retry_hint(1_000, 5_000) if code == Close.TOO_BIG else reason)
        self._transport.write_eof()
        self._transport.resume_reading()

    # What routes and the server call

    @property
    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._closing

    def send(self, frame: bytes) -> None:
        """Send a ready frame with the others of this turn of the loop."""
        if not self._closing:
            self.outbox.push(frame)

    def send_unless_slow(self, frame: bytes) -> None:
        """Send what is soon forgotten, if the peer keeps up."""
        if not self._stalled:
            self.send(frame)

    def send_error(self, error: AppError, client_id: str | None = None, room_id: str | None = None) -> None:
        """Tell the peer that its input was refused; the socket stays open."""
        self.send(
            text_frame(
                encode(
                    ErrorFrame(
                        message=error.message,
                        code=error.code.value,
                        client_id=client_id if client_id is not None else msgspec.UNSET,
                        retry_ms=math.ceil(error.retry_after * 1000)
                        if error.retry_after is not None
                        else msgspec.UNSET,
                        room_id=room_id if room_id is not None else msgspec.UNSET,
                    )
                )
            )
        )

    async def writable(self) -> None:
        """Wait until the peer has caught up; whoever has much to say asks before each frame of it."""
        if self.outbox.waiting > HIGH_WATER:
            self.outbox.flush()
        while self._writable is not None and not self._closing:
            await self._writable.wait()

    def pause_reading(self) -> None:
        """Let the peer's sending wait: this end has enough to do."""
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._reading_paused and not self._held and self._transport is not None:
            self._reading_paused = False
            self._heard = self._sockets.wheel.now
            if not self._closing:
                self._transport.resume_reading()

    def hold(self) -> None:
        """Read no more until the end: the node leaves, and finishes what it has."""
        self._held = True
        self.pause_reading()

    def close(self, code: int, reason: str | bytes) -> None:
        """Send what waits, then a close frame; cut the connection when the peer does not answer it."""
        if self._closing or self._transport is None:
            return
        self._closing = True
        self.outbox.finish(close_frame(code, reason))
        if self._reading_paused:
            self._transport.resume_reading()
        self._sockets.wheel.put(self, CLOSE_SECONDS)

    def too_slow(self) -> None:
        """The peer does not read what it is sent: forget it; it may come back and read the log."""
        if self._closing:
            return
        self.outbox.clear()
        self.close(Close.TOO_SLOW, retry_hint(1_000, 5_000))
        self._sockets.wheel.put(self, SLOW_CLOSE_SECONDS)

    @property
    def expires_at(self) -> int:
        """When the session's last token known here runs out, in seconds since the epoch."""
        return self._expires_at

    def extend(self, expires_at: int) -> None:
        """Live on until that moment, in seconds since the epoch."""
        self._expires_at = max(self._expires_at, expires_at)

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def visit(self, now: float) -> float:
        """Heartbeat and deadlines; the wheel comes when one of them may be due."""
        if self._closing:
            self.abort()
            return 0
        if self._stalled and now - self._stalled >= OUTBOX_SECONDS:
            self.too_slow()
            return 0
        left = self._lifetime() + EXPIRY_GRACE_SECONDS
        if left <= 0:
            self.close(Close.INVALID_TOKEN, "the token has run out")
            return 0
        due = PING_SECONDS - (now - self._heard)
        if self._reading_paused:
            due = PING_SECONDS
        elif self._pinged and self._heard < self._pinged:
            due = PONG_SECONDS - (now - self._pinged)
            if due <= 0:
                self._closing = True
                self.abort()
                return 0
        elif due <= 0:
            self._pinged = now
            self.send(PING)
            due = PONG_SECONDS
        if self._stalled:
            due = min(due, OUTBOX_SECONDS - (now - self._stalled))
        if self.is_v1 and self._expiry_told != self._expires_at:
            warning = self._lifetime() - WARNING_SECONDS
            if warning <= 0:
                self._expiry_told = self._expires_at
                moment = rfc3339(datetime.fromtimestamp(self._expires_at, UTC))
                self.send(text_frame(encode(SessionExpiring(SessionExpiringData(moment)))))
            else:
                due = min(due, warning)
        return max(1.0, min(due, left))

    def _lifetime(self) -> float:
        """Seconds until the session's last token runs out."""
        return self._expires_at - self._sockets.clock().timestamp()

    def _too_fast(self) -> float:
        """Take one from this socket's allowance; the seconds until there is one, or 0 when there was."""
        factor = self._sockets.rate_limits
        now = self._sockets.wheel.time()
        self._allowance = min(max(1.0, BURST * factor), self._allowance + (now - self._allowance_at) * RATE * factor)
        self._allowance_at = now
        if self._allowance >= 1.0:
            self._allowance -= 1.0
            self._refused = max(0, self._refused - 1)
            return 0.0
        return (1.0 - self._allowance) / (RATE * factor)

    def _slow_down(self, text: str, wait: float) -> None:
        """Answer what came too fast; whoever does not listen is sent away."""
        self._refused += 1
        if self._refused > REFUSALS:
            self.close(Close.TOO_SLOW, retry_hint(5_000, 30_000))
            return
        self._refuse(text, AppError(Code.RATE_LIMITED, "Too many messages; this one was not stored.", retry_after=wait))

    def _refuse(self, text: str, error: AppError) -> None:
        client_id, room_id = named(text)
        self.send_error(error, client_id, room_id if self.is_v1 else None)
