"""Pairs of people with a room, made straight in the database: two hundred sign-ins would take Argon2 a minute."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from uuid_utils import uuid7

from tests.cluster.checker import Stored
from tests.harness.sessions import Guest, let_in, pool_of


@dataclass(frozen=True, slots=True)
class Pair:
    """A room and its two people."""

    room: str
    first: Guest
    second: Guest


async def make_pairs(dsn: str, count: int) -> list[Pair]:
    """Twice as many people, and their rooms."""
    name = secrets.token_hex(4)
    people = await let_in(dsn, [f"crowd.{name}.{number}@example.com" for number in range(2 * count)])
    pairs = [Pair(str(uuid7()), *people[2 * number : 2 * number + 2]) for number in range(count)]
    await (await pool_of(dsn)).copy_records_to_table(
        "rooms",
        columns=["id", "user1_id", "user2_id"],
        records=[(UUID(pair.room), pair.first.id, pair.second.id) for pair in pairs],
    )
    return pairs


async def read_logs(dsn: str, rooms: Sequence[str]) -> dict[str, list[Stored]]:
    """The whole log of each room."""
    logs: dict[str, list[Stored]] = {room: [] for room in rooms}
    connection = await asyncpg.connect(dsn)
    try:
        for room, seq, identity, content in await connection.fetch(
            "SELECT room_id, seq, id, content FROM messages WHERE room_id = ANY ($1::uuid[]) ORDER BY room_id, seq",
            list(logs),
        ):
            logs[str(room)].append(Stored(seq, str(identity), content))
    finally:
        await connection.close()
    return logs
