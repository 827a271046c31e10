"""A WebSocket client that sends whatever bytes it is told to, and reads frames without judging them."""

import asyncio
import base64
import contextlib
import json
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.harness.people import SECONDS, Person
from tests.harness.schemas import channel_of, check_frame

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def mask(payload: bytes, key: bytes) -> bytes:
    """Masked, or unmasked again (RFC 6455 §5.3)."""
    keys = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(keys)).to_bytes(len(payload))


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, key: bytes | None = b"mask") -> bytes:
    """A client's frame; not masked with `key=None`."""
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if key is not None else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    return head + (key + mask(payload, key) if key is not None else payload)


def text(content: object, **options: Any) -> bytes:
    """A text frame with JSON."""
    return frame(TEXT, json.dumps(content).encode(), **options)


def close(code: int, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, code.to_bytes(2) + reason)


@dataclass(frozen=True, slots=True)
class Frame:
    """What the server sent."""

    opcode: int
    payload: bytes

    @property
    def json(self) -> Any:
        """The payload, read as JSON."""
        return json.loads(self.payload)

    @property
    def code(self) -> int:
        """A close frame's code; 1005 for none."""
        return int.from_bytes(self.payload[:2]) if self.payload else 1005


class RawSocket:
    """The upgrade is done; from here on anything goes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, channel: str, is_v1: bool) -> None:
        self.reader = reader
        self.writer = writer
        self._channel = channel
        self._is_v1 = is_v1

    async def send(self, *frames: bytes) -> None:
        """Send them in one write."""
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def receive(self) -> Frame | None:
        """The next frame, of those that `/asyncapi.json` knows; `None` at the end of the stream or after a reset."""
        try:
            async with asyncio.timeout(SECONDS):
                first, second = await self.reader.readexactly(2)
                assert not second & 0x80, "a server's frames are not masked"
                size = second & 0x7F
                if size > 125:
                    size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
                frame = Frame(first & 0xF, await self.reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        assert first & 0xF0 == 0x80, "the server sends whole frames, and no reserved bits"
        if frame.opcode == TEXT and self._channel:
            check_frame(self._channel, "send", self._is_v1, frame.json)
        return frame

    async def finish(self) -> None:
        """Say that nothing more will come, without a close frame."""
        with contextlib.suppress(OSError):
            self.writer.write_eof()

    async def rest(self) -> list[Frame]:
        """Every frame until the server ends the connection."""
        frames = []
        while (each := await self.receive()) is not None:
            frames.append(each)
        return frames


def upgrade(target: str, port: int, *headers: str) -> bytes:
    """A handshake."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def raw_socket(person: Person, route: str, *, v1: bool = False, **query: Any) -> AsyncIterator[RawSocket]:
    """A raw socket of this person."""
    port = int(person.ws_url.rpartition(":")[2])
    headers = ("Sec-WebSocket-Protocol: duologue.v1",) if v1 else ()
    async with upgraded(port, f"{route}?{urlencode({'token': person.token, **query})}", *headers) as socket:
        yield socket


@asynccontextmanager
async def upgraded(port: int, target: str, *headers: str) -> AsyncIterator[RawSocket]:
    """A raw socket of whoever `target` and the headers say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(upgrade(target, port, *headers))
        async with asyncio.timeout(SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield RawSocket(reader, writer, channel_of(target), bool(headers))
    finally:
        writer.transport.abort()
