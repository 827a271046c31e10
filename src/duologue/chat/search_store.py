"""The SQL of search: the words of messages, written a moment after them."""

from collections.abc import Sequence

import asyncpg

__all__ = ["SearchStore"]

# What no search could reach yet is looked through word by word: a search misses nothing, however young.
SEARCH = """
WITH asked AS (
    SELECT asked_words($2) AS words
), own AS (
    SELECT r.id, r.last_seq, coalesce(p.indexed_seq, 0) AS indexed_seq, u.id AS peer_id, u.email, u.display_name,
        u.last_seen_at
    FROM (SELECT * FROM rooms WHERE user1_id = $1 UNION ALL SELECT * FROM rooms WHERE user2_id = $1) r
    JOIN users u ON u.id = CASE WHEN r.user1_id = $1 THEN r.user2_id ELSE r.user1_id END
    LEFT JOIN search_progress p ON p.room_id = r.id
), hits AS (
    SELECT s.room_id, s.seq FROM message_search s
    WHERE s.words @@ (SELECT words FROM asked)
      AND s.words @@ (SELECT string_agg(room_word(id), ' | ')::tsquery FROM own)
    UNION
    SELECT m.room_id, m.seq FROM own JOIN messages m ON m.room_id = own.id AND m.seq > own.indexed_seq
    WHERE own.last_seq > own.indexed_seq AND to_tsvector('simple', spoken(m.content)) @@ (SELECT words FROM asked)
)
SELECT m.id, m.room_id, m.sender_id, m.content, m.created_at, m.seq, m.edited_at, m.deleted_at,
    own.peer_id, own.email, own.display_name, own.last_seen_at
FROM hits JOIN messages m ON m.room_id = hits.room_id AND m.seq = hits.seq
JOIN own ON own.id = m.room_id
WHERE m.deleted_at IS NULL AND to_tsvector('simple', spoken(m.content)) @@ (SELECT words FROM asked)
ORDER BY ts_rank(to_tsvector('simple', spoken(m.content)), (SELECT words FROM asked)) DESC, m.id DESC
LIMIT $3 OFFSET $4
"""
# Many rooms in one commit, in the order of their ids: nodes that index the same rooms wait for each other in turn.
INDEX = """
WITH asked AS (
    SELECT a.room_id, coalesce(p.indexed_seq, 0) AS indexed_seq
    FROM (SELECT DISTINCT unnest($1::uuid[]) AS room_id) a LEFT JOIN search_progress p ON p.room_id = a.room_id
), fresh AS (
    SELECT asked.room_id, m.seq, message_words(asked.room_id, m.content) AS words, m.deleted_at
    FROM asked CROSS JOIN LATERAL (
        SELECT seq, content, deleted_at FROM messages
        WHERE room_id = asked.room_id AND seq > asked.indexed_seq ORDER BY seq LIMIT $2
    ) m
), written AS (
    INSERT INTO message_search (room_id, seq, words)
    SELECT room_id, seq, words FROM fresh WHERE deleted_at IS NULL ORDER BY room_id, seq
    ON CONFLICT DO NOTHING
), progress AS (
    INSERT INTO search_progress (room_id, indexed_seq)
    SELECT room_id, max(seq) FROM fresh GROUP BY room_id ORDER BY room_id
    ON CONFLICT (room_id) DO UPDATE SET indexed_seq = greatest(search_progress.indexed_seq, excluded.indexed_seq)
)
SELECT room_id FROM fresh GROUP BY room_id HAVING count(*) = $2
"""
BEHIND = """
SELECT r.id FROM rooms r LEFT JOIN search_progress p ON p.room_id = r.id
WHERE r.last_seq > coalesce(p.indexed_seq, 0)
"""


class SearchStore:
    """Searches, and writes the words down."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def search(self, user_id: int, text: str, limit: int, offset: int) -> list[asyncpg.Record]:
        """The user's messages with all the words of `text`, the last one perhaps a beginning; the best first."""
        rows: list[asyncpg.Record] = await self._pool.fetch(SEARCH, user_id, text, limit, offset)
        return rows

    async def index(self, room_ids: Sequence[str], limit: int) -> list[str]:
        """Write down the words of these rooms' next messages, `limit` of each; the rooms where there may be more."""
        return [str(row[0]) for row in await self._pool.fetch(INDEX, room_ids, limit)]

    async def behind(self) -> list[str]:
        """Rooms with messages whose words are not written down."""
        return [str(row[0]) for row in await self._pool.fetch(BEHIND)]
