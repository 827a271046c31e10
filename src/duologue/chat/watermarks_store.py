"""The SQL of read and delivered watermarks."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

__all__ = ["Mark", "Moved", "WatermarkStore"]

# Rooms are locked in id order, as the journal does; marks never shrink and never pass the room's newest message.
# `r` may be the row as it was before the lock: PostgreSQL checks that version against the table's constraint before it
# takes the newer one, hence `least` once more.
MOVE = """
WITH marks AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[]) AS m(room_id, user_id, read, delivered)
), locked AS (
    SELECT r.* FROM rooms r WHERE r.id = ANY ($1::uuid[]) ORDER BY r.id FOR NO KEY UPDATE
), wanted AS (
    SELECT l.id, l.last_seq,
        l.user1_read_seq AS old_read1, l.user2_read_seq AS old_read2,
        greatest(l.user1_delivered_seq, l.user1_read_seq) AS old_delivered1,
        greatest(l.user2_delivered_seq, l.user2_read_seq) AS old_delivered2,
        least(l.last_seq, coalesce(max(m.read) FILTER (WHERE m.user_id = l.user1_id), 0)) AS read1,
        least(l.last_seq, coalesce(max(m.read) FILTER (WHERE m.user_id = l.user2_id), 0)) AS read2,
        least(l.last_seq, coalesce(max(m.delivered) FILTER (WHERE m.user_id = l.user1_id), 0)) AS delivered1,
        least(l.last_seq, coalesce(max(m.delivered) FILTER (WHERE m.user_id = l.user2_id), 0)) AS delivered2
    FROM locked l JOIN marks m ON m.room_id = l.id
    GROUP BY l.id, l.last_seq, l.user1_read_seq, l.user2_read_seq, l.user1_delivered_seq, l.user2_delivered_seq
)
UPDATE rooms r SET
    user1_read_seq = greatest(r.user1_read_seq, least(r.last_seq, w.read1)),
    user2_read_seq = greatest(r.user2_read_seq, least(r.last_seq, w.read2)),
    user1_delivered_seq = greatest(r.user1_delivered_seq, w.delivered1, w.read1),
    user2_delivered_seq = greatest(r.user2_delivered_seq, w.delivered2, w.read2)
FROM wanted w
WHERE r.id = w.id AND (
    w.read1 > w.old_read1 OR w.read2 > w.old_read2
    OR w.delivered1 > w.old_delivered1 OR w.delivered2 > w.old_delivered2
)
RETURNING r.id, r.user1_id, r.user2_id, r.last_seq,
    r.user1_read_seq, r.user2_read_seq,
    greatest(r.user1_delivered_seq, r.user1_read_seq), greatest(r.user2_delivered_seq, r.user2_read_seq),
    w.old_read1, w.old_read2, w.old_delivered1, w.old_delivered2
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a member says, or is known, to have come; 0 says nothing."""

    room_id: str
    user_id: int
    read: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A member's marks, of which at least one grew."""

    room_id: str
    user_id: int
    peer_id: int
    last_seq: int
    read: int
    delivered: int
    read_grew: bool
    delivered_grew: bool


class WatermarkStore:
    """Moves marks forward, many rooms in one statement."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def move(self, marks: Sequence[Mark]) -> list[Moved]:
        """Write them; the members whose marks grew."""
        rows = await self._pool.fetch(
            MOVE,
            [mark.room_id for mark in marks],
            [mark.user_id for mark in marks],
            [mark.read for mark in marks],
            [mark.delivered for mark in marks],
        )
        moved = []
        for room_id, user1, user2, last, read1, read2, got1, got2, old_read1, old_read2, old_got1, old_got2 in rows:
            for user_id, peer_id, read, got, old_read, old_got in (
                (user1, user2, read1, got1, old_read1, old_got1),
                (user2, user1, read2, got2, old_read2, old_got2),
            ):
                if read > old_read or got > old_got:
                    moved.append(Moved(str(room_id), user_id, peer_id, last, read, got, read > old_read, got > old_got))
        return moved
