"""Authenticated connects (token, membership, joined the room), while other rooms' messages flow."""

import argparse
import asyncio
from typing import Any

from bench.accounts import faults, stored
from bench.client import Task
from bench.rivals import start_rivals
from bench.stage import open_stage
from bench.table import Table, spread
from bench.talk import Latencies
from bench.workers import Worker

__all__ = ["add_arguments", "run", "steps", "tables"]

ROOMS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--connects", type=int, default=4_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--rate", type=int, default=500, help="messages a second meanwhile")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long messages are measured")
    parser.add_argument("--turns", type=int, default=3)


def steps(options: argparse.Namespace) -> int:
    """How many turns there will be."""
    return options.turns * 2


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Each turn has people of its own: a token that has not been seen costs the most."""
    turns: list[dict[str, Any]] = []
    wrong: list[str] = []
    async with open_stage() as stage:
        rooms = ROOMS + options.turns * options.connects // 2
        rival = (await start_rivals(stage, [], rooms))["duologue"]
        for turn in range(options.turns):
            for kind in ("first", "again"):  # again: the same tokens, a moment later
                mark = f"{kind}.{turn}:"
                options.progress.step(f"tokens used {kind}")
                first = ROOMS + turn * options.connects // 2
                urls = [url for lane in rival.lanes(first, options.connects // 2) for url in lane]
                opening = Task(idle=urls, opening=options.at_once, timed_opening=True)
                talk = Task(rival.lanes(0, ROOMS), rate=options.rate, seconds=options.seconds, warm=0.5, mark=mark)
                async with (
                    Worker(stage, rival.server, opening) as opener,
                    Worker(stage, rival.server, talk) as talker,
                ):
                    talker.go()
                    await talker.event("begin")
                    opener.go()
                    await opener.framed()
                    opener.go()
                    opened, spoken = await asyncio.gather(opener.result(), talker.result())
                found = await stored(rival, mark, [pair.room for pair in rival.pairs[:ROOMS]])
                wrong += faults("duologue", spoken, found)
                wrong += [f"{opened.gone} sockets were closed"] if opened.gone else []
                latencies = Latencies()
                latencies.counts.update(spoken.latencies)
                turns.append(
                    {
                        "kind": kind,
                        "rate": options.connects / opened.seconds,
                        "p50": latencies.milliseconds(0.5),
                        "p99": latencies.milliseconds(0.99),
                        "server_us": opener.cpu.server * 1e6 / options.connects,
                        "postgres_us": opener.cpu.postgres * 1e6 / options.connects,
                    }
                )
    return {"connects": options.connects, "messages": options.rate, "turns": turns, "faults": wrong}


def tables(found: dict[str, Any]) -> list[Table]:
    """Tokens seen for the first time, and again."""
    rows = []
    for kind, text in (("first", "a token's first use"), ("again", "tokens used before")):
        own = [turn for turn in found["turns"] if turn["kind"] == kind]
        rows.append(
            [
                text,
                spread([turn["rate"] for turn in own]),
                *(spread([turn[key] for turn in own]) for key in ("server_us", "postgres_us")),
                *(spread([turn[key] for turn in own], ",.1f") for key in ("p50", "p99")),
            ]
        )
    columns = ["", "connects/s", "server µs", "PostgreSQL µs", "messages' p50 ms", "p99 ms"]
    return [Table(f"{found['connects']:,} connects with {found['messages']} messages/s meanwhile", columns, rows)]
