"""Typists, in a process of their own: reads a `Typing` from standard input, tells events like `bench.client`.

A socket may say that it types every 2.5 s, so there are many of them, and each speaks in its turn.
"""

import asyncio
import gc
import sys

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from bench.client import tell
from bench.talk import open_socket

__all__ = ["Heard", "Typists"]

ROUND_SECONDS = 3.2  # the load itself may be late
OPENED_AT_ONCE = 50
SETTLE_SECONDS = 1.0

TYPING = b'{"type":"TYPING","data":{}}'


class Typists(msgspec.Struct):
    """A speaking and a hearing URL for each room."""

    lanes: list[tuple[str, str]]
    rounds: int = 3


class Heard(msgspec.Struct):
    """What came of it, in the framed time."""

    said: int = 0
    heard: int = 0


class Socket(WSListener):
    """Counts the hints it hears."""

    def __init__(self, counts: Heard) -> None:
        self._counts = counts

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A hint, or something else."""
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif b'"TYPING"' in frame.get_payload_as_bytes():
            self._counts.heard += 1


async def main() -> None:
    """Open all sockets, then let each speaker type in its turn, round by round."""
    task = msgspec.json.decode(await asyncio.to_thread(sys.stdin.buffer.readline), type=Typists)
    counts = Heard()
    speakers: list[WSTransport] = []
    for first in range(0, len(task.lanes), OPENED_AT_ONCE):
        lanes = task.lanes[first : first + OPENED_AT_ONCE]
        opened = await asyncio.gather(
            *(open_socket(Socket(counts), url, "duologue.v1") for lane in lanes for url in lane)
        )
        speakers += opened[::2]
    await asyncio.sleep(SETTLE_SECONDS)
    gc.collect()
    gc.freeze()
    tell("ready")
    await asyncio.to_thread(sys.stdin.buffer.readline)
    tell("begin")
    loop = asyncio.get_running_loop()
    start = loop.time()
    for turn in range(task.rounds):
        for number, speaker in enumerate(speakers):
            due = start + (turn + number / len(speakers)) * ROUND_SECONDS
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            speaker.send(WSMsgType.TEXT, TYPING)
            counts.said += 1
    await asyncio.sleep(SETTLE_SECONDS)
    tell("end")
    tell("result", counts)


if __name__ == "__main__":
    uvloop.run(main())
