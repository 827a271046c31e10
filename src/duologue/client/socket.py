"""One WebSocket of `duologue.v1`, from its handshake to its end."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import msgspec
from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from duologue.client.errors import LinkError
from duologue.wire.channels import SUBPROTOCOL
from duologue.wire.frames import RetryHint

__all__ = ["Ended", "Socket", "open_socket"]

OPEN_SECONDS = 10.0
CLOSE_SECONDS = 2.0  # for the server's own close frame; then the connection is cut
IDLE_SECONDS = 20.0  # below the server's 25, so that a dead link is found by whichever end looks first
SILENT_SECONDS = 30.0
FRAME_BYTES = 1 << 20
NO_CODE = 1006  # RFC 6455 §7.4.1: ended without a close frame
NO_STATUS = 1005  # a close frame without a code; it must not be sent as one

log = logging.getLogger("duologue.client.socket")
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Ended:
    """How a socket ended. `retry` is when the server wants to see its client again, in seconds, where it said so."""

    code: int
    reason: str = ""
    retry: float | None = None


class Socket(WSListener):
    """Tells `opened` when it is there, and hands each text frame to `heard` in the turn of the loop in which it comes.

    The first frame may come right behind the handshake, before whoever opened it runs again. `ended` is done last.
    """

    def __init__(self, opened: Callable[["Socket"], None], heard: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._opened = opened
        self._heard = heard
        self._transport: WSTransport | None = None
        self._close: tuple[int, str] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        self._is_abandoned = False
        self.ended: asyncio.Future[Ended] = self._loop.create_future()

    @property
    def was_opened(self) -> bool:
        """Whether the handshake was done, whatever came after it."""
        return self._transport is not None

    def send(self, kind: str, data: object) -> None:
        """Send a command; on a socket that has ended nothing happens."""
        if self._transport is not None and not self.ended.done():
            self._transport.send(WSMsgType.TEXT, encode({"type": kind, "data": data}))

    def cut(self) -> None:
        """End it without a word, as soon as it is there."""
        self._is_abandoned = True
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def close(self) -> None:
        """Say goodbye, and wait for the answer for a little while."""
        if self._transport is None or self.ended.done():
            return
        try:
            self._transport.send_close(WSCloseCode.OK)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.shield(self.ended)
        finally:
            self.cut()

    # What picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self._is_abandoned:
            self.cut()
        else:
            self._look()
            self._opened(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._heard_at = self._loop.time()
        if frame.msg_type == WSMsgType.TEXT:
            self._heard(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            code = int(cast(int, frame.get_close_code()))  # a compiled enum, whatever its stub says
            self._close = code, frame.get_close_reason() or ""
            transport.send_close(WSCloseCode.OK if code == NO_STATUS else frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if not self.ended.done():
            code, reason = self._close or (NO_CODE, "")
            retry = None
            with contextlib.suppress(msgspec.DecodeError):
                retry = msgspec.json.decode(reason, type=RetryHint).retry_ms / 1000
            self.ended.set_result(Ended(code, reason, retry))

    def pause_writing(self) -> None:
        """What waits is bounded by the outbox."""

    def resume_writing(self) -> None:
        """So there is nothing to go on with."""

    def _look(self) -> None:
        """Ask an idle peer whether it is there, and give up one that does not answer."""
        assert self._transport is not None
        silent = self._loop.time() - self._heard_at
        if silent >= SILENT_SECONDS:
            self.cut()
            return
        if silent >= IDLE_SECONDS:
            self._transport.send_ping()
        self._watch = self._loop.call_later(SILENT_SECONDS - IDLE_SECONDS, self._look)


async def open_socket(socket: Socket, url: str, token: str, context: ssl.SSLContext | None) -> None:
    """Open it. `LinkError` when the server cannot be reached or does not answer as one of Duologue's."""
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await ws_connect(
                lambda: socket,
                url,
                ssl_context=context,
                # A header rather than `?token=`: addresses end up in the logs of proxies.
                extra_headers=[("Authorization", f"Bearer {token}"), ("Sec-WebSocket-Protocol", SUBPROTOCOL)],
                websocket_handshake_timeout=OPEN_SECONDS,
                logger_name=log,
                max_frame_size=FRAME_BYTES,
                max_redirects=0,
                read_buffer_init_size=4096,
            )
    except (OSError, TimeoutError, WSError, EOFError) as error:
        raise LinkError(f"{url} cannot be reached: {error or type(error).__name__}") from error
    if not socket.was_opened:  # picows takes an end in the middle of the handshake for success
        raise LinkError(f"{url} cannot be reached: the connection ended in the handshake")
