"""Open loop: messages leave at an offered rate over many rooms, whatever became of those before.

Latency counts from the moment a message ought to have left, so a stall is paid by every message that it held up.
"""

import argparse
from typing import Any

from bench.accounts import faults, stored
from bench.client import Task
from bench.rivals import PEERS, start_rivals
from bench.stage import open_stage
from bench.table import Table, spread
from bench.talk import Latencies
from bench.workers import perform

__all__ = ["add_arguments", "run", "steps", "tables"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--rates", nargs="+", type=int, default=[500, 1000, 5000, 10000], help="messages a second")
    parser.add_argument("--peer-rates", nargs="*", type=int, default=[500, 1000], help="what the peers are offered")
    parser.add_argument("--peers", nargs="*", default=["node"], choices=PEERS)
    parser.add_argument("--rooms", type=int, default=200)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)


def steps(options: argparse.Namespace) -> int:
    """How many turns there will be."""
    return options.turns * sum(1 + len(options.peers) * (rate in options.peer_rates) for rate in options.rates)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Take turns."""
    turns: list[dict[str, Any]] = []
    wrong: list[str] = []
    async with open_stage() as stage:
        rivals = await start_rivals(stage, options.peers, options.rooms)
        for rate in options.rates:
            for turn in range(options.turns):
                for name, rival in rivals.items():
                    if name != "duologue" and rate not in options.peer_rates:
                        continue
                    mark = f"{rate}.{turn}:"
                    options.progress.step(f"{name}, {rate} a second")
                    await stage.checkpoint()
                    task = Task(rival.lanes(0, options.rooms), rate=rate, seconds=options.seconds, mark=mark)
                    result, cpu = await perform(stage, rival.server, task)
                    found = await stored(rival, mark, [pair.room for pair in rival.pairs])
                    wrong += faults(name, result, found)
                    latencies = Latencies()
                    latencies.counts.update(result.latencies)
                    turns.append(
                        {
                            "offered": rate,
                            "server": name,
                            "turn": turn,
                            "rate": result.measured / result.seconds,
                            "p50": latencies.milliseconds(0.5),
                            "p99": latencies.milliseconds(0.99),
                            "p999": latencies.milliseconds(0.999),
                            "late_ms": result.late_ms,
                            "server_us": cpu.server * 1e6 / max(1, result.measured),
                            "postgres_us": cpu.postgres * 1e6 / max(1, result.measured),
                            "disordered": result.disordered,
                        }
                    )
        version = stage.postgres_version
    return {"postgres": version, "rooms": options.rooms, "turns": turns, "faults": wrong}


def tables(found: dict[str, Any]) -> list[Table]:
    """One row a rate and server."""
    rows = []
    for rate, server in dict.fromkeys((turn["offered"], turn["server"]) for turn in found["turns"]):
        own = [turn for turn in found["turns"] if (turn["offered"], turn["server"]) == (rate, server)]
        rows.append(
            [
                f"{rate:,}",
                server,
                spread([turn["rate"] for turn in own]),
                *(spread([turn[key] for turn in own], ",.1f") for key in ("p50", "p99", "p999", "late_ms")),
                *(spread([turn[key] for turn in own]) for key in ("server_us", "postgres_us")),
            ]
        )
    columns = ["offered/s", "", "delivered/s", "p50 ms", "p99 ms", "p99.9 ms", "load late ms", "server µs", "PG µs"]
    return [Table(f"Open loop over {found['rooms']} rooms, latency from the intended moment", columns, rows)]
