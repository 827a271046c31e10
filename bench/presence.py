"""What it costs when somebody comes or goes while thousands of sockets watch `/users`."""

import argparse
import asyncio
from typing import Any

from bench import machine
from bench.client import Task
from bench.people import make_people
from bench.stage import open_stage
from bench.table import Table, spread
from bench.talk import Silent, open_socket
from bench.workers import Worker

__all__ = ["add_arguments", "run", "steps", "tables"]

WATCHING_USERS = 50
SETTLE_SECONDS = 8.0  # a departure is news after five


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--watchers", type=int, default=5_000)
    parser.add_argument("--changes", type=int, default=100, help="people who come, one after the other, and then go")
    parser.add_argument("--turns", type=int, default=2)


def steps(options: argparse.Namespace) -> int:
    """How many turns there will be."""
    return 2 * options.turns


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """People come, one each 50 ms, then all go at once: the first are told in small batches, the last in one."""
    turns: list[dict[str, Any]] = []
    async with open_stage() as stage:
        server = await stage.duologue()
        watching = await make_people(server.dsn, WATCHING_USERS)
        coming = await make_people(server.dsn, options.changes)
        base = f"ws://127.0.0.1:{server.port}"
        urls = [f"{base}/users?token={watching[each % WATCHING_USERS].token}" for each in range(options.watchers)]
        for turn in range(options.turns):
            async with Worker(stage, server, Task(idle=urls, opening=20)) as worker:
                worker.go()
                await worker.event("begin")
                await asyncio.sleep(SETTLE_SECONDS)
                here = []
                for kind in ("come", "go"):
                    options.progress.step(f"people {kind}")
                    before = machine.cpu_seconds(server.pid)
                    for each in coming:
                        if kind == "come":
                            here.append(listener := Silent())
                            await open_socket(listener, f"{base}/rooms?token={each.token}")
                            await asyncio.sleep(0.05)
                    if kind == "go":
                        for listener in here:
                            assert listener.transport is not None
                            listener.transport.disconnect()
                    await asyncio.sleep(SETTLE_SECONDS)
                    used = machine.cpu_seconds(server.pid) - before
                    turns.append({"kind": kind, "turn": turn, "us": used * 1e6 / options.changes})
                worker.go()
                result = await worker.result()
                turns[-1]["heard"] = result.idle_heard / options.watchers
                turns[-1]["gone"] = result.gone
    wrong = [f"{turn['gone']} watchers were closed" for turn in turns if turn.get("gone")]
    return {"watchers": options.watchers, "changes": options.changes, "turns": turns, "faults": wrong}


def tables(found: dict[str, Any]) -> list[Table]:
    """Coming one by one, and going together."""
    rows = []
    for kind, text in (("come", "people come, 20 a second"), ("go", "all go at once")):
        own = [turn["us"] for turn in found["turns"] if turn["kind"] == kind]
        rows.append(
            [
                text,
                spread([each / 1000 for each in own], ",.1f"),
                spread([each / found["watchers"] for each in own], ",.2f"),
            ]
        )
    columns = ["", "server ms CPU a change", "µs a change and watcher"]
    return [Table(f"Presence with {found['watchers']:,} watchers, {found['changes']} changes", columns, rows)]
