"""The SQL of the demonstration: rows as the server itself would have written them over the last days."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from duologue.demo.script import Character, Conversation

__all__ = ["DemoStore"]

# Two runs at once: the second waits here for the first, and then finds everybody there.
PERSON = """
INSERT INTO users (email, password_hash, display_name, created_at, last_seen_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (email) DO NOTHING RETURNING id
"""
ROOM = """
INSERT INTO rooms (id, user1_id, user2_id, created_at, last_seq, last_rev,
    user1_read_seq, user2_read_seq, user1_delivered_seq, user2_delivered_seq)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $8)
"""
MESSAGE_COLUMNS = ["room_id", "seq", "id", "sender_id", "content", "created_at", "edited_at", "deleted_at", "rev"]
EDIT = "INSERT INTO message_edits (message_id, replaced_at, content) VALUES ($1, $2, $3)"
CHANGED_AFTER = timedelta(seconds=20)
HISTORY = timedelta(days=30)


class DemoStore:
    """Writes people and conversations, all in one transaction of the caller's."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def add_people(self, people: Iterable[Character], password_hash: str, now: datetime) -> Mapping[str, int]:
        """Their ids by name; without those who were there already."""
        ids = {}
        for each in people:
            row = await self._connection.fetchrow(
                PERSON, each.email, password_hash, each.display_name, now - HISTORY, now - each.seen
            )
            if row is not None:
                ids[each.name] = row[0]
        return ids

    async def add_conversation(self, conversation: Conversation, ids: Mapping[str, int]) -> UUID:
        """A room and all that was said in it; its id."""
        begun = conversation.lines[0].said_at - timedelta(minutes=1)
        room = _uuid(begun)
        messages, edits, rev = [], [], 0
        for seq, line in enumerate(conversation.lines, 1):
            said_at = _milliseconds(line.said_at)
            changed_at = said_at + CHANGED_AFTER
            is_changed = line.former is not None or line.is_deleted
            rev += is_changed
            message = _uuid(said_at)
            messages.append(
                (
                    room,
                    seq,
                    message,
                    ids[line.sender],
                    line.text,
                    said_at,
                    changed_at if line.former is not None else None,
                    changed_at if line.is_deleted else None,
                    rev if is_changed else None,
                )
            )
            if line.former is not None:
                edits.append((message, changed_at, line.former))
        first, second = ids[conversation.first], ids[conversation.second]
        last = len(messages)
        read = {first: last - conversation.unread, second: last}
        pair = sorted(read)
        await self._connection.execute(
            ROOM, room, *pair, _milliseconds(begun), last, rev, *(read[user] for user in pair)
        )
        await self._copy(messages)
        await self._connection.executemany(EDIT, edits)
        return room

    async def _copy(self, messages: Sequence[tuple[object, ...]]) -> None:
        await self._connection.copy_records_to_table("messages", columns=MESSAGE_COLUMNS, records=messages)


def _milliseconds(moment: datetime) -> datetime:
    """As precise as the server's own times."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _uuid(moment: datetime) -> UUID:
    """An id of that time, as the journal would have made it then (UUIDv7, RFC 9562 §5.7)."""
    value = int(moment.timestamp() * 1000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return UUID(int=value)
