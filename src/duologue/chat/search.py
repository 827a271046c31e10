"""Full-text search over the caller's rooms: whole words and their beginnings, the best first."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from duologue.chat.journal import StoredRoom
from duologue.chat.search_store import SearchStore
from duologue.chat.service import message_view
from duologue.chat.store import MessageRow
from duologue.database.faults import AWAY
from duologue.errors import AppError, Code, Detail
from duologue.wire.rooms import Found, Peer, SearchResult

__all__ = ["SearchIndexer", "SearchService", "question"]

QUERY_LENGTH = 200
DEEPEST = 1_000  # results; who wants more asks more precisely
INDEX_SECONDS = 1.0
INDEX_ROOMS = 20  # in one commit
INDEX_ROWS = 200  # of each
REST = 9  # times as long as a commit took, while messages flow

log = structlog.get_logger("duologue.search")

PeerView = Callable[[int, str, str | None, datetime | None], Peer]


def question(text: str) -> str:
    """What PostgreSQL is asked; raises `INVALID_INPUT` where there is no word."""
    if len(text) > QUERY_LENGTH or not re.search(r"[^\W_]", text):
        raise AppError(
            Code.INVALID_INPUT,
            f"q must hold a word, in at most {QUERY_LENGTH} characters.",
            details=[Detail("q", "holds no word, or too much")],
        )
    return text.replace("\0", " ")


class SearchService:
    """Searches for a user."""

    def __init__(self, store: SearchStore, view: PeerView) -> None:
        """`view` shows a peer as of now."""
        self._store = store
        self._view = view

    async def search(self, user_id: int, text: str, limit: int, cursor: str | None) -> SearchResult:
        """A page of results; `cursor` is what the page before gave."""
        offset = 0
        if cursor is not None:
            if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 4:
                raise AppError(Code.INVALID_INPUT, "cursor is not one of ours.", details=[Detail("cursor", "is wrong")])
            offset = int(cursor)
        rows = await self._store.search(user_id, question(text), limit + 1, offset)
        found = []
        for row in rows[:limit]:
            message_id, room_id, sender_id, content, created_at, seq, edited_at, deleted_at, *peer = row
            message = MessageRow(
                str(message_id), str(room_id), sender_id, content, created_at, seq, edited_at, deleted_at
            )
            found.append(Found(message=message_view(message), peer=self._view(*peer)))
        more = len(rows) > limit and offset + limit < DEEPEST
        return SearchResult(results=found, cursor=str(offset + limit) if more else None)


class SearchIndexer:
    """Follows the journal at a second's distance, so that messages do not wait for their words.

    Words cost PostgreSQL more than the messages themselves. So while messages flow they get a tenth of one of its
    processes; a flood is caught up with when it has passed.
    """

    def __init__(self, store: SearchStore) -> None:
        self._store = store
        self._noted = 0
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what a former process left."""
        self._task = asyncio.create_task(self._run(), name="search")

    async def stop(self) -> None:
        """End; the next start catches up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def note(self, stored: Sequence[StoredRoom]) -> None:
        """These rooms have new messages."""
        self._dirty.update([room.room_id for room in stored])
        self._noted += 1
        self._wake.set()

    async def _run(self) -> None:
        behind = True
        while True:
            try:
                if behind:
                    self._dirty.update(await self._store.behind())
                    behind = False
                await self._index()
            except AWAY as error:
                log.warning("the search index waits for PostgreSQL", reason=type(error).__name__)
                behind = True
            else:
                await self._wake.wait()
            await asyncio.sleep(INDEX_SECONDS)

    async def _index(self) -> None:
        self._wake.clear()
        rooms, self._dirty = self._dirty, set()
        while rooms:
            some = [rooms.pop() for _ in range(min(INDEX_ROOMS, len(rooms)))]
            noted, begun = self._noted, time.monotonic()
            rooms.update(await self._store.index(some, INDEX_ROWS))
            if self._noted != noted:
                await asyncio.sleep((time.monotonic() - begun) * REST)
