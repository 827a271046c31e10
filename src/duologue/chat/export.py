"""A user's conversations, to take along: both sides of what was said in their rooms, in pages."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from duologue.chat.export_store import BEGINNING, ExportStore
from duologue.chat.service import message_view
from duologue.wire.accounts import ExportedBlock, ExportedEdit, ExportedPeer, ExportedRoom
from duologue.wire.base import rfc3339

__all__ = ["ConversationExport"]

PAGE: Final = 200  # messages of at most 8,000 characters: 6 MB at the worst, 60 KB as people write

Pages = AsyncIterator[Sequence[object]]


class ConversationExport:
    """A conversation is the user's own as a whole, as on their screen; of the other person it names who it was."""

    def __init__(self, store: ExportStore) -> None:
        self._store = store

    def sections(self, user_id: int) -> Mapping[str, Callable[[], Pages]]:
        """By name, the pages of each."""
        return {
            "rooms": lambda: self._rooms(user_id),
            "messages": lambda: self._messages(user_id),
            "edits": lambda: self._edits(user_id),
            "blocked": lambda: self._blocked(user_id),
        }

    async def _rooms(self, user_id: int) -> Pages:
        rows = await self._store.rooms(user_id, limit=PAGE)
        while rows:
            yield [
                ExportedRoom(
                    id=str(row.id),
                    user1_id=row.user1_id,
                    user2_id=row.user2_id,
                    created_at=rfc3339(row.created_at),
                    peer=ExportedPeer(row.peer_id, row.peer_email, row.peer_name),
                )
                for row in rows
            ]
            rows = await self._store.rooms(user_id, rows[-1].id, limit=PAGE)

    async def _messages(self, user_id: int) -> Pages:
        async for room_id in self._room_ids(user_id):
            rows = await self._store.messages(room_id, limit=PAGE)
            while rows:
                yield [message_view(row) for row in rows]
                rows = await self._store.messages(room_id, rows[-1].seq, limit=PAGE)

    async def _edits(self, user_id: int) -> Pages:
        async for room_id in self._room_ids(user_id):
            rows = await self._store.edits(room_id, user_id, BEGINNING, limit=PAGE)
            while rows:
                yield [ExportedEdit(str(row.message_id), row.content, rfc3339(row.replaced_at)) for row in rows]
                rows = await self._store.edits(room_id, user_id, rows[-1], limit=PAGE)

    async def _blocked(self, user_id: int) -> Pages:
        rows = await self._store.blocked(user_id, limit=PAGE)
        while rows:
            yield [ExportedBlock(row.user_id, rfc3339(row.created_at)) for row in rows]
            rows = await self._store.blocked(user_id, rows[-1].user_id, limit=PAGE)

    async def _room_ids(self, user_id: int) -> AsyncIterator[UUID]:
        rows = await self._store.rooms(user_id, limit=PAGE)
        while rows:
            for row in rows:
                yield row.id
            rows = await self._store.rooms(user_id, rows[-1].id, limit=PAGE)
