"""Resident memory of the server before and after thousands of authenticated sockets, two in each room, all silent."""

import argparse
from typing import Any

from bench import machine
from bench.client import Task
from bench.rivals import start_rivals
from bench.stage import open_stage
from bench.table import Table
from bench.workers import Worker

__all__ = ["add_arguments", "run", "steps", "tables"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--peers", nargs="*", default=["node"], choices=["node"])


def steps(options: argparse.Namespace) -> int:
    """How many turns there will be."""
    return 2 * (1 + len(options.peers))


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Open them, look, close them, look again, and once more: what a second round adds is leaked."""
    found: dict[str, Any] = {"sockets": options.sockets, "servers": {}, "faults": []}
    async with open_stage() as stage:
        rivals = await start_rivals(stage, options.peers, options.sockets // 2)
        for name, rival in rivals.items():
            urls = [url for lane in rival.lanes(0, options.sockets // 2) for url in lane]
            own: dict[str, Any] = {}
            # The first sockets load code and warm caches, which is not theirs.
            async with Worker(stage, rival.server, Task(idle=urls[:200])) as worker:
                worker.go()
                await worker.event("begin")
                worker.go()
                await worker.result()
            for rounds in ("first", "second"):
                options.progress.step(f"{name}, {rounds} time")
                before = machine.resident_kb(rival.server.pid)
                async with Worker(stage, rival.server, Task(idle=urls)) as worker:
                    worker.go()
                    await worker.event("begin")
                    open_kb = machine.resident_kb(rival.server.pid)
                    worker.go()
                    result = await worker.result()
                own[rounds] = {"before_kb": before, "open_kb": open_kb, "per_socket_kb": (open_kb - before) / len(urls)}
                if result.gone:
                    found["faults"].append(f"{name}: {result.gone} sockets were closed")
            found["servers"][name] = own
    return found


def tables(found: dict[str, Any]) -> list[Table]:
    """One row a server."""
    rows = [
        [
            name,
            f"{own['first']['before_kb'] / 1024:.0f}",
            f"{own['first']['open_kb'] / 1024:.0f}",
            f"{own['first']['per_socket_kb']:.1f}",
            f"{own['second']['open_kb'] / 1024:.0f}",
        ]
        for name, own in found["servers"].items()
    ]
    columns = ["", "MB before", "MB with all", "KB a socket", "MB with all, second time"]
    return [Table(f"{found['sockets']:,} idle authenticated sockets, two a room", columns, rows)]
