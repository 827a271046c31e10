"""An echo server of the real pieces: uvicorn, the handshake, the parser, the framing, the outbox; and an echo as route.

`python -m tests.autobahn.echo` prints its port and serves until its standard input ends.
"""

import asyncio
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import uvicorn
import uvloop
from picows import WSFrame, WSMsgType

from duologue.app import QuietServer
from duologue.identity import Identity
from duologue.realtime.connection import Connection
from duologue.realtime.framing import FrameSink, Framing, text_frame
from duologue.realtime.outbox import Flusher
from duologue.realtime.server import Handshake, SocketProtocol, socket_protocol
from duologue.realtime.sockets import Sockets
from duologue.realtime.wheel import Wheel


def binary_frame(payload: bytes) -> bytes:
    """A whole unmasked binary frame."""
    frame = bytearray(text_frame(payload))
    frame[0] = 0x82
    return bytes(frame)


class Echo:
    """A route that says everything again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def opened(self) -> None:
        """Nothing to say yet."""

    def closed(self) -> None:
        """Nothing to forget."""

    def received(self, text: str) -> None:
        """Say it again."""
        self._connection.send(text_frame(text.encode()))

    def received_binary(self, payload: bytes) -> None:
        """Say it again, in binary."""
        self._connection.send(binary_frame(payload))


class BinaryFraming(Framing):
    """The framing, without our refusal of binary messages (the suite sends whole ones only)."""

    def __init__(self, echo: Echo) -> None:
        super().__init__()
        self._echo = echo

    def feed(self, frame: WSFrame, sink: FrameSink) -> None:
        """Echo a whole binary frame; the rest is for the framing."""
        if frame.msg_type == WSMsgType.BINARY and frame.fin and not (frame.rsv1 or frame.rsv2 or frame.rsv3):
            self._echo.received_binary(frame.get_payload_as_bytes())
        else:
            super().feed(frame, sink)


class NoPresence:
    """Nobody is counted."""

    def came(self, user_id: int) -> None: ...

    def went(self, user_id: int) -> None: ...


class EchoHandshaker:
    """Lets everybody in, and keeps who came."""

    origins = ()

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self.gate = self
        self.under_way: set[SocketProtocol] = set()
        self.opened: list[Connection] = []

    def handshake(self, under_way: int) -> int:
        """There is always room."""
        return 0

    async def open(self, handshake: Handshake, peer: str) -> Connection:
        """An echo."""
        identity = Identity(1, uuid.UUID(int=1), 1, int(time.time()) + 3600, "")
        connection = Connection(self._sockets, identity)
        connection.route = echo = Echo(connection)
        connection.framing = BinaryFraming(echo)
        self.opened.append(connection)
        return connection


@dataclass(frozen=True, slots=True)
class EchoServer:
    """Serving on `port` of the loopback."""

    port: int
    wheel: Wheel
    sockets: Sockets
    opened: list[Connection]
    """Every connection there was."""


@asynccontextmanager
async def echo_server(clock: Callable[[], float] | None = None) -> AsyncIterator[EchoServer]:
    """An echo server in this loop; its heartbeat goes by `clock`, in seconds."""
    loop = asyncio.get_running_loop()
    wheel = Wheel(clock or loop.time)
    sockets = Sockets(wheel, Flusher(loop), NoPresence(), lambda: datetime.now(UTC))
    handshaker = EchoHandshaker(sockets)
    listening = socket.create_server(("127.0.0.1", 0))
    server = QuietServer(
        uvicorn.Config(
            lambda scope: None,
            interface="asgi3",
            ws=socket_protocol(handshaker),
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    )
    wheel.start()
    serving = asyncio.create_task(server.serve([listening]))
    await server.up.wait()
    try:
        yield EchoServer(listening.getsockname()[1], wheel, sockets, handshaker.opened)
    finally:
        server.should_exit = True
        await sockets.stop()
        await serving
        await wheel.stop()


async def serve() -> None:
    """Until standard input ends."""
    async with echo_server() as server:
        print(server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
