"""The journal: every message goes through here into PostgreSQL, many in one commit, before anyone sees it."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog
from uuid_utils import uuid7

from duologue.chat.journal_store import Appended, JournalStore, NothingStored, StoredBefore
from duologue.chat.store import Membership
from duologue.errors import AppError, Code

__all__ = ["Entry", "Journal", "Origin", "StoredRoom"]

BATCH_ROWS = 500  # 1,000 rows a commit gain little more, and wait twice as long
BATCH_BYTES = 1 << 19  # half of what may wait for one reader, who may get the whole batch in one turn
QUEUE_ROWS = 20_000  # about a second of the write path
QUEUE_BYTES = 32 << 20
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)

log = structlog.get_logger("duologue.journal")


class Origin(Protocol):
    """Who put an entry into the journal: it hears what became of it, and is left out of the delivery."""

    def stored(self, entry: "Entry") -> None:
        """The entry is committed; `seq` and `created_at` are set (by an earlier entry, if it was a retry)."""

    def failed(self, entry: "Entry", error: AppError) -> None:
        """The entry was refused for good."""


class Entry:
    """A message on its way into the journal. `seq` and `created_at` are set by the commit."""

    __slots__ = ("client_id", "content", "created_at", "id", "members", "origin", "room_id", "sender_id", "seq", "size")

    def __init__(
        self, room_id: str, members: Membership, sender_id: int, content: str, client_id: str | None, origin: Origin
    ) -> None:
        self.id = str(uuid7())
        self.room_id = room_id
        self.members = members
        self.sender_id = sender_id
        self.content = content
        self.size = len(content) if content.isascii() else len(content.encode(errors="replace"))
        """Bytes of the content."""
        self.client_id = client_id
        self.origin = origin
        self.seq = 0
        self.created_at = ""


class StoredRoom:
    """What one commit added to one room."""

    __slots__ = ("entries", "read1", "read2", "room_id")

    def __init__(self, room_id: str, entries: list[Entry], read1: int, read2: int) -> None:
        self.room_id = room_id
        self.entries = entries
        """In `seq` order, without a gap."""
        self.read1 = read1
        self.read2 = read2


Deliver = Callable[[Sequence[StoredRoom]], None]


class Journal:
    """Commits whatever is queued as one batch, then the next; delivers a batch while the next is being committed.

    It never waits to fill a batch. `deliver` is called once a commit with the rooms it touched, in commit order, and
    after it every entry's origin hears of it. PostgreSQL away: the queue fills to its bound, then `append` raises
    `BUSY`.
    """

    def __init__(
        self, store: JournalStore, deliver: Deliver, committed: Callable[[int, float], None] = lambda n, seconds: None
    ) -> None:
        """`committed` hears of each commit: how many entries, and how many seconds it took."""
        self._store = store
        self._deliver = deliver
        self._committed = committed
        self._queue: deque[Entry] = deque()
        self._queue_bytes = 0
        self._under_way: tuple[list[Entry], list[Entry]] = ([], [])
        self._retries: dict[tuple[str, int, str], list[Entry]] = {}
        self._wake = asyncio.Event()
        self._taken = 0
        self._told = 0
        self._progress = asyncio.Event()
        self._closing = False
        self._committer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._committer = asyncio.create_task(self._run(), name="journal")

    async def stop(self, seconds: float = 10.0) -> None:
        """Refuse new entries, commit what is queued, end; give up after `seconds` (PostgreSQL is away)."""
        self._closing = True
        self._wake.set()
        if self._committer is not None:
            try:
                async with asyncio.timeout(seconds):
                    await self._committer
            except TimeoutError:
                log.error("gave up on queued messages; their senders were not told they are stored", n=len(self._queue))

    async def settled(self) -> None:
        """Wait until all that is queued now is stored or refused, and its origins have heard of it."""
        end = self._taken + len(self._queue)
        while self._told < end:
            self._progress.clear()
            await self._progress.wait()

    @property
    def depth(self) -> int:
        """Entries waiting for a commit."""
        return len(self._queue)

    def under_way(self) -> Iterable[Entry]:
        """Entries that may be stored and are not delivered yet."""
        return itertools.chain(*self._under_way)

    def append(self, entry: Entry) -> None:
        """Queue an entry; its origin hears what became of it. Raises `BUSY` when the queue is full."""
        if self._closing or len(self._queue) >= QUEUE_ROWS or self._queue_bytes + entry.size > QUEUE_BYTES:
            raise AppError(Code.BUSY, "The server is busy; send it again shortly.", retry_after=1.0)
        if entry.client_id is not None:
            key = (entry.room_id, entry.sender_id, entry.client_id)
            waiting = self._retries.get(key)
            if waiting is not None:
                waiting.append(entry)
                return
            self._retries[key] = []
        self._queue.append(entry)
        self._queue_bytes += entry.size
        self._wake.set()

    async def _run(self) -> None:
        finished: list[Entry] = []
        stored: Sequence[StoredRoom] = ()
        while True:
            if not self._queue:
                self._hand_out(stored, finished, self._taken)
                stored, finished = (), []
                if self._queue:  # an origin said more while it was told
                    continue
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = self._take()
            self._under_way = (finished, batch)
            if not finished:  # nothing to deliver meanwhile: a lone message saves a task and a turn of the loop
                stored, finished = await self._commit(batch)
                continue
            commit = asyncio.ensure_future(self._commit(batch))
            # One turn of the loop sends the commit off; PostgreSQL works while the batch before is delivered.
            await asyncio.sleep(0)
            self._hand_out(stored, finished, self._taken - len(batch))
            stored, finished = await commit

    def _take(self) -> list[Entry]:
        queue = self._queue
        batch: list[Entry] = []
        size = 0
        while queue and len(batch) < BATCH_ROWS and size < BATCH_BYTES:
            entry = queue.popleft()
            size += entry.size
            batch.append(entry)
        self._queue_bytes -= size
        self._taken += len(batch)
        return batch

    async def _commit(self, batch: list[Entry]) -> tuple[Sequence[StoredRoom], list[Entry]]:
        """Store the batch, however often PostgreSQL goes away; what it refuses for good is told to its origin."""
        careful = False
        tries = 0
        while True:
            begun = time.perf_counter()  # the loop's clock stands still for a turn, and counts milliseconds
            try:
                appended = await (self._store.append_checked(batch) if careful else self._store.append(batch))
            except StoredBefore:
                careful = True
            except NothingStored as refused:
                if len(batch) == 1:
                    log.error("a message was refused by the database", reason=str(refused.__cause__))
                    self._refuse(batch[0])
                    return (), []
                # One entry spoils the batch: find it by halves.
                middle = len(batch) // 2
                first, first_done = await self._commit(batch[:middle])
                second, second_done = await self._commit(batch[middle:])
                return [*first, *second], first_done + second_done
            except ConnectionError as lost:
                # The commit may have happened: from now on look before storing.
                careful = True
                if tries == 0:
                    log.warning("PostgreSQL is away; messages wait", reason=type(lost.__cause__).__name__)
                await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1
            else:
                self._committed(len(batch), time.perf_counter() - begun)
                if tries:
                    log.info("PostgreSQL is back", waited=len(self._queue))
                return self._group(batch, appended), batch

    def _refuse(self, entry: Entry) -> None:
        error = AppError(Code.INTERNAL, "The message could not be stored.")
        for each in (entry, *self._forget(entry)):
            each.origin.failed(each, error)

    def _forget(self, entry: Entry) -> list[Entry]:
        """End the watch for retries of this entry; the ones that came meanwhile."""
        if entry.client_id is None:
            return []
        return self._retries.pop((entry.room_id, entry.sender_id, entry.client_id), [])

    @staticmethod
    def _group(batch: list[Entry], appended: Appended) -> list[StoredRoom]:
        rooms: dict[str, StoredRoom] = {}
        for entry in batch if appended.fresh is None else appended.fresh:
            room = rooms.get(entry.room_id)
            if room is None:
                rooms[entry.room_id] = StoredRoom(entry.room_id, [entry], *appended.reads[entry.room_id])
            else:
                room.entries.append(entry)
        return list(rooms.values())

    def _hand_out(self, stored: Sequence[StoredRoom], finished: list[Entry], told: int) -> None:
        """Deliver, then tell the origins; `told` is how many entries have had their answer then."""
        if stored:
            try:
                self._deliver(stored)
            except Exception:
                log.exception("delivery failed; readers will find the messages in the log")
        for entry in finished:
            for retry in self._forget(entry):
                retry.id, retry.seq, retry.created_at = entry.id, entry.seq, entry.created_at
                retry.origin.stored(retry)
            entry.origin.stored(entry)
        self._told = told
        self._progress.set()
