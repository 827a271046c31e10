"""People who are signed in already: sessions made straight in the database, for which no server hashes a password."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from uuid_utils import uuid7

from duologue.auth.tokens import Family, Keys, TokenPair, Tokens

SECRETS = {"JWT_SECRET": "s" * 40, "JWT_REFRESH_SECRET": "r" * 40}
"""Of the nodes that believe these sessions."""
SESSION = (
    *("id", "user_id", "generation", "parent_generation", "rotated_at", "confirmed", "created_at", "last_used_at"),
    *("absolute_expires_at", "user_agent", "address", "network"),
)
DEVICE = ("a test", "127.0.0.1", "127.0.0.0/24")

_tokens = Tokens(Keys(SECRETS["JWT_SECRET"]), Keys(SECRETS["JWT_REFRESH_SECRET"]))
_pools: dict[str, asyncpg.Pool] = {}


@dataclass(frozen=True, slots=True)
class Guest:
    """A user with a session."""

    id: int
    session: UUID
    tokens: TokenPair

    @property
    def token(self) -> str:
        """The access token."""
        return self.tokens.access


async def let_in(database: str, emails: Sequence[str], password_hash: str = "-") -> list[Guest]:
    """One for each address, which nobody may have yet."""
    async with (await pool_of(database)).acquire() as connection:
        rows = await connection.fetch(
            "INSERT INTO users (email, password_hash, created_at) SELECT email, $2, now() FROM unnest($1::text[]) email"
            " RETURNING id",
            list(emails),
            password_hash,
        )
        now = datetime.now(UTC)
        families = [Family(UUID(int=uuid7().int), row[0], 1, now, now + timedelta(days=30)) for row in rows]
        await connection.copy_records_to_table(
            "sessions",
            columns=SESSION,
            records=[
                (each.session_id, each.user_id, 1, 0, now, True, now, now, each.absolute_expires_at, *DEVICE)
                for each in families
            ],
        )
    return [Guest(each.user_id, each.session_id, _tokens.issue(each)) for each in families]


async def pool_of(database: str) -> asyncpg.Pool:
    """Connections to that database, kept for those who come later."""
    if database not in _pools:
        _pools[database] = await asyncpg.create_pool(database, min_size=0, max_size=4)
    return _pools[database]


async def forget_pools() -> None:
    """Close them, at the end."""
    while _pools:
        _pools.popitem()[1].terminate()
