"""`GET /msg/room` for somebody with 50 rooms, each with its newest message."""

import argparse
from typing import Any

import asyncpg
import msgspec

from bench.asking import Errand, ask
from bench.people import copy_rooms, make_people, new_uuid
from bench.stage import open_stage
from bench.table import Table, spread

__all__ = ["add_arguments", "run", "tables"]

# The newest message of each room, 30 places behind its beginning.
FILL = """
INSERT INTO messages (room_id, seq, id, sender_id, content, created_at)
SELECT id, n, gen_random_uuid(), user1_id, repeat('chat ', 12), now() FROM rooms, generate_series(1, 30) n
"""
COUNT = "UPDATE rooms SET last_seq = 30"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Ask for the list."""
    async with open_stage() as stage:
        server = await stage.duologue()
        caller, *others = await make_people(server.dsn, options.rooms + 1)
        await copy_rooms(server.dsn, "rooms", [(new_uuid(), caller.id, other.id) for other in others])
        connection = await asyncpg.connect(server.dsn)
        for statement in (FILL, COUNT, "VACUUM ANALYZE"):
            await connection.execute(statement)
        await connection.close()
        request = f"GET /msg/room HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {caller.token}\r\n\r\n"
        errand = Errand(server.port, [request], options.connections, options.seconds)
        turns = [msgspec.to_builtins(await ask(stage, server, errand)) for _ in range(options.turns)]
    wrong = sum(turn["wrong"] for turn in turns)
    return {"rooms": options.rooms, "turns": turns, "faults": [f"{wrong} answers were not 200"] if wrong else []}


def tables(found: dict[str, Any]) -> list[Table]:
    """One row."""
    turns = found["turns"]
    row = [
        spread([turn["count"] / turn["seconds"] for turn in turns]),
        *(spread([turn[key] for turn in turns], ",.1f") for key in ("p50_ms", "p99_ms")),
        *(spread([turn[key] for turn in turns]) for key in ("server_us", "postgres_us")),
    ]
    columns = ["requests/s", "p50 ms", "p99 ms", "server µs", "PostgreSQL µs"]
    return [Table(f"GET /msg/room with {found['rooms']} rooms, 8 connections", columns, [row])]
