"""The check after each turn: what was sent is stored and was delivered, once each, in order."""

from collections.abc import Sequence

import asyncpg

from bench.client import Result
from bench.rivals import Rival
from bench.talk import NUMBER

__all__ = ["faults", "stored"]

# In order: with the messages of a room sorted by `seq`, both `seq` and the number said grow by one.
STORED = f"""
WITH numbered AS (
    SELECT room_id, seq, substr(content, length($1) + 1, {NUMBER})::int AS number,
        row_number() OVER (PARTITION BY room_id ORDER BY seq) AS place
    FROM messages WHERE room_id = ANY ($2::uuid[]) AND starts_with(content, $1)
)
SELECT count(*), count(DISTINCT (room_id, number)), count(DISTINCT (room_id, seq - place)),
    count(*) FILTER (WHERE number <> place - 1), count(DISTINCT room_id)
FROM numbered
"""
STORED_BY_PEER = f"""
SELECT count(*), count(DISTINCT (room_id, substr(content, length($1) + 1, {NUMBER})))
FROM message WHERE starts_with(content, $1)
"""


async def stored(rival: Rival, mark: str, rooms: Sequence[str]) -> dict[str, int]:
    """What the database holds of a turn."""
    if not rival.stores:
        return {}
    connection = await asyncpg.connect(rival.server.dsn)
    try:
        if rival.server.name != "duologue":
            row = await connection.fetchrow(STORED_BY_PEER, mark)
            return {"stored": row[0], "doubled": row[0] - row[1]}
        row = await connection.fetchrow(STORED, mark, rooms)
        return {"stored": row[0], "doubled": row[0] - row[1], "gaps": row[2] - row[4], "disordered": row[3]}
    finally:
        await connection.close()


def faults(name: str, result: Result, found: dict[str, int]) -> list[str]:
    """What is not as it ought to be; a peer's disorder is counted elsewhere."""
    seen = []
    if result.sent != result.received:
        seen.append(f"{name}: {result.sent} sent, {result.received} delivered")
    if found and found["stored"] != result.sent:
        seen.append(f"{name}: {result.sent} sent, {found['stored']} stored")
    if result.doubled or found.get("doubled"):
        seen.append(f"{name}: {result.doubled} delivered twice, {found.get('doubled')} stored twice")
    if name == "duologue" and (result.disordered or found["gaps"] or found["disordered"]):
        seen.append(f"{name}: {result.disordered} delivered out of order; stored: {found}")
    if result.gone:
        seen.append(f"{name}: {result.gone} sockets were closed")
    return seen
