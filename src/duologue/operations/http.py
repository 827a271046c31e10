"""HTTP/1.1 on a connection: uvicorn's parser, with an end to requests that never end."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HttpProtocol"]

REQUEST_SECONDS = 15.0  # from the connection, or the first byte of a later request, to the last byte of its body
HEAD_BYTES = 64 * 1024


class JoiningTransport:
    """Joins two writes of a turn of the loop: uvicorn's of a head, and of the body behind it.

    A write costs more than most answers: `GET /msg/room` took a fifth longer (`python -m bench rooms`).
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, with what is written next in this turn."""
        if self._head is None:
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            data, self._head = self._head + data, None
            self._transport.write(data)

    def close(self) -> None:
        """Send what waits, and hang up."""
        self._flush()
        self._transport.close()

    def let_go(self) -> asyncio.Transport:
        """The transport, with nothing held back."""
        self._flush()
        return self._transport

    def _flush(self) -> None:
        if self._head is not None:
            data, self._head = self._head, None
            if not self._transport.is_closing():
                self._transport.write(data)


class HttpProtocol(HttpToolsProtocol):
    """Cuts connections that send nothing, or half a request, or a head without end (slowloris)."""

    request_seconds = REQUEST_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is due."""
        super().connection_made(cast(asyncio.Transport, JoiningTransport(transport, self.loop)))
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        self._head_bytes += len(data)
        super().data_received(data)
        # Where a body or the end of the request was in these bytes, the count has begun again.
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's head is too large.")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._expect()

    def on_body(self, body: bytes) -> None:
        """The head is over; bodies are bounded where they are read."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._arrived()
        self._head_bytes = 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """The handshake has a time-out of its own."""
        self._arrived()
        self.transport = cast(JoiningTransport, self.transport).let_go()
        super().handle_websocket_upgrade()

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self._cut)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()
