"""What more machines would carry: the disk's flush is measured here, the costs come from the other results.

Nodes are added until the simulated p99 passes a bound; `docs/scaling.md` is written from it.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.goals import Results, median
from bench.simulate import Costs, simulate
from bench.table import Table

__all__ = ["add_arguments", "carried", "run", "steps", "tables"]

RESULTS = Path(__file__).parent / "results"
PLACES = ((1, 2), (1, 8), (2, 8), (5, 16), (10, 16), (10, 32))
"""Nodes, and PostgreSQL's cores."""
RATES = (1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 500_000)
BOUND_MS = 50.0  # p99
FLUSHES = 300
PAGE_BYTES = 8192


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--seconds", type=float, default=2.0, help="simulated")


def steps(options: argparse.Namespace) -> int:
    """How many turns there will be."""
    return len(PLACES)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the disk, then simulate."""
    results = {name: json.loads((RESULTS / f"{name}.json").read_text()) for name in ("load", "latency")}
    flush = await asyncio.to_thread(flush_seconds)
    costs = from_results(results, flush)
    rows = []
    for nodes, cores in PLACES:
        options.progress.step(f"{nodes} nodes, {cores} cores")
        best = None
        for rate in RATES:
            found = simulate(nodes, cores, rate, costs, options.seconds)
            if found.p99 > BOUND_MS or found.left > rate * BOUND_MS / 1000:
                break
            best = {"rate": rate, "p50": found.p50, "p99": found.p99, "batch": found.batch, "postgres": found.postgres}
        rows.append({"nodes": nodes, "cores": cores, "best": best})
    return {
        "flush_ms": flush * 1e3,
        "costs_us": {
            "node_message": costs.node_message * 1e6,
            "commit": costs.commit * 1e6,
            "message": costs.message * 1e6,
        },
        "rows": rows,
    }


def from_results(results: Results, flush: float) -> Costs:
    """A lone message pays a whole commit; one among many, next to nothing of it."""
    message = median(results, "load", "postgres_us", shape="50x16", server="duologue") / 1e6
    lone = median(results, "latency", "postgres_us", offered=500, server="duologue") / 1e6
    node = median(results, "load", "server_us", shape="500x1", server="duologue") / 1e6
    return Costs(node_message=node, commit=max(0.0, lone - message), message=message, flush=flush)


def flush_seconds() -> float:
    """How long this disk takes for a page."""
    with tempfile.TemporaryFile() as file:
        taken = []
        for _ in range(FLUSHES):
            file.write(bytes(PAGE_BYTES))
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def tables(found: dict[str, Any]) -> list[Table]:
    """What each place carries."""
    rows = []
    for row in found["rows"]:
        best = row["best"]
        figures = (
            [
                f"{best['rate']:,}",
                f"{best['p50']:.1f}",
                f"{best['p99']:.1f}",
                f"{best['batch']:.0f}",
                f"{best['postgres']:.0%}",
            ]
            if best
            else ["-"] * 5
        )
        rows.append([str(row["nodes"]), str(row["cores"]), *figures])
    columns = ["nodes", "cores of PostgreSQL", "messages/s", "p50 ms", "p99 ms", "in a commit", "PostgreSQL busy"]
    costs = found["costs_us"]
    caption = (
        f"The highest of a row of rates at which p99 stays below {BOUND_MS:.0f} ms, simulated with a flush of "
        f"{found['flush_ms']:.2f} ms, {costs['node_message']:.0f} µs of a node a message, "
        f"{costs['commit']:.0f} µs of PostgreSQL a commit and {costs['message']:.1f} µs a message in it"
    )
    return [Table(caption, columns, rows)]


def carried(found: Results) -> Table:
    """What one core of each kind carries, from what was measured."""
    server = median(found, "load", "server_us", shape="50x16", server="duologue")
    lone = median(found, "load", "server_us", shape="500x1", server="duologue")
    postgres = median(found, "load", "postgres_us", shape="50x16", server="duologue")
    spread_out = median(found, "load", "postgres_us", shape="500x1", server="duologue")
    socket_kb = found["memory"]["servers"]["duologue"]["first"]["per_socket_kb"]
    connect = median(found, "connects", "server_us", kind="first")
    rows = [
        [
            "messages/s of a core of a node",
            f"{1e6 / lone:,.0f} to {1e6 / server:,.0f}",
            f"{lone:.0f} µs alone in a read, {server:.1f} µs among sixteen",
        ],
        [
            "messages/s of a core of PostgreSQL",
            f"{1e6 / spread_out:,.0f} to {1e6 / postgres:,.0f}",
            f"{spread_out:.0f} µs in a room of its own, {postgres:.1f} µs among others of its room",
        ],
        ["idle sockets in a gigabyte", f"{1e6 / socket_kb:,.0f}", f"{socket_kb:.1f} KB each"],
        ["connects/s of a core of a node", f"{1e6 / connect:,.0f}", f"{connect:.0f} µs each"],
    ]
    return Table("What is measured, and what follows:", ["", "carries", "because"], rows)
