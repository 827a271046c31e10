"""What `npm start` is to a React developer: pages on a port of their own, and everything else forwarded to the API."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class DevServer:
    """Serves `pages` (path → type and body); set `api_port` before the first request for anything else."""

    port: int
    api_port: int = 0
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request: a page, or a pipe to the API."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            if path in self.pages:
                writer.write(answer(*self.pages[path]))
                await writer.drain()
                return
            api_reader, api_writer = await asyncio.open_connection("localhost", self.api_port)
            with contextlib.closing(api_writer):
                api_writer.write(head.replace(b"Connection: keep-alive", b"Connection: close"))  # one request
                await asyncio.gather(pipe(reader, api_writer), pipe(api_reader, writer))


def answer(kind: str, body: str) -> bytes:
    """A page, and the end of the connection."""
    payload = body.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(payload)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + payload


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, then pass the end on."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def dev_server(pages: Mapping[str, tuple[str, str]]) -> AsyncIterator[DevServer]:
    """Run one on a free port of localhost."""
    dev = DevServer(0, pages=dict(pages))
    server = await asyncio.start_server(dev.serve, "127.0.0.1", 0)
    dev.port = server.sockets[0].getsockname()[1]
    try:
        yield dev
    finally:
        server.close()
