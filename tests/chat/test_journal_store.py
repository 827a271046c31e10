"""What PostgreSQL makes of a batch, few rooms or many: the same counting, and no half of a batch that it refuses."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from uuid_utils import uuid7

from duologue.chat.journal import Entry
from duologue.chat.journal_store import MANY_ROOMS, JournalStore, NothingStored, StoredBefore
from duologue.chat.store import ConversationStore, Membership

FEW, MANY = 3, MANY_ROOMS + 5
both = pytest.mark.parametrize("count", [FEW, MANY])


@pytest_asyncio.fixture(loop_scope="session")
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as pool:
        yield pool


class Batch:
    """Rooms of two people, and what they say there."""

    def __init__(self, rooms: dict[str, Membership]) -> None:
        self.rooms = rooms

    @classmethod
    async def make(cls, pool: asyncpg.Pool, count: int) -> "Batch":
        rooms: dict[str, Membership] = {}
        for _ in range(count):
            pair = [
                await pool.fetchval(
                    "INSERT INTO users (email, password_hash, created_at) VALUES ($1, '', now()) RETURNING id",
                    f"{uuid7()}@example.com",
                )
                for _ in range(2)
            ]
            room_id = str(uuid7())
            await pool.execute("INSERT INTO rooms (id, user1_id, user2_id) VALUES ($1, $2, $3)", room_id, *pair)
            rooms[room_id] = Membership(*pair, 0, 0, 0, 0, 0, 0, False, False)
        return cls(rooms)

    def say(self, room_id: str, speaker: int, text: str, client_id: str | None = None) -> Entry:
        """By the first (1) or the second (2) of the room."""
        members = self.rooms[room_id]
        sender = members.user1_id if speaker == 1 else members.user2_id
        return Entry(room_id, members, sender, text, client_id, origin=None)  # type: ignore[arg-type]


@both
async def test_each_room_counts_for_itself_without_a_gap_whatever_the_order_in_the_batch(pool, count):
    batch, store = await Batch.make(pool, count), JournalStore(pool)
    try:
        # Round and round: no two messages of a room stand side by side. The second person speaks last in every room.
        entries = [batch.say(room, 1 + turn % 2, f"{turn}") for turn in range(4) for room in reversed(batch.rooms)]
        appended = await store.append(entries)
        again = [batch.say(room, 1, "once more") for room in batch.rooms]
        appended_again = await store.append(again)
    finally:
        await store.close()
    for room in batch.rooms:
        said = [(entry.seq, entry.content) for entry in [*entries, *again] if entry.room_id == room]
        assert said == [(1, "0"), (2, "1"), (3, "2"), (4, "3"), (5, "once more")]
        assert appended.reads[room] == (3, 4)
        assert appended_again.reads[room] == (5, 4)
        stored = await pool.fetch("SELECT seq, content FROM messages WHERE room_id = $1 ORDER BY seq", room)
        assert [tuple(row) for row in stored] == said
    members = await ConversationStore(pool).memberships(list(batch.rooms))
    assert {(found.last_seq, found.read1, found.read2) for found in members.values()} == {(5, 5, 4)}


@both
async def test_a_room_that_is_gone_or_a_message_known_before_leaves_nothing_of_the_batch_behind(pool, count):
    batch, store = await Batch.make(pool, count), JournalStore(pool)
    first = next(iter(batch.rooms))
    try:
        await store.append([batch.say(first, 1, "known", "a")])
        with pytest.raises(StoredBefore):
            await store.append([batch.say(room, 1, "known", "a") for room in batch.rooms])
        nowhere = Entry(str(uuid7()), batch.rooms[first], 1, "lost", None, origin=None)  # type: ignore[arg-type]
        with pytest.raises(NothingStored):
            await store.append([nowhere, *(batch.say(room, 1, "too") for room in batch.rooms)])
    finally:
        await store.close()
    stored = await pool.fetch("SELECT content FROM messages WHERE room_id = ANY ($1::uuid[])", list(batch.rooms))
    assert [row["content"] for row in stored] == ["known"]
    members = await ConversationStore(pool).memberships(list(batch.rooms))
    assert sum(found.last_seq for found in members.values()) == 1
