"""A lane of the load: one room, a socket that speaks and a socket that hears."""

import asyncio
import logging
import math
import time
from collections import Counter
from typing import cast

import msgspec
from picows import WSAutoPingStrategy, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

__all__ = ["Lane", "Latencies", "NullLogger", "open_socket"]

NUMBER = 9  # digits
MASKED_EMPTY = bytes(4)  # a mask of zeros: the frame is masked as it must be, and ready without work


class Heard(msgspec.Struct):
    """What a reader looks at."""

    content: str


class Frame(msgspec.Struct):
    """A NEW_MESSAGE of any of the servers."""

    type: str
    data: Heard


decode = msgspec.json.Decoder(Frame).decode
now = time.perf_counter


class Latencies:
    """Counts by size, in steps of one per cent, so that several processes' can be added."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[int(math.log(max(seconds, 1e-6) * 1e6) * 100)] += 1

    def milliseconds(self, share: float) -> float:
        """The quantile."""
        left = share * self.counts.total()
        for step in sorted(self.counts):
            left -= self.counts[step]
            if left <= 0:
                return math.exp((step + 1) / 100) / 1000
        return 0.0


class NullLogger:
    """picows makes a logger a connection, unless it is given something else."""

    def __getattr__(self, name: str) -> object:
        return lambda *args, **kwargs: False


class Silent(WSListener):
    """Opens, and says nothing."""

    def __init__(self) -> None:
        self.transport: WSTransport | None = None
        self.heard = 0
        self.gone = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade was answered."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count."""
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            print(f"closed: {frame.get_close_code()} {frame.get_close_message()!r}", flush=True)
            self.gone = True
        else:
            self.heard += 1

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Gone."""
        self.gone = True


class Hearer(Silent):
    """Hears a lane's messages."""

    def __init__(self, lane: "Lane") -> None:
        super().__init__()
        self._lane = lane

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A message, or something of the protocol's own."""
        if frame.msg_type == WSMsgType.TEXT:
            self._lane.heard(frame.get_payload_as_bytes())
        else:
            super().on_ws_frame(transport, frame)


class Lane:
    """Numbers what it says and checks what is heard: each number once, in order."""

    def __init__(self, mark: str, size: int, latencies: Latencies) -> None:
        """`mark` begins every message of this run; `size` is the length of a content."""
        self._mark = mark
        self._filler = "x" * max(0, size - len(mark) - NUMBER - 1)
        self._latencies = latencies
        self._due: list[float] = []
        self._frames: list[bytes] = []
        self._seen = bytearray()
        self._next = 0
        self.sent = self.received = self.doubled = self.disordered = self.measured = 0
        self.closed_loop = False
        self.measuring = False
        self.speaker = Silent()
        self.hearer = Hearer(self)

    async def open(self, speaking: str, hearing: str) -> None:
        """Open both sockets."""
        await asyncio.gather(open_socket(self.speaker, speaking), open_socket(self.hearer, hearing))

    def say(self, due: float) -> None:
        """One more message; `due` is when it ought to leave. Frames of one turn of the loop leave in one write."""
        payload = f'{{"content":"{self._mark}{self.sent:0{NUMBER}d} {self._filler}"}}'.encode()
        self.sent += 1
        self._due.append(due)
        self._seen.append(0)
        size = len(payload)
        head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        if not self._frames:
            asyncio.get_running_loop().call_soon(self._flush)
        self._frames.append(head + MASKED_EMPTY + payload)

    def _flush(self) -> None:
        frames, self._frames = self._frames, []
        assert self.speaker.transport is not None
        self.speaker.transport.underlying_transport.write(b"".join(frames))

    def heard(self, payload: bytes) -> None:
        """A message arrived."""
        frame = decode(payload)
        if frame.type != "NEW_MESSAGE":
            raise RuntimeError(f"the server says {payload!r}")
        mark = len(self._mark)
        number = int(frame.data.content[mark : mark + NUMBER])
        if self._seen[number]:
            self.doubled += 1
            return
        self._seen[number] = 1
        if number != self._next:
            self.disordered += 1
        self._next = number + 1
        self.received += 1
        if self.measuring:
            self.measured += 1
            self._latencies.add(now() - self._due[number])
        if self.closed_loop:
            self.say(now())


async def open_socket(listener: WSListener, url: str, subprotocol: str = "") -> WSTransport:
    """Open a socket without pings and logs of its own."""
    transport, _ = await ws_connect(
        lambda: listener,
        url,
        logger_name=cast(logging.Logger, NullLogger()),
        enable_auto_ping=False,
        auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
        enable_auto_pong=False,
        websocket_handshake_timeout=60,
        proxy=None,
        read_buffer_init_size=4096,
        extra_headers={"Sec-WebSocket-Protocol": subprotocol} if subprotocol else None,
    )
    return transport
