"""How far members have read and were sent their rooms: kept together, written together, then told."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg
import structlog

from duologue.chat.watermarks_store import Mark, Moved, WatermarkStore
from duologue.database.faults import AWAY

__all__ = ["Watermarks"]

FLUSH_SECONDS = 0.1
RETRY_SECONDS = 1.0

log = structlog.get_logger("duologue.watermarks")


@dataclass(slots=True)
class Pending:
    """What is to be written for one member of one room."""

    read: int = 0
    delivered: int = 0


class Watermarks:
    """Collects marks for a tenth of a second and writes them in one statement; they only ever grow."""

    def __init__(self, store: WatermarkStore, moved: Callable[[Sequence[Moved]], None]) -> None:
        """`moved` hears of the marks that grew, after they are stored."""
        self._store = store
        self._moved = moved
        self._pending: dict[tuple[str, int], Pending] = {}
        self._flusher: asyncio.Task[None] | None = None

    def read(self, room_id: str, user_id: int, seq: int) -> None:
        """The member has read the room up to `seq`."""
        pending = self._of(room_id, user_id)
        pending.read = max(pending.read, seq)

    def delivered(self, room_id: str, user_id: int, seq: int) -> None:
        """A socket of the member was sent the room up to `seq`."""
        pending = self._of(room_id, user_id)
        pending.delivered = max(pending.delivered, seq)

    async def read_now(self, room_id: str, user_id: int, seq: int) -> None:
        """Like `read`, stored when this returns."""
        self._tell(await self._store.move([Mark(room_id, user_id, seq, 0)]))

    async def stop(self) -> None:
        """Write what is left."""
        if self._flusher is not None:
            self._flusher.cancel()
            await asyncio.gather(self._flusher, return_exceptions=True)
        try:
            await self._flush()
        except AWAY as error:
            log.warning("read marks were not written", reason=type(error).__name__)

    def _of(self, room_id: str, user_id: int) -> Pending:
        key = (room_id, user_id)
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = Pending()
            if self._flusher is None or self._flusher.done():
                self._flusher = asyncio.create_task(self._run(), name="watermarks")
        return pending

    async def _run(self) -> None:
        while self._pending:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self._flush()
            except AWAY as error:
                log.warning("read marks wait for PostgreSQL", reason=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            except asyncpg.PostgresError:
                log.exception("read marks were refused by the database")  # said again, they are taken then

    async def _flush(self) -> None:
        batch, self._pending = self._pending, {}
        if not batch:
            return
        try:
            moved = await self._store.move(
                [Mark(room_id, user_id, each.read, each.delivered) for (room_id, user_id), each in batch.items()]
            )
        except (*AWAY, asyncio.CancelledError):
            for key, each in batch.items():
                again = self._pending.setdefault(key, Pending())
                again.read = max(again.read, each.read)
                again.delivered = max(again.delivered, each.delivered)
            raise
        self._tell(moved)

    def _tell(self, moved: Sequence[Moved]) -> None:
        if moved:
            self._moved(moved)
