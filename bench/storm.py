"""Latency of messages while more people sign in than the machine can hash: nobody's talk may wait for Argon2.

Sign-ins are offered at a rate (open loop), each by a person of its own from an address of its own, with every limit on:
a whole city that comes back after an outage. What the server can not take it refuses with 503 and a time to come back.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import argon2
import asyncpg

from bench.client import Task
from bench.people import make_rooms
from bench.rivals import Rival
from bench.stage import open_stage
from bench.table import Table, spread
from bench.talk import Latencies, now
from bench.workers import perform

__all__ = ["add_arguments", "run", "tables"]

PASSWORD = "correct horse 42"
PATIENCE = 10.0  # seconds that somebody waits for an answer
PEOPLE = """
INSERT INTO users (email, password_hash, created_at)
SELECT 'storm' || n || '@example.com', $2, now() FROM generate_series(1, $1::int) n
"""


@dataclass(slots=True)
class Storm:
    """What became of the sign-ins of a turn, by status; 0 is no answer at all."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    """Of those that were let in, from the moment they ought to have asked."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--rate", type=int, default=500, help="messages a second")
    parser.add_argument("--rooms", type=int, default=100)
    parser.add_argument("--logins", type=int, default=200, help="sign-ins offered a second")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """With and without, taking turns."""
    turns: list[dict[str, Any]] = []
    faults: list[str] = []
    async with open_stage() as stage:
        server = await stage.duologue(TRUSTED_PROXIES="127.0.0.1", RATE_LIMITS="on")
        rival = Rival(server, await make_rooms(server.dsn, options.rooms))
        people = int(options.logins * options.turns * (options.seconds + 5))
        connection = await asyncpg.connect(server.dsn)
        hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        await connection.execute(PEOPLE, people, hasher.hash(PASSWORD))
        await connection.close()
        callers = iter(range(1, people + 1))
        for turn in range(options.turns):
            for kind in ("quiet", "storm"):
                await stage.checkpoint()
                task = Task(
                    rival.lanes(0, options.rooms), rate=options.rate, seconds=options.seconds, mark=f"{kind}{turn}:"
                )
                async with storm_of(server.port, options.logins if kind == "storm" else 0, callers) as storm:
                    result, cpu = await perform(stage, server, task)
                latencies = Latencies()
                latencies.counts.update(result.latencies)
                if result.received != result.sent or result.doubled or result.disordered:
                    faults.append(f"turn {turn} {kind}: {result.received} of {result.sent} messages arrived")
                turns.append(
                    {
                        "kind": kind,
                        "turn": turn,
                        "offered": storm.statuses.total(),
                        "signed_in": storm.statuses[200],
                        "refused": storm.statuses[503],
                        "other": {k: n for k, n in storm.statuses.items() if k not in (200, 503)},
                        "sign_in_p50": storm.latencies.milliseconds(0.5),
                        "p50": latencies.milliseconds(0.5),
                        "p99": latencies.milliseconds(0.99),
                        "late_ms": result.late_ms,
                        "cpu": (cpu.server + cpu.postgres) / options.seconds,
                    }
                )
                if any(turns[-1]["other"]):
                    faults.append(f"turn {turn}: answers {turns[-1]['other']} to sign-ins")
    return {"rate": options.rate, "logins": options.logins, "turns": turns, "faults": faults}


@contextlib.asynccontextmanager
async def storm_of(port: int, rate: int, callers: Iterator[int]) -> AsyncIterator[Storm]:
    """So many sign-ins a second, whatever becomes of those before."""
    storm = Storm()
    asking: set[asyncio.Task[None]] = set()

    async def sign_in(caller: int, due: float) -> None:
        status = 0
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                status = await ask(port, caller)
        storm.statuses[status] += 1
        if status == 200:
            storm.latencies.add(now() - due)

    async def offer() -> None:
        start = now()
        for count in itertools.count():
            due = start + count / rate
            if (left := due - now()) > 0:
                await asyncio.sleep(left)
            task = asyncio.create_task(sign_in(next(callers), due))
            asking.add(task)
            task.add_done_callback(asking.discard)

    offering = asyncio.create_task(offer()) if rate else None
    try:
        yield storm
    finally:
        if offering is not None:
            offering.cancel()
            await asyncio.wait([offering])
        if asking:
            await asyncio.wait(asking)


async def ask(port: int, caller: int) -> int:
    """One sign-in on a connection of its own; the answer's status."""
    body = json.dumps({"email": f"storm{caller}@example.com", "password": PASSWORD})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"POST /auth/login HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"X-Forwarded-For: {ip_address(0x0A000000 + caller)}\r\nUser-Agent: Firefox/140.0 Windows\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await reader.readline()
        await reader.read()
        return int(head.split()[1]) if head else 0
    finally:
        writer.close()


def tables(found: dict[str, Any]) -> list[Table]:
    """Quiet, and in the storm."""
    rows = []
    for kind in ("quiet", "storm"):
        own = [turn for turn in found["turns"] if turn["kind"] == kind]
        rows.append(
            [
                kind,
                *(spread([turn[key] for turn in own]) for key in ("offered", "signed_in", "refused", "sign_in_p50")),
                *(spread([turn[key] for turn in own], ",.1f") for key in ("p50", "p99", "late_ms")),
                spread([turn["cpu"] for turn in own], ".2f"),
            ]
        )
    columns = [
        *("", "sign-ins offered", "let in", "refused (503)", "let in after ms"),
        *("messages' p50 ms", "p99 ms", "load late", "cores used"),
    ]
    return [Table(f"{found['rate']} messages/s, {found['logins']} sign-ins a second offered", columns, rows)]
