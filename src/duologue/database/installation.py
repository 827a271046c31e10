"""Which database this is: nodes on the same one belong together, and no others."""

import hashlib

import asyncpg

__all__ = ["installation"]

IDENTITY = """
SELECT (SELECT system_identifier FROM pg_control_system()), oid FROM pg_database WHERE datname = current_database()
"""


async def installation(pool: asyncpg.Pool) -> str:
    """A short name, the same for every node on this database, that says nothing of it."""
    system, database = await pool.fetchrow(IDENTITY)
    return hashlib.sha256(f"{system}/{database}".encode()).hexdigest()[:12]
