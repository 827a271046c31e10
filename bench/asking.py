"""HTTP load in a process of its own: one request over and over on several kept connections, or many different ones.

`python -m bench.asking` reads an `Errand` from standard input and writes an `Answer`.
"""

import asyncio
import itertools
import sys
import time
from typing import cast

import msgspec
import uvloop

from bench import machine
from bench.stage import ROOT, Server, Stage

__all__ = ["Answer", "Errand", "ask"]


class Errand(msgspec.Struct):
    """Which requests, ready as bytes, in turn."""

    port: int
    requests: list[str]
    connections: int = 8
    seconds: float = 3.0
    warm: float = 0.5


class Answer(msgspec.Struct):
    """What came back."""

    count: int
    seconds: float
    wrong: int
    p50_ms: float
    p99_ms: float
    server_us: float = 0.0
    postgres_us: float = 0.0


async def ask(stage: Stage, server: Server, errand: Errand) -> Answer:
    """Run it, and count the server's CPU time over it, warming up included."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.asking", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    before = machine.cpu_seconds(server.pid), stage.postgres_cpu()
    output, _ = await process.communicate(msgspec.json.encode(errand))
    answer = msgspec.json.decode(output, type=Answer)
    share = (errand.seconds + errand.warm) / errand.seconds * answer.count
    answer.server_us = (machine.cpu_seconds(server.pid) - before[0]) * 1e6 / share
    answer.postgres_us = (stage.postgres_cpu() - before[1]) * 1e6 / share
    return answer


class Asker(asyncio.Protocol):
    """One connection: a request, its answer, the next."""

    def __init__(self, requests: "itertools.cycle[bytes]", times: list[float], measuring: list[bool]) -> None:
        self._requests = requests
        self._times = times
        self._measuring = measuring
        self._transport: asyncio.Transport
        self._data = b""
        self._asked = 0.0
        self.wrong = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        self._data = b""
        self._asked = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        """Once the answer is whole, ask again."""
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.wrong += b" 200 " not in head[:16]
        if self._measuring[0]:
            self._times.append(time.perf_counter() - self._asked)
        self._next()


async def main() -> None:
    """Do one errand."""
    errand = msgspec.json.decode(await asyncio.to_thread(sys.stdin.buffer.read), type=Errand)
    requests = itertools.cycle([each.encode() for each in errand.requests])
    times: list[float] = []
    measuring = [False]
    loop = asyncio.get_running_loop()
    askers = []
    for _ in range(errand.connections):
        _, asker = await loop.create_connection(lambda: Asker(requests, times, measuring), "127.0.0.1", errand.port)
        askers.append(asker)
    await asyncio.sleep(errand.warm)
    measuring[0] = True
    begun = time.perf_counter()
    await asyncio.sleep(errand.seconds)
    seconds = time.perf_counter() - begun
    times.sort()
    answer = Answer(
        len(times),
        seconds,
        sum(asker.wrong for asker in askers),
        times[len(times) // 2] * 1000,
        times[int(len(times) * 0.99)] * 1000,
    )
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    uvloop.run(main())
