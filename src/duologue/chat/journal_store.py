"""The SQL of the journal: one call stores a batch and gives every message its `seq`."""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncpg

from duologue.database.faults import AWAY
from duologue.wire.base import rfc3339

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    from duologue.chat.journal import Entry

__all__ = ["Appended", "JournalStore", "NothingStored", "StoredBefore"]

APPEND = "SELECT * FROM journal_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
APPEND_MANY = "SELECT * FROM journal_append_many($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
APPEND_CHECKED = "SELECT * FROM journal_append_checked($1, $2, $3, $4, $5, $6)"

MANY_ROOMS = 20  # from here on one UPDATE is quicker than one each (python -m bench load --shapes 500x1)
COMMIT_SECONDS = 15.0  # then the connection is given up and the batch is sent again
ACQUIRE_SECONDS = 5.0


class StoredBefore(Exception):
    """A message of the batch is in the log already; nothing of the batch was stored."""


class NothingStored(Exception):
    """PostgreSQL refuses the batch as it is; nothing of it was stored."""


class Appended:
    """The outcome of a batch: `seq` and `created_at` of its entries are set."""

    __slots__ = ("fresh", "reads")

    def __init__(self, reads: dict[str, tuple[int, int]], fresh: "list[Entry] | None") -> None:
        self.reads = reads
        """Per room: how far its first and its second user have read."""
        self.fresh = fresh
        """The entries that were not stored before, in `seq` order; `None` when that is all of them."""


class JournalStore:
    """Stores batches. Errors of the connection itself come out as `OSError`: the commit may have happened."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._connection: PoolConnectionProxy[asyncpg.Record] | None = None

    async def append(self, batch: "Sequence[Entry]") -> Appended:
        """Store a batch of new messages in one commit."""
        groups: dict[str, list[Entry]] = {}
        for entry in batch:
            group = groups.get(entry.room_id)
            if group is None:
                groups[entry.room_id] = [entry]
            else:
                group.append(entry)
        # Rooms in id order: two committers never wait for each other crosswise.
        room_ids = sorted(groups)
        counts: list[int] = []
        own1: list[int] = []
        own2: list[int] = []
        m_room: list[int] = []
        m_pos: list[int] = []
        ordered: list[Entry] = []
        for index, room_id in enumerate(room_ids, 1):
            group = groups[room_id]
            last1 = last2 = 0
            for position, entry in enumerate(group, 1):
                m_room.append(index)
                m_pos.append(position)
                if entry.sender_id == entry.members.user1_id:
                    last1 = position
                else:
                    last2 = position
            ordered += group
            counts.append(len(group))
            own1.append(last1)
            own2.append(last2)
        row = await self._call(
            APPEND if len(room_ids) < MANY_ROOMS else APPEND_MANY,
            room_ids,
            counts,
            own1,
            own2,
            m_room,
            m_pos,
            [entry.id for entry in ordered],
            [entry.sender_id for entry in ordered],
            [entry.content for entry in ordered],
            [entry.client_id for entry in ordered],
        )
        bases, reads1, reads2, stored_at = row[0]
        created_at = rfc3339(stored_at)
        reads: dict[str, tuple[int, int]] = {}
        for room_id, base, read1, read2 in zip(room_ids, bases, reads1, reads2, strict=True):
            reads[room_id] = (read1, read2)
            for seq, entry in enumerate(groups[room_id], base + 1):
                entry.seq = seq
                entry.created_at = created_at
        return Appended(reads, None)

    async def append_checked(self, batch: "Sequence[Entry]") -> Appended:
        """Store what is not stored yet; the rest gets the ids, `seq` and times it was stored with."""
        room_ids = sorted({entry.room_id for entry in batch})
        index = {room_id: position for position, room_id in enumerate(room_ids, 1)}
        rows = await self._call(
            APPEND_CHECKED,
            room_ids,
            [index[entry.room_id] for entry in batch],
            [entry.id for entry in batch],
            [entry.sender_id for entry in batch],
            [entry.content for entry in batch],
            [entry.client_id for entry in batch],
        )
        reads: dict[str, tuple[int, int]] = {}
        fresh: list[Entry] = []
        for entry, (seq, stored_id, created_at, is_fresh, read1, read2) in zip(batch, rows, strict=True):
            # Found by its own id, it was stored by a commit whose answer was lost: it is still to be delivered.
            if is_fresh or str(stored_id) == entry.id:
                fresh.append(entry)
            entry.seq = seq
            entry.id = str(stored_id)
            entry.created_at = rfc3339(created_at)
            reads[entry.room_id] = (read1, read2)
        return Appended(reads, fresh)

    async def _call(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            connection = await self._own_connection()
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments, timeout=COMMIT_SECONDS)
        except asyncpg.UniqueViolationError as known:
            raise StoredBefore from known
        except (
            *AWAY,
            asyncpg.TransactionRollbackError,
            RuntimeError,
        ) as lost:  # RuntimeError: uvloop, of a closed transport
            await self.close()  # whatever state it is in: the next try begins with another
            raise ConnectionError(str(lost)) from lost
        except Exception as refused:  # whatever it is, the committer goes on with the other messages
            raise NothingStored from refused
        return rows

    async def _own_connection(self) -> "PoolConnectionProxy[asyncpg.Record]":
        """A connection kept for the journal: no wait for the pool, and no reset between two commits."""
        if self._connection is None:
            self._connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        return self._connection

    async def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # A connection that died was taken back by the pool already, and says so to every question.
            with contextlib.suppress(*AWAY):
                connection.terminate()
            with contextlib.suppress(*AWAY):
                await self._pool.release(connection)
