"""Closed loop: R rooms with W messages in flight each, the servers taking turns of a few seconds.

A room's speaker says its next message when its hearer has heard one. Messages that a read of the load process sets off
leave in one write a socket. Each turn ends with the check that sent = stored = delivered, once each, in order.
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

SHAPES = ("50x16", "500x1", "50x1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="RxW", help="rooms × in flight")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="measured in a turn, after a second of warming up")


def steps(options: argparse.Namespace) -> int:
    """How many turns there will be."""
    return len(options.shapes) * options.turns * (1 + len(options.peers))


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Take turns."""
    shapes = [(shape, *map(int, shape.split("x"))) for shape in options.shapes]
    turns: list[dict[str, Any]] = []
    wrong: list[str] = []
    async with open_stage() as stage:
        rivals = await start_rivals(stage, options.peers, max(rooms for _, rooms, _ in shapes))
        for shape, rooms, window in shapes:
            for turn in range(options.turns):
                for name, rival in rivals.items():
                    mark = f"{shape}.{turn}:"
                    options.progress.step(f"{name}, {shape}")
                    await stage.checkpoint()
                    task = Task(rival.lanes(0, rooms), window=window, seconds=options.seconds, mark=mark)
                    result, cpu = await perform(stage, rival.server, task)
                    found = await stored(rival, mark, [pair.room for pair in rival.pairs[:rooms]])
                    wrong += faults(name, result, found)
                    latencies = Latencies()
                    latencies.counts.update(result.latencies)
                    turns.append(
                        {
                            "shape": shape,
                            "server": name,
                            "turn": turn,
                            "rate": result.measured / result.seconds,
                            "p50": latencies.milliseconds(0.5),
                            "p99": latencies.milliseconds(0.99),
                            "p999": latencies.milliseconds(0.999),
                            "server_us": cpu.server * 1e6 / max(1, result.measured),
                            "postgres_us": cpu.postgres * 1e6 / max(1, result.measured),
                            "client_us": cpu.client * 1e6 / max(1, result.measured),
                            "sent": result.sent,
                            "received": result.received,
                            "disordered": result.disordered,
                            **found,
                        }
                    )
        version = stage.postgres_version
    return {"postgres": version, "turns": turns, "faults": wrong}


def tables(found: dict[str, Any]) -> list[Table]:
    """A table of figures and one of ratios for each shape."""
    made = []
    turns = found["turns"]
    for shape in dict.fromkeys(turn["shape"] for turn in turns):
        here = [turn for turn in turns if turn["shape"] == shape]
        servers = list(dict.fromkeys(turn["server"] for turn in here))
        rows = []
        for server in servers:
            own = [turn for turn in here if turn["server"] == server]
            rows.append(
                [
                    server,
                    spread([turn["rate"] for turn in own]),
                    *(spread([turn[key] for turn in own], ",.1f") for key in ("p50", "p99", "p999")),
                    *(spread([turn[key] for turn in own], ",.0f") for key in ("server_us", "postgres_us", "client_us")),
                    str(sum(turn["disordered"] for turn in own)),
                ]
            )
        rooms, window = shape.split("x")
        columns = ["", "messages/s", "p50 ms", "p99 ms", "p99.9 ms", "server µs", "PostgreSQL µs", "client µs", "late"]
        made.append(Table(f"{rooms} rooms × {window} in flight, CPU µs a message", columns, rows))
        made.append(Table(f"Ratio to each peer, {shape}, turn by turn", RATIO_COLUMNS, ratios(here, servers)))
    return made


RATIO_COLUMNS = ["", "messages/s", "CPU a message, server and PostgreSQL (peer's ÷ ours)"]


def ratios(turns: list[dict[str, Any]], servers: list[str]) -> list[list[str]]:
    """Pairs of turns that stood side by side."""
    by_server = {server: [turn for turn in turns if turn["server"] == server] for server in servers}
    ours = by_server["duologue"]
    rows = []
    for server in servers:
        if server != "duologue":
            pairs = list(zip(ours, by_server[server], strict=True))
            rates = [own["rate"] / max(1.0, peer["rate"]) for own, peer in pairs]
            costs = [cost(peer) / cost(own) for own, peer in pairs]
            rows.append([f"÷ {server}", spread(rates, ",.2f"), spread(costs, ",.1f")])
    return rows


def cost(turn: dict[str, Any]) -> float:
    """CPU of a message behind the socket."""
    total: float = turn["server_us"] + turn["postgres_us"]
    return total
