"""Who is silent is asked, and who does not answer is cut; the clock is the tests', the wheel is the real one."""

import asyncio
from dataclasses import dataclass

import pytest

from duologue.realtime.connection import CLOSE_SECONDS, PING_SECONDS, PONG_SECONDS, SLOW_CLOSE_SECONDS, Connection
from duologue.realtime.wheel import SLOTS
from tests.autobahn.echo import EchoServer, echo_server
from tests.harness.people import SECONDS
from tests.harness.raw import CLOSE, PING, PONG, TEXT, RawSocket, close, frame, upgraded


@dataclass
class Silent:
    """A socket, its end in the server, and a clock that stands still until it is moved."""

    server: EchoServer
    socket: RawSocket
    connection: Connection
    clock: list[int]

    async def wait(self, seconds: float) -> None:
        """Let so much time go by, and the wheel turn."""
        self.clock[0] += int(seconds)
        async with asyncio.timeout(SECONDS):
            while self.server.wheel._hand != self.clock[0] % SLOTS:
                await asyncio.sleep(0.005)

    async def tell(self, *frames: bytes) -> None:
        """Send, and wait until the server has read it; nothing else has come from it."""
        await self.socket.send(*frames, frame(TEXT, b"mark"))
        answer = await self.socket.receive()
        assert answer is not None
        assert answer.payload == b"mark"

    async def is_pinged(self) -> bool:
        """Whether the next frame is a ping."""
        answer = await self.socket.receive()
        return answer is not None and answer.opcode == PING

    async def is_cut(self) -> bool:
        """Whether the connection ends without another frame, and the server knows nothing of it any more."""
        answer = await self.socket.receive()
        async with asyncio.timeout(SECONDS):
            while len(self.server.sockets) or len(self.server.wheel):
                await asyncio.sleep(0.005)
        return answer is None


@pytest.fixture
async def silent():
    """Just opened."""
    clock = [0]
    async with echo_server(lambda: clock[0]) as server, upgraded(server.port, "/") as socket:
        yield Silent(server, socket, server.opened[0], clock)


async def test_a_silent_socket_is_pinged_and_stays_as_long_as_it_answers(silent):
    for _ in range(2):
        await silent.wait(PING_SECONDS)
        assert await silent.is_pinged()
        await silent.tell(frame(PONG))
    await silent.wait(PONG_SECONDS)
    await silent.tell()


async def test_a_socket_that_does_not_answer_is_cut(silent):
    await silent.wait(PING_SECONDS)
    assert await silent.is_pinged()
    await silent.wait(PONG_SECONDS)
    assert await silent.is_cut()


async def test_a_socket_that_speaks_is_not_asked(silent):
    for _ in range(2):
        await silent.wait(PING_SECONDS - 1)
        await silent.tell()
    await silent.wait(PING_SECONDS)
    assert await silent.is_pinged()


async def test_a_message_is_an_answer_to_a_ping(silent):
    await silent.wait(PING_SECONDS)
    assert await silent.is_pinged()
    await silent.tell()
    await silent.wait(PONG_SECONDS)
    await silent.tell()


async def test_a_close_that_is_not_answered_ends_in_a_cut(silent):
    silent.connection.close(4010, "the session ended")
    assert (await silent.socket.receive()).code == 4010
    await silent.wait(CLOSE_SECONDS)
    assert await silent.is_cut()


async def test_a_close_that_is_answered_ends_at_once(silent):
    silent.connection.close(4010, "the session ended")
    assert (await silent.socket.receive()).code == 4010
    await silent.socket.send(close(4010))
    assert await silent.is_cut()


async def test_a_reader_that_was_too_slow_has_a_minute_to_read_why(silent):
    silent.connection.too_slow()
    await silent.wait(SLOW_CLOSE_SECONDS - 1)
    assert len(silent.server.sockets) == 1
    assert (await silent.socket.receive()).code == 4008
    await silent.wait(1)
    assert await silent.is_cut()


@pytest.mark.parametrize("last", [frame(0x3), close(1000)])
async def test_a_peer_that_never_hangs_up_is_cut(silent, last):
    await silent.socket.send(last)
    assert (await silent.socket.receive()).opcode == CLOSE
    await silent.wait(CLOSE_SECONDS)
    assert await silent.is_cut()
