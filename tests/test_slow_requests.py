"""Requests that never end are cut, whatever they have sent so far."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from duologue.operations.http import HEAD_BYTES, HttpProtocol


class Hasty(HttpProtocol):
    """The same, in a hurry."""

    request_seconds = 0.3


async def app(scope, receive, send):
    """Answers when the whole request is there."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Of a server in this process."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, http=Hasty, ws="none", lifespan="off", log_config=None))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()[1]
    await server.shutdown()


REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize("size", [0, 1, 10, len(REQUEST) - 3, len(REQUEST) - 1])
async def test_half_a_request_is_cut(port, size):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST[:size])
    async with asyncio.timeout(10):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    writer.close()


async def test_whole_requests_are_answered_one_after_the_other_and_half_a_later_one_is_cut(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        for _ in range(3):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 ")
        writer.write(REQUEST[:20])
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
    writer.close()


async def test_a_head_without_end_is_refused(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    async with asyncio.timeout(10):
        writer.write(b"X-Junk: " + b"x" * HEAD_BYTES + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()
