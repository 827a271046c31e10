"""CPU of a message at the same offered rate, with few and many sockets open, and with few and many messages stored."""

import argparse
from typing import Any

import asyncpg

from bench.accounts import faults, stored
from bench.client import Task
from bench.rivals import Rival, start_rivals
from bench.stage import Stage, open_stage
from bench.table import Table, spread
from bench.talk import Latencies
from bench.workers import perform

__all__ = ["add_arguments", "run", "steps", "tables"]

TALKING = 5  # rooms
FILL = """
INSERT INTO messages (room_id, seq, id, sender_id, content, created_at)
SELECT ('f' || lpad(to_hex(n / 10000), 31, '0'))::uuid, n % 10000 + 1, lpad(to_hex(n), 32, '0')::uuid,
    1, 'message ' || n || repeat(' chat', 12), now()
FROM generate_series($1::int, $2::int) n
"""
STEP = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--sockets", nargs="+", type=int, default=[10, 1_000, 10_000])
    parser.add_argument("--stored", nargs="+", type=int, default=[10_000, 1_000_000, 10_000_000])
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)


def steps(options: argparse.Namespace) -> int:
    """How many turns there will be."""
    return (len(options.sockets) + len(options.stored)) * options.turns + -(-max(options.stored) // STEP)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """First the sockets, then the messages; the talk is always that of five rooms."""
    found: dict[str, Any] = {"turns": [], "faults": []}
    async with open_stage() as stage:
        rooms = TALKING + max(options.sockets) // 2
        rival = (await start_rivals(stage, [], rooms))["duologue"]
        for turn in range(options.turns):
            for sockets in options.sockets:
                lanes = rival.lanes(TALKING, max(0, sockets // 2 - TALKING))
                idle = [url for lane in lanes for url in lane]
                options.progress.step(f"{sockets:,} sockets")
                await measure(stage, rival, options, found, {"kind": "sockets", "size": sockets, "turn": turn}, idle)
        connection = await asyncpg.connect(rival.server.dsn, command_timeout=600)
        await connection.execute("SET synchronous_commit = off")  # the filling is not what is measured
        filled = 0
        for size in sorted(options.stored):
            while filled < size:
                options.progress.step(f"filling, {filled:,}")
                last = min(filled + STEP, size) - 1
                await connection.execute(FILL, filled, last)
                filled = last + 1
            await connection.execute("VACUUM ANALYZE messages")
            for turn in range(options.turns):
                options.progress.step(f"{size:,} stored")
                await measure(stage, rival, options, found, {"kind": "stored", "size": size, "turn": turn}, [])
        await connection.close()
    return found


async def measure(
    stage: Stage,
    rival: Rival,
    options: argparse.Namespace,
    found: dict[str, Any],
    what: dict[str, Any],
    idle: list[str],
) -> None:
    """One turn."""
    mark = f"{what['kind']}{what['size']}.{what['turn']}:"
    await stage.checkpoint()
    task = Task(rival.lanes(0, TALKING), idle=idle, window=options.window, seconds=options.seconds, mark=mark)
    result, cpu = await perform(stage, rival.server, task)
    found["faults"] += faults(
        "duologue", result, await stored(rival, mark, [pair.room for pair in rival.pairs[:TALKING]])
    )
    latencies = Latencies()
    latencies.counts.update(result.latencies)
    found["turns"].append(
        {
            **what,
            "rate": result.measured / result.seconds,
            "p50": latencies.milliseconds(0.5),
            "server_us": cpu.server * 1e6 / result.measured,
            "postgres_us": cpu.postgres * 1e6 / result.measured,
        }
    )


def tables(found: dict[str, Any]) -> list[Table]:
    """One row a size."""
    rows = []
    for kind, size in dict.fromkeys((turn["kind"], turn["size"]) for turn in found["turns"]):
        own = [turn for turn in found["turns"] if (turn["kind"], turn["size"]) == (kind, size)]
        rows.append(
            [
                f"{size:,} {'sockets open' if kind == 'sockets' else 'messages stored'}",
                *(spread([turn[key] for turn in own], ",.1f") for key in ("server_us", "postgres_us", "p50")),
                spread([turn["rate"] for turn in own]),
            ]
        )
    columns = ["", "server µs", "PostgreSQL µs", "p50 ms", "messages/s"]
    return [Table(f"CPU a message as things grow, {TALKING} rooms talking", columns, rows)]
