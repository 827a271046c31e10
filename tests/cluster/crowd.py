"""People with sessions, made straight in the database: two hundred sign-ins would take Argon2 a minute."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from uuid_utils import uuid7

from duologue.auth.tokens import Family, Keys, Tokens
from tests.cluster.checker import Stored

SESSIONS = (
    *("id", "user_id", "generation", "parent_generation", "rotated_at", "confirmed", "created_at", "last_used_at"),
    *("absolute_expires_at", "user_agent", "address", "network"),
)
DEVICE = ("crowd", "127.0.0.1", "127.0.0.0/24")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A user with a session."""

    id: int
    token: str
    session: UUID


@dataclass(frozen=True, slots=True)
class Pair:
    """A room and its two people."""

    room: str
    first: Somebody
    second: Somebody


async def make_pairs(dsn: str, count: int, secret: str, refresh_secret: str) -> list[Pair]:
    """Twice as many people, and their rooms."""
    tokens = Tokens(Keys(secret), Keys(refresh_secret))
    now = datetime.now(UTC)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "INSERT INTO users (email, password_hash, created_at)"
            " SELECT 'crowd.' || $1::text || '.' || n || '@example.com', '-', now()"
            " FROM generate_series(1, $2::int) n RETURNING id",
            secrets.token_hex(4),
            2 * count,
        )
        families = [Family(UUID(int=uuid7().int), row[0], 1, now, now + timedelta(days=30)) for row in rows]
        await connection.copy_records_to_table(
            "sessions",
            columns=SESSIONS,
            records=[
                (each.session_id, each.user_id, 1, 0, now, True, now, now, each.absolute_expires_at, *DEVICE)
                for each in families
            ],
        )
        people = [Somebody(each.user_id, tokens.issue(each).access, each.session_id) for each in families]
        pairs = [Pair(str(uuid7()), *people[2 * number : 2 * number + 2]) for number in range(count)]
        await connection.copy_records_to_table(
            "rooms",
            columns=["id", "user1_id", "user2_id"],
            records=[(UUID(pair.room), pair.first.id, pair.second.id) for pair in pairs],
        )
    finally:
        await connection.close()
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
