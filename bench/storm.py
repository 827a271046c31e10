"""Latency of messages while people sign in as fast as the server lets them: Argon2 must not hold up the talk."""

import argparse
import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import argon2
import asyncpg

from bench.client import Task
from bench.rivals import start_rivals
from bench.stage import open_stage
from bench.table import Table, spread
from bench.talk import Latencies
from bench.workers import perform

__all__ = ["add_arguments", "run", "tables"]

PASSWORD = "correct horse 42"
EMAIL = "storm@example.com"
STRANGER = "INSERT INTO users (email, password_hash, created_at) VALUES ($1, $2, now())"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--rate", type=int, default=500, help="messages a second")
    parser.add_argument("--rooms", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=8, help="sign-ins at once")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """With and without, taking turns."""
    turns: list[dict[str, Any]] = []
    async with open_stage() as stage:
        rival = (await start_rivals(stage, [], options.rooms))["duologue"]
        connection = await asyncpg.connect(rival.server.dsn)
        hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        await connection.execute(STRANGER, EMAIL, hasher.hash(PASSWORD))
        await connection.close()
        for turn in range(options.turns):
            for kind in ("quiet", "storm"):
                task = Task(
                    rival.lanes(0, options.rooms), rate=options.rate, seconds=options.seconds, mark=f"{kind}{turn}:"
                )
                signed_in = [0]
                async with sign_ins(rival.server.port, options.at_once if kind == "storm" else 0, signed_in):
                    result, cpu = await perform(stage, rival.server, task)
                latencies = Latencies()
                latencies.counts.update(result.latencies)
                turns.append(
                    {
                        "kind": kind,
                        "turn": turn,
                        "sign_ins": signed_in[0],
                        "p50": latencies.milliseconds(0.5),
                        "p99": latencies.milliseconds(0.99),
                        "cpu": (cpu.server + cpu.postgres) / options.seconds,
                    }
                )
    return {"rate": options.rate, "at_once": options.at_once, "turns": turns, "faults": []}


@contextlib.asynccontextmanager
async def sign_ins(port: int, at_once: int, count: list[int]) -> AsyncIterator[None]:
    """Keep so many sign-ins going."""
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    head = f"POST /auth/login HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"

    async def sign_in() -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
            answer = await reader.read()
            writer.close()
            count[0] += answer.startswith(b"HTTP/1.1 200")

    tasks = [asyncio.create_task(sign_in()) for _ in range(at_once)]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def tables(found: dict[str, Any]) -> list[Table]:
    """Quiet, and in the storm."""
    rows = []
    for kind in ("quiet", "storm"):
        own = [turn for turn in found["turns"] if turn["kind"] == kind]
        rows.append(
            [
                kind,
                spread([turn["sign_ins"] for turn in own]),
                *(spread([turn[key] for turn in own], ",.1f") for key in ("p50", "p99")),
                spread([turn["cpu"] for turn in own], ".2f"),
            ]
        )
    columns = ["", "sign-ins in a turn", "messages' p50 ms", "p99 ms", "cores used"]
    return [Table(f"{found['rate']} messages/s, {found['at_once']} sign-ins at once", columns, rows)]
