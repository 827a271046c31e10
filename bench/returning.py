"""Sockets that come back, in a process of their own: each goes to the other node at the time it was told."""

import asyncio
import random
import sys

import msgspec
import uvloop
from picows import WSError, WSFrame, WSMsgType, WSTransport

from bench.client import tell
from bench.talk import Silent, now, open_socket

__all__ = ["Return", "Storm"]

OPENING = 50  # sockets opened at once, at the beginning
LONGEST_SECONDS = 90.0


class Storm(msgspec.Struct):
    """What to do."""

    first: list[str]
    """Where the sockets are, by URL."""
    second: list[str]
    """Where each goes, in the same order."""
    window_ms: int
    """Of those who were told nothing: they choose a time of their own in it."""


class Return(msgspec.Struct):
    """What happened."""

    milliseconds: list[float]
    """Of each handshake, from the connection to the answered upgrade."""
    failed: int
    told: int
    """How many were told when to come back."""
    last_told: float
    """Seconds from the first socket's end to the last one's."""
    seconds: float
    """From the first socket's end until the last one was back."""
    busiest: int
    """Handshakes of the busiest second."""


class Hint(msgspec.Struct, rename="camel"):
    """The reason of a close frame."""

    retry_ms: int


class Returning(Silent):
    """Knows when it ended, and when it is to come back."""

    def __init__(self) -> None:
        super().__init__()
        self.retry_ms: int | None = None
        self.ended_at = 0.0
        self.ended = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answers the close, as browsers do."""
        if frame.msg_type != WSMsgType.CLOSE:
            super().on_ws_frame(transport, frame)
            return
        self.retry_ms = msgspec.json.decode(frame.get_close_message() or b"", type=Hint).retry_ms
        transport.send_close(frame.get_close_code())
        transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """It has ended."""
        self.ended_at = now()
        self.ended.set()


async def main() -> None:
    """One storm."""
    storm = msgspec.json.decode(await asyncio.to_thread(sys.stdin.buffer.readline), type=Storm)
    there: list[Returning] = []
    urls = iter(zip(storm.first, storm.second, strict=True))
    result = Return([], 0, 0, 0.0, 0.0, 0)
    arrivals: list[float] = []

    async def live(url: str, other: str) -> None:
        listener = Returning()
        await open_socket(listener, url)
        there.append(listener)
        returns.append(asyncio.create_task(come_back(listener, other)))

    async def come_back(listener: Returning, other: str) -> None:
        await listener.ended.wait()
        wait = listener.retry_ms if listener.retry_ms is not None else random.uniform(500, 500 + storm.window_ms)
        await asyncio.sleep(wait / 1000)
        begun = now()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                kept.append(await open_socket(Silent(), other))
        except (OSError, WSError) as fault:
            print(f"no handshake: {fault!r}", flush=True)
            result.failed += 1
            return
        result.milliseconds.append((now() - begun) * 1000)
        arrivals.append(now())

    async def open_some() -> None:
        for url, other in urls:
            await live(url, other)

    returns: list[asyncio.Task[None]] = []
    kept: list[WSTransport] = []
    await asyncio.gather(*(open_some() for _ in range(OPENING)))
    tell("ready")
    await asyncio.gather(*returns)
    ends = [each.ended_at for each in there]
    result.told = sum(each.retry_ms is not None for each in there)
    result.last_told = max(ends) - min(ends)
    result.seconds = max(arrivals, default=min(ends)) - min(ends)
    seconds = [int(arrival - min(ends)) for arrival in arrivals]
    result.busiest = max((seconds.count(each) for each in set(seconds)), default=0)
    tell("result", result)


if __name__ == "__main__":
    uvloop.run(main())
