"""The directory: everybody, with who is online."""

from collections.abc import Collection

from duologue.presence.service import PresenceService
from duologue.presence.store import DirectoryRow, PresenceStore
from duologue.wire.base import rfc3339
from duologue.wire.rooms import DirectoryPage, Person

__all__ = ["Directory"]


class Directory:
    """People as the wire shows them, in id order."""

    def __init__(self, store: PresenceStore, presence: PresenceService, *, is_open: bool) -> None:
        """Not `is_open`: people see those whom they share a room with, and themselves."""
        self._store = store
        self._presence = presence
        self.is_open = is_open

    def is_online(self, user_id: int) -> bool:
        """Whether the user is there."""
        return self._presence.is_online(user_id)

    async def people(self, user_id: int, limit: int) -> list[Person]:
        """Whom the user sees, in id order; of too many, those who are online, then the newest."""
        if self.is_open:
            rows = await self._store.newest(self._presence.online(limit), limit)
        else:
            rows = await self._store.people(user_id, "", 0, limit)
        rows = sorted(rows, key=lambda row: (not self._presence.is_online(row.id), -row.id))[:limit]
        return [self._view(row) for row in sorted(rows, key=lambda row: row.id)]

    async def page(self, user_id: int, query: str, after_id: int, limit: int) -> DirectoryPage:
        """A page of those whom the user sees, where `query` is part of their address or name."""
        rows = await self._store.people(self._viewer(user_id), query, after_id, limit + 1)
        users = [self._view(row) for row in rows[:limit]]
        return DirectoryPage(users=users, cursor=str(users[-1].id) if len(rows) > limit else None)

    async def some_people(self, user_ids: Collection[int]) -> list[Person]:
        """Those of these users who exist."""
        return [self._view(row) for row in await self._store.some_people(list(user_ids))]

    async def contacts(self, user_id: int) -> set[int] | None:
        """Whom the user sees; `None` is everybody."""
        if self.is_open:
            return None
        return {user_id, *await self._store.contacts(user_id)}

    def _viewer(self, user_id: int) -> int | None:
        return None if self.is_open else user_id

    def _view(self, row: DirectoryRow) -> Person:
        seen = self._presence.last_seen_at(row.id, row.last_seen_at)
        return Person(
            id=row.id,
            email=row.email,
            is_verified=True,  # nobody is in the directory before the code was confirmed
            created_at=rfc3339(row.created_at),
            online=self._presence.is_online(row.id),
            last_seen_at=rfc3339(seen) if seen else None,
        )
