"""A node goes, and all its sockets come back to another one: told when to (a deploy), or cut (kill -9)."""

import argparse
import signal
from dataclasses import dataclass
from typing import Any

import msgspec

from bench import machine
from bench.load_process import LoadProcess
from bench.people import Pair, make_rooms
from bench.returning import Return, Storm
from bench.stage import Server, Stage, open_stage
from bench.table import Table, spread
from duologue.cluster.server import LocalNats
from duologue.realtime.drain import plan

__all__ = ["add_arguments", "run", "tables"]

KINDS = {"told": signal.SIGTERM, "cut": signal.SIGKILL}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--turns", type=int, default=2)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a storm cost."""

    result: Return
    server: float
    """CPU seconds of the node they came to."""
    postgres: float


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Two fresh nodes a turn: the sockets are on the first, and come back to the second."""
    turns: list[dict[str, Any]] = []
    wrong: list[str] = []
    window_ms = plan(options.sockets).window_ms
    async with open_stage() as stage:
        nats = LocalNats()
        url = await nats.start()
        try:
            origin = await stage.duologue(NATS_URL=url)
            pairs = await make_rooms(origin.dsn, options.sockets // 2)
            for turn in range(options.turns):
                for kind in options.kinds:
                    first, second = [
                        await stage.duologue(NATS_URL=url, DATABASE_URL=origin.dsn, DATA_DIR=str(stage.folder / name))
                        for name in ("first", "second")
                    ]
                    found = await storm(stage, pairs, first, second, KINDS[kind], window_ms)
                    result = found.result
                    ordered = sorted(result.milliseconds)
                    if result.failed or len(ordered) != len(pairs) * 2:
                        wrong.append(f"{kind}: {result.failed} handshakes failed")
                    if kind == "told" and result.told != len(pairs) * 2:
                        wrong.append(f"{len(pairs) * 2 - result.told} sockets were not told when to come back")
                    turns.append(
                        {
                            "kind": kind,
                            "turn": turn,
                            "told": result.told,
                            "failed": result.failed,
                            "told_s": result.last_told,
                            "back_s": result.seconds,
                            "busiest": result.busiest,
                            "p50": ordered[len(ordered) // 2],
                            "p99": ordered[int(len(ordered) * 0.99)],
                            "worst": ordered[-1],
                            "server_us": found.server * 1e6 / len(ordered),
                            "postgres_us": found.postgres * 1e6 / len(ordered),
                        }
                    )
                    second.process.terminate()
                    await second.process.wait()
        finally:
            await nats.stop()
    return {"sockets": options.sockets, "window_ms": window_ms, "turns": turns, "faults": wrong}


async def storm(
    stage: Stage, pairs: list[Pair], first: Server, second: Server, number: signal.Signals, window_ms: int
) -> Turn:
    """End the first node when all sockets are open; what became of them."""
    task = Storm(urls(first, pairs), urls(second, pairs), window_ms)
    load = await LoadProcess.start("bench.returning", task)
    server = postgres = 0.0
    async for event in load.events():
        if event.event == "ready":
            server, postgres = machine.cpu_seconds(second.pid), stage.postgres_cpu()
            first.process.send_signal(number)
        else:
            cpu = machine.cpu_seconds(second.pid) - server, stage.postgres_cpu() - postgres
            await load.end()
            await first.process.wait()
            return Turn(msgspec.json.decode(event.value, type=Return), *cpu)
    raise RuntimeError("the sockets' process ended before its storm was over")


def urls(server: Server, pairs: list[Pair]) -> list[str]:
    """Where both people of each room connect."""
    base = f"ws://127.0.0.1:{server.port}/room"
    return [f"{base}/{pair.room}?token={person.token}" for pair in pairs for person in (pair.first, pair.second)]


def tables(found: dict[str, Any]) -> list[Table]:
    """By how the node went."""
    rows = []
    for kind, text in (("told", "a deploy: told when to come back"), ("cut", "kill -9: they choose a time themselves")):
        own = [turn for turn in found["turns"] if turn["kind"] == kind]
        if own:
            rows.append(
                [
                    text,
                    *(spread([turn[key] for turn in own], ",.1f") for key in ("told_s", "back_s")),
                    spread([turn["busiest"] for turn in own]),
                    *(spread([turn[key] for turn in own], ",.1f") for key in ("p50", "p99", "worst")),
                    spread([turn["failed"] for turn in own]),
                    spread([turn["server_us"] for turn in own]),
                ]
            )
    columns = ["", "last gone after s", "all back after s", "busiest second", *("p50 ms", "p99 ms", "worst ms")]
    title = f"{found['sockets']:,} sockets of one node, coming back to another over {found['window_ms'] / 1000:.1f} s"
    return [Table(title, [*columns, "failed", "server µs each"], rows)]
