"""The SQL of rooms and messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct
from uuid_utils import uuid7

from duologue.database.gathering import Gathering

__all__ = ["FIRST_ROOM", "NEWEST", "ConversationStore", "Membership", "MessageRow", "RoomRow"]


class RoomRow(Struct, frozen=True):
    """A room as one of its members sees it, with its newest message."""

    id: str
    newest: "MessageRow | None"
    user1_id: int
    user2_id: int
    created_at: datetime
    last_seq: int
    read_seq: int
    peer_id: int
    peer_email: str
    peer_name: str | None
    peer_seen_at: datetime | None


class MessageRow(Struct, frozen=True):
    """A stored message."""

    id: str
    room_id: str
    sender_id: int
    content: str
    created_at: datetime
    seq: int
    edited_at: datetime | None
    deleted_at: datetime | None


class Membership(Struct, frozen=True):
    """What a room says of its members, and how far it and they have come."""

    user1_id: int
    user2_id: int
    last_seq: int
    last_rev: int
    read1: int
    read2: int
    delivered1: int
    delivered2: int
    blocked1: bool
    """Whether the second has blocked the first."""
    blocked2: bool
    seen1: datetime | None = None
    """When the first was last online, as far as the database knows."""
    seen2: datetime | None = None

    def other(self, user_id: int) -> int:
        """The other member."""
        return self.user2_id if user_id == self.user1_id else self.user1_id

    def read(self, user_id: int) -> int:
        """How far the member has read."""
        return self.read1 if user_id == self.user1_id else self.read2

    def delivered(self, user_id: int) -> int:
        """How far the member was sent the room; what was read was delivered."""
        if user_id == self.user1_id:
            return max(self.read1, self.delivered1)
        return max(self.read2, self.delivered2)

    def seen(self, user_id: int) -> datetime | None:
        """When the member was last online, as far as the database knows."""
        return self.seen1 if user_id == self.user1_id else self.seen2

    def blocked(self) -> frozenset[int]:
        """The members whom the other has blocked."""
        pairs = ((self.user1_id, self.blocked1), (self.user2_id, self.blocked2))
        return frozenset(user_id for user_id, blocked in pairs if blocked)


# $1: the member who looks.
ROOM_COLUMNS = """
    r.id, r.user1_id, r.user2_id, r.created_at, r.last_seq,
    CASE WHEN r.user1_id = $1 THEN r.user1_read_seq ELSE r.user2_read_seq END AS read_seq,
    p.id AS peer_id, p.email AS peer_email, p.display_name AS peer_name, p.last_seen_at AS peer_seen_at,
    m.id AS m_id, m.sender_id AS m_sender_id, m.content AS m_content, m.created_at AS m_created_at, m.seq AS m_seq,
    m.edited_at AS m_edited_at, m.deleted_at AS m_deleted_at
FROM rooms r
JOIN users p ON p.id = CASE WHEN r.user1_id = $1 THEN r.user2_id ELSE r.user1_id END
LEFT JOIN messages m ON m.room_id = r.id AND m.seq = r.last_seq
"""

OPEN_ROOM = """
INSERT INTO rooms (id, user1_id, user2_id)
SELECT $1, least(u.id, $3), greatest(u.id, $3) FROM users u
WHERE u.id = $2 AND u.erased_at IS NULL AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = $2 AND blocked_id = $3)
ON CONFLICT ON CONSTRAINT rooms_pair DO NOTHING
RETURNING id
"""
PAIR_ROOM = f"SELECT {ROOM_COLUMNS} WHERE r.user1_id = least($1::int, $2) AND r.user2_id = greatest($1::int, $2)"
ROOM = f"SELECT {ROOM_COLUMNS} WHERE r.id = $2 AND $1 IN (r.user1_id, r.user2_id)"
# Two index scans instead of an OR; the newest activity first. Rooms of one commit have the same time: their ids decide.
ROOMS = f"""
SELECT {ROOM_COLUMNS}
WHERE r.id IN (SELECT id FROM rooms WHERE user1_id = $1 UNION ALL SELECT id FROM rooms WHERE user2_id = $1)
  AND ($2::timestamptz IS NULL OR (coalesce(m.created_at, r.created_at), r.id) < ($2, $3))
ORDER BY coalesce(m.created_at, r.created_at) DESC, r.id DESC
LIMIT $4
"""
MEMBERSHIPS = """
SELECT id, user1_id, user2_id, last_seq, last_rev,
    user1_read_seq, user2_read_seq, user1_delivered_seq, user2_delivered_seq,
    EXISTS (SELECT FROM blocks WHERE blocker_id = user2_id AND blocked_id = user1_id),
    EXISTS (SELECT FROM blocks WHERE blocker_id = user1_id AND blocked_id = user2_id),
    (SELECT last_seen_at FROM users WHERE id = user1_id), (SELECT last_seen_at FROM users WHERE id = user2_id)
FROM rooms WHERE id = ANY ($1::uuid[])
"""
MESSAGE_COLUMNS = "id, seq, sender_id, content, created_at, edited_at, deleted_at"
AFTER = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
BEHIND = f"""
SELECT m.*, w.room_id FROM unnest($1::uuid[], $2::bigint[]) AS w(room_id, seq)
CROSS JOIN LATERAL (
    SELECT {MESSAGE_COLUMNS} FROM messages WHERE room_id = w.room_id AND seq > w.seq ORDER BY seq LIMIT $3
) m ORDER BY w.room_id, m.seq
"""
# $2: how many seconds ago it began.
STIRRED = """
SELECT r.id, r.user1_id, r.user2_id FROM rooms r LEFT JOIN messages m ON m.room_id = r.id AND m.seq = r.last_seq
WHERE r.id IN (
    SELECT id FROM rooms WHERE user1_id = ANY ($1::int[])
    UNION ALL SELECT id FROM rooms WHERE user2_id = ANY ($1::int[])
) AND greatest(r.created_at, m.created_at) > clock_timestamp() - make_interval(secs => $2)
"""
BEFORE = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"

NEWEST = 2**63 - 1
FIRST_ROOM = UUID(int=0)  # before every room of the same moment


class ConversationStore:
    """Reads rooms and pages of messages; opens rooms. Messages are written by the journal alone."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._memberships = Gathering(self._ask_memberships)

    async def open_room(self, user_id: int, other_user_id: int) -> tuple[RoomRow, bool] | None:
        """The room of the pair and whether it is new; `None` where there is no such other user."""
        async with self._pool.acquire() as connection:
            made = await connection.fetchval(OPEN_ROOM, UUID(int=uuid7().int), other_user_id, user_id)
            row = await connection.fetchrow(PAIR_ROOM, user_id, other_user_id)
        return (room_row(row), made is not None) if row else None

    async def room(self, user_id: int, room_id: UUID) -> RoomRow | None:
        """The room, if the user is a member."""
        row = await self._pool.fetchrow(ROOM, user_id, room_id)
        return room_row(row) if row else None

    async def rooms(
        self, user_id: int, limit: int, before: datetime | None = None, before_room: UUID = FIRST_ROOM
    ) -> list[RoomRow]:
        """The user's rooms, the newest activity first; `before` and the room that had it then continue a list."""
        return [room_row(row) for row in await self._pool.fetch(ROOMS, user_id, before, before_room, limit)]

    async def membership(self, room_id: UUID) -> Membership | None:
        """Who belongs to the room."""
        return await self._memberships.get(room_id)

    async def _ask_memberships(self, room_ids: Sequence[UUID | str]) -> dict[UUID, Membership]:
        return {row[0]: Membership(*row[1:]) for row in await self._pool.fetch(MEMBERSHIPS, room_ids)}

    async def memberships(self, room_ids: Sequence[str]) -> dict[str, Membership]:
        """Who belongs to each of these rooms."""
        return {str(room_id): found for room_id, found in (await self._ask_memberships(room_ids)).items()}

    async def behind(self, positions: Mapping[str, int], limit: int) -> dict[str, list[MessageRow]]:
        """The first messages of each room behind that `seq`, oldest first; many rooms in one question."""
        rooms: dict[str, list[MessageRow]] = {}
        for row in await self._pool.fetch(BEHIND, list(positions), list(positions.values()), limit):
            room = str(row[-1])
            rooms.setdefault(room, []).append(
                MessageRow(str(row[0]), room, row[2], row[3], row[4], row[1], row[5], row[6])
            )
        return rooms

    async def stirred(self, user_ids: Sequence[int], seconds: float) -> list[tuple[str, int, int]]:
        """Rooms of these users that are new, or have new messages, since that many seconds: id and both members."""
        return [(str(row[0]), row[1], row[2]) for row in await self._pool.fetch(STIRRED, list(user_ids), seconds)]

    async def after(self, room_id: UUID, seq: int, limit: int) -> list[MessageRow]:
        """The first messages behind `seq`, oldest first."""
        return message_rows(room_id, await self._pool.fetch(AFTER, room_id, seq, limit))

    async def before(self, room_id: UUID, seq: int, limit: int) -> list[MessageRow]:
        """The last messages ahead of `seq`, oldest first."""
        return message_rows(room_id, (await self._pool.fetch(BEFORE, room_id, seq, limit))[::-1])


def message_rows(room_id: UUID, rows: Sequence[asyncpg.Record]) -> list[MessageRow]:
    """Rows of one room."""
    room = str(room_id)
    return [MessageRow(str(r[0]), room, r[2], r[3], r[4], r[1], r[5], r[6]) for r in rows]


def room_row(row: asyncpg.Record) -> RoomRow:
    """A row of `ROOM_COLUMNS`."""
    room_id, message_id = str(row[0]), row[10]
    newest = MessageRow(str(message_id), room_id, *row[11:]) if message_id else None
    return RoomRow(room_id, newest, *row[1:10])
