"""picows as we use it: it parses frames, and writes nothing but the answer to the upgrade."""

import asyncio
import sys
from typing import Any

import structlog
from picows import WSAutoPingStrategy, WSListener, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # not in its public face: its minor is pinned

from duologue.errors import Close
from duologue.realtime.arrival import Arrival
from duologue.realtime.framing import MESSAGE_BYTES, Framing

__all__ = ["Guard", "Parser", "Reader"]

READ_BUFFER_BYTES = 2048  # grows to the largest message a socket sends, and never shrinks

# picows looks for a transport of its author's with every connection; in vain that takes 107 µs, unless it is told here.
sys.modules.setdefault("aiofastnet", None)  # type: ignore[arg-type]
parse = WSProtocol.buffer_updated
log = structlog.get_logger("duologue.socket")


class Reader(WSListener):
    """Who the parser reads for."""

    __slots__ = ()

    framing: Framing
    is_deaf: bool
    """The peer was at fault: nothing more of what it sends is heard."""

    tail: int
    """Set with every frame: the bytes that were read after it."""

    def fail(self, code: int, reason: str) -> None:
        """The peer broke the protocol, or reading what it sent failed: end this with that code."""
        raise NotImplementedError


class Parser(WSProtocol):  # type: ignore[misc]  # an extension type
    """picows' parser with everything off that is done elsewhere: pings, pongs, logging, time-outs."""

    __slots__ = ("_arrival", "_reader")

    def __init__(self, reader: Reader, subprotocol: str | None = None) -> None:
        self._reader = reader
        self._arrival: Arrival | None = None

        def listen(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
            headers = {"Sec-WebSocket-Protocol": subprotocol} if subprotocol else None
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(headers), reader)

        super().__init__(
            None,  # host_port
            None,  # ws_path
            False,  # is_client_side
            listen,
            QUIET,
            True,  # disconnect_on_exception
            None,  # websocket_handshake_timeout
            False,  # enable_auto_ping
            None,
            None,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # enable_auto_pong
            MESSAGE_BYTES,
            None,  # extra_headers
            READ_BUFFER_BYTES,
        )

    def take(self, transport: asyncio.Transport, request: bytes) -> None:
        """Take over the transport, and answer the upgrade request; `Reader.on_ws_connected` is called at once."""
        self.connection_made(Guard(transport, self._reader))
        transport.set_protocol(self)
        view = memoryview(request)
        while view:
            buffer = self.get_buffer(-1)
            size = min(len(buffer), len(view))
            buffer[:size] = view[:size]
            parse(self, size)
            view = view[size:]

    def buffer_updated(self, size: int) -> None:
        """Called by the loop: so many bytes were read into the buffer."""
        reader = self._reader
        if reader.is_deaf:
            return  # The buffer is written over by the next read: whoever floods us fills nothing.
        data = bytes(self.get_buffer(-1)[:size])
        reader.tail = -1
        parse(self, size)
        if reader.tail:
            self._begin(data)
        else:
            self._arrival = None

    def _begin(self, data: bytes) -> None:
        """The read ended inside a frame."""
        reader = self._reader
        if reader.is_deaf:
            return
        if self._arrival is None or reader.tail > 0:
            self._arrival = Arrival()
        try:
            self._arrival.add(data[-reader.tail :] if reader.tail > 0 else data, reader.framing)
        except UnicodeDecodeError:
            reader.fail(Close.INVALID_TEXT, "not UTF-8")


class Guard:
    """What picows takes for its transport.

    At a fault picows writes a close frame before it hands over the frame that came before the faulty one in the same
    read, and reads on. So its close frame is not sent; the reader goes deaf, and fails once this turn of the loop is
    over.
    """

    __slots__ = ("_at_fault", "_reader", "transport")

    def __init__(self, transport: asyncio.Transport, reader: Reader) -> None:
        self.transport = transport
        self._reader = reader
        self._at_fault = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """For `socket`, and names to log."""
        return self.transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Never 0: then picows would write to the file descriptor itself."""
        return 1

    def write(self, data: bytes) -> None:
        """The answer to the upgrade, or a close frame."""
        if data[0] != 0x88:
            self.transport.write(data)
            return
        self._at_fault = self._reader.is_deaf = True
        self.transport.pause_reading()
        payload = data[2:] if data[1] < 126 else data[4:]
        code, reason = int.from_bytes(payload[:2]), payload[2:].decode(errors="replace")
        asyncio.get_running_loop().call_soon(self._reader.fail, code, reason)

    def close(self) -> None:
        """After a refused upgrade; after a fault the reader closes by itself."""
        if not self._at_fault:
            self.transport.close()


class QuietLogger:
    """picows logs every connection and makes a logger for each, unless what it is given is no `logging.Logger`."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 (the name is logging's)
        return False

    def debug(self, *args: object) -> None: ...

    def info(self, *args: object) -> None: ...

    def warning(self, *args: object) -> None: ...

    def log(self, *args: object) -> None: ...

    def error(self, message: str, *args: object) -> None:
        if not message.startswith("WS parser error"):  # the peer's own affair
            log.error("a socket's handler failed", what=message, exc_info=True)

    def exception(self, message: str, *args: object) -> None:
        log.error("a socket's handler failed", what=message, exc_info=True)


QUIET = QuietLogger()
