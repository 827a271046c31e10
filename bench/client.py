"""The load, in a process of its own: reads a `Task` from standard input, does it, tells events on standard output.

`ready` when its sockets are open; it goes on after a line on its standard input. `begin` and `end` frame what is
measured; `result` is the last one.
"""

import asyncio
import gc
import sys
import threading
import time

import msgspec
import uvloop

from bench.talk import Lane, Latencies, Silent, now, open_socket

__all__ = ["Result", "Task"]

DRAIN_SECONDS = 20.0
TICK_SECONDS = 0.0005
JOIN_SECONDS = 0.5  # the peers answer the upgrade before the socket has joined its room


class Task(msgspec.Struct):
    """What to do. `lanes` holds a speaking and a hearing URL each."""

    lanes: list[tuple[str, str]] = []
    idle: list[str] = []
    """Sockets that only listen, opened before anything else."""
    window: int = 0
    """Messages in flight a lane (closed loop)."""
    rate: float = 0.0
    """Messages a second over all lanes (open loop)."""
    seconds: float = 3.0
    warm: float = 1.0
    mark: str = "m"
    size: int = 80
    opening: int = 50
    """Idle sockets opened at once."""
    timed_opening: bool = False
    """Whether the idle sockets are opened between `begin` and `end`, which is then all there is to do."""


class Result(msgspec.Struct):
    """What happened. Counts of all, `measured` of the framed time alone."""

    sent: int = 0
    received: int = 0
    doubled: int = 0
    disordered: int = 0
    measured: int = 0
    seconds: float = 0.0
    latencies: dict[int, int] = {}
    late_ms: float = 0.0
    """How late the load itself was at worst (open loop)."""
    idle_heard: int = 0
    gone: int = 0


def tell(event: str, value: object = None) -> None:
    """One line of JSON."""
    sys.stdout.write(msgspec.json.encode({"event": event, "value": value}).decode() + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Do one task."""
    task = msgspec.json.decode(await asyncio.to_thread(sys.stdin.buffer.readline), type=Task)
    latencies = Latencies()
    lanes = [Lane(task.mark, task.size, latencies) for _ in task.lanes]
    idle: list[Silent] = []
    result = Result()
    if not task.timed_opening:
        await open_idle(task, idle)
    for first in range(0, len(lanes), 50):
        some = range(first, min(first + 50, len(lanes)))
        await asyncio.gather(*(lanes[each].open(*task.lanes[each]) for each in some))
    await asyncio.sleep(JOIN_SECONDS)
    gc.collect()
    gc.freeze()
    tell("ready")
    await asyncio.to_thread(sys.stdin.buffer.readline)
    if task.timed_opening:
        tell("begin")
        begun = now()
        await open_idle(task, idle)
        result.seconds = now() - begun
        tell("end")
        await asyncio.to_thread(sys.stdin.buffer.readline)
    elif task.window:
        await closed_loop(task, lanes, result)
    elif task.rate:
        await open_loop(task, lanes, result)
    else:
        tell("begin")
        await asyncio.to_thread(sys.stdin.buffer.readline)
        tell("end")
    deadline = now() + DRAIN_SECONDS
    while now() < deadline and any(  # noqa: ASYNC110 (the drain is not measured)
        lane.received < lane.sent for lane in lanes
    ):
        await asyncio.sleep(0.02)
    for lane in lanes:
        result.sent += lane.sent
        result.received += lane.received
        result.doubled += lane.doubled
        result.disordered += lane.disordered
        result.measured += lane.measured
    result.latencies = dict(latencies.counts)
    result.idle_heard = sum(each.heard for each in idle)
    result.gone = sum(each.gone for each in idle) + sum(lane.speaker.gone or lane.hearer.gone for lane in lanes)
    tell("result", result)


async def open_idle(task: Task, idle: list[Silent]) -> None:
    """Open the sockets that only listen, some at a time."""
    urls = iter(task.idle)

    async def open_some() -> None:
        for url in urls:
            listener = Silent()
            await open_socket(listener, url)
            idle.append(listener)

    await asyncio.gather(*(open_some() for _ in range(task.opening)))


async def frame(task: Task, lanes: list[Lane], result: Result) -> None:
    """Warm up, then measure."""
    await asyncio.sleep(task.warm)
    tell("begin")
    begun = now()
    for lane in lanes:
        lane.measuring = True
    await asyncio.sleep(task.seconds)
    for lane in lanes:
        lane.measuring = False
    result.seconds = now() - begun
    tell("end")


async def closed_loop(task: Task, lanes: list[Lane], result: Result) -> None:
    """Each message heard is followed by the next one said."""
    for lane in lanes:
        lane.closed_loop = True
        for _ in range(task.window):
            lane.say(now())
    await frame(task, lanes, result)
    for lane in lanes:
        lane.closed_loop = False


async def open_loop(task: Task, lanes: list[Lane], result: Result) -> None:
    """Each message leaves when its time has come, whatever became of the others; latency counts from that time."""
    loop = asyncio.get_running_loop()
    start = now() + 0.05
    stopping = threading.Event()
    said = 0

    def speak() -> None:
        nonlocal said
        moment = now()
        while (due := start + said / task.rate) <= moment and not stopping.is_set():
            if lanes[0].measuring:
                result.late_ms = max(result.late_ms, (moment - due) * 1000)
            lanes[said % len(lanes)].say(due)
            said += 1

    def tick() -> None:
        # A thread: the loop's own timers are a millisecond coarse.
        while not stopping.is_set():
            time.sleep(TICK_SECONDS)
            loop.call_soon_threadsafe(speak)

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    await frame(task, lanes, result)
    stopping.set()
    await asyncio.to_thread(ticker.join)


if __name__ == "__main__":
    uvloop.run(main())
