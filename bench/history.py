"""A page of 50 messages, anywhere in a room of a million among millions of others, and in a room of a hundred.

One connection asks, one request after the other, so that the time of a request is its work and not a queue.
"""

import argparse
import random
from typing import Any

import asyncpg
import msgspec

from bench.asking import Errand, ask
from bench.people import make_rooms
from bench.stage import open_stage
from bench.table import Table, spread

__all__ = ["add_arguments", "run", "steps", "tables"]

# Ids grow like UUIDv7 do; $1: the room, $2: its sender, $3: how many, $4: where the ids begin.
FILL = """
INSERT INTO messages (room_id, seq, id, sender_id, content, created_at)
SELECT $1, n, lpad(to_hex($4::bigint + n), 32, '0')::uuid, $2, 'message ' || n || repeat(' chat', 12), now()
FROM generate_series(1, $3::int) n
"""
COUNT = "UPDATE rooms SET last_seq = $2 WHERE id = $1"
# The rest of the millions, in rooms of ten thousand that belong to nobody.
OTHERS = """
INSERT INTO messages (room_id, seq, id, sender_id, content, created_at)
SELECT ('f' || lpad(to_hex(n / 10000), 31, '0'))::uuid, n % 10000 + 1, lpad(to_hex($1::bigint + n), 32, '0')::uuid,
    1, 'message ' || n || repeat(' chat', 12), now()
FROM generate_series($2::int, $3::int) n
"""
LARGE = 1_000_000
SMALL = 100
STEP = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--millions", type=int, default=10, help="messages in all; ten take 4 GB of disk and a minute")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)


def steps(options: argparse.Namespace) -> int:
    """How many turns there will be."""
    return options.millions + 2 * options.turns


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Fill, then ask for pages."""
    generator = random.Random(1)
    turns: list[dict[str, Any]] = []
    async with open_stage() as stage:
        server = await stage.duologue()  # before filling: its search index leaves what it was not told of alone
        pairs = dict(zip(("large", "small"), await make_rooms(server.dsn, 2), strict=True))
        connection = await asyncpg.connect(server.dsn, timeout=60, command_timeout=600)
        await connection.execute("SET synchronous_commit = off")  # the filling is not what is measured
        for begin, (kind, size) in enumerate((("large", LARGE), ("small", SMALL)), 1):
            await connection.execute(FILL, pairs[kind].room, pairs[kind].first.id, size, begin << 40)
            await connection.execute(COUNT, pairs[kind].room, size)
        for first in range(0, options.millions * 1_000_000 - LARGE - SMALL, STEP):
            options.progress.step(f"filling, {first:,}")
            last = min(first + STEP, options.millions * 1_000_000 - LARGE - SMALL) - 1
            await connection.execute(OTHERS, 3 << 40, first, last)
        await connection.execute("VACUUM (ANALYZE) messages")
        count = await connection.fetchval("SELECT count(*) FROM messages")
        size = await connection.fetchval("SELECT pg_total_relation_size('messages')")
        await connection.close()
        await stage.checkpoint()
        for turn in range(options.turns):
            for kind, top in (("large", LARGE), ("small", SMALL)):
                options.progress.step(f"{kind} room")
                pair = pairs[kind]
                path = f"/msg/room/{pair.room}/messages?limit=50&before="
                head = f"HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {pair.first.token}\r\n\r\n"
                places = [generator.randint(51, top + 1) for _ in range(2_000)]
                errand = Errand(server.port, [f"GET {path}{place} {head}" for place in places], 1, options.seconds)
                answer = await ask(stage, server, errand)
                turns.append({"kind": kind, "turn": turn, **msgspec.to_builtins(answer)})
    wrong = sum(turn["wrong"] for turn in turns)
    return {
        "messages": count,
        "gigabytes": size / 2**30,
        "turns": turns,
        "faults": [f"{wrong} answers were not 200"] if wrong else [],
    }


def tables(found: dict[str, Any]) -> list[Table]:
    """The long room and the short one."""
    rows = []
    for kind, text in (("large", f"a room of {LARGE:,}"), ("small", f"a room of {SMALL}")):
        own = [turn for turn in found["turns"] if turn["kind"] == kind]
        rows.append(
            [
                text,
                *(spread([turn[key] for turn in own], ",.2f") for key in ("p50_ms", "p99_ms")),
                *(spread([turn[key] for turn in own]) for key in ("server_us", "postgres_us")),
            ]
        )
    columns = ["", "p50 ms", "p99 ms", "server µs CPU", "PostgreSQL µs CPU"]
    caption = f"A page of 50 over HTTP, {found['messages']:,} messages ({found['gigabytes']:.1f} GB with indexes)"
    return [Table(caption, columns, rows)]
