"""People, sessions and rooms, made straight in the database: ten thousand sign-ins would take Argon2 minutes."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import jwt
from uuid_utils import uuid7

from bench.stage import ROOT, SECRET
from duologue.auth.tokens import Family, Keys, Tokens

__all__ = ["Pair", "Person", "make_peer_rooms", "make_people", "make_rooms"]

DEVICE = ("bench", "127.0.0.1", "127.0.0.0/24")
SESSION_COLUMNS = (
    *("id", "user_id", "generation", "parent_generation", "rotated_at", "confirmed", "created_at", "last_used_at"),
    *("absolute_expires_at", "user_agent", "address", "network"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a session."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A room and its two people."""

    room: str
    first: Person
    second: Person


def new_uuid() -> UUID:
    """A UUIDv7 of the type asyncpg likes."""
    return UUID(int=uuid7().int)


async def make_people(dsn: str, count: int, password_hash: str = "-") -> list[Person]:
    """Users with one session each, and its access token."""
    tokens = Tokens(Keys(SECRET), Keys(SECRET[::-1]))
    now = datetime.now(UTC)
    mark = secrets.token_hex(4)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "INSERT INTO users (email, password_hash, created_at)"
            " SELECT 'bench.' || $1::text || '.' || n || '@example.com', $3, now()"
            " FROM generate_series(1, $2::int) n RETURNING id",
            mark,
            count,
            password_hash,
        )
        families = [Family(new_uuid(), row[0], 1, now, now + timedelta(days=30)) for row in rows]
        await connection.copy_records_to_table(
            "sessions",
            columns=SESSION_COLUMNS,
            records=[
                (each.session_id, each.user_id, 1, 0, now, True, now, now, each.absolute_expires_at, *DEVICE)
                for each in families
            ],
        )
    finally:
        await connection.close()
    return [Person(each.user_id, tokens.issue(each).access) for each in families]


async def make_rooms(dsn: str, count: int) -> list[Pair]:
    """Rooms with two people of their own each."""
    people = await make_people(dsn, 2 * count)
    pairs = [Pair(str(new_uuid()), *people[2 * n : 2 * n + 2]) for n in range(count)]
    await copy_rooms(dsn, "rooms", [(UUID(pair.room), pair.first.id, pair.second.id) for pair in pairs])
    return pairs


async def make_peer_rooms(dsn: str, count: int) -> list[Pair]:
    """The same for a peer: its tables hold rooms alone, its tokens a user id."""
    connection = await asyncpg.connect(dsn)
    await connection.execute((ROOT / "bench/peers/node/setup.sql").read_text())
    await connection.close()
    people = [Person(n, jwt.encode({"userId": n}, SECRET, algorithm="HS256")) for n in range(1, 2 * count + 1)]
    pairs = [Pair(str(new_uuid()), *people[2 * n : 2 * n + 2]) for n in range(count)]
    await copy_rooms(dsn, "room", [(pair.room, pair.first.id, pair.second.id) for pair in pairs])
    return pairs


async def copy_rooms(dsn: str, table: str, records: Sequence[tuple[object, ...]]) -> None:
    """Into either schema."""
    connection = await asyncpg.connect(dsn)
    await connection.copy_records_to_table(table, columns=["id", "user1_id", "user2_id"], records=records)
    await connection.execute("ANALYZE")
    await connection.close()
