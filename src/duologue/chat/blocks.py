"""Who wants nothing from whom."""

from collections.abc import Callable

from duologue.chat.blocks_store import BlockStore
from duologue.errors import AppError, Code

__all__ = ["BlockService"]


class BlockService:
    """A blocked user can neither open a room with the blocker nor post in theirs, at once, on open sockets too."""

    def __init__(self, store: BlockStore, changed: Callable[[str, int, bool], None]) -> None:
        """`changed(room_id, blocked_id, blocked)` hears of it where the two have a room."""
        self._store = store
        self._changed = changed

    async def block(self, user_id: int, other_id: int) -> None:
        """Block the other; blocking twice is blocking once."""
        if user_id == other_id:
            raise AppError(Code.INVALID_INPUT, "Nobody can block oneself.")
        if not await self._store.block(user_id, other_id):
            raise AppError(Code.UNKNOWN_USER, "There is no such user.")
        await self._tell(user_id, other_id)

    async def unblock(self, user_id: int, other_id: int) -> None:
        """Let the other post again."""
        await self._store.unblock(user_id, other_id)
        await self._tell(user_id, other_id)

    async def blocked(self, user_id: int) -> list[int]:
        """Whom the user has blocked."""
        return await self._store.blocked(user_id)

    async def _tell(self, user_id: int, other_id: int) -> None:
        # Read, not remembered: a block and an unblock at once may be told in another order than they were stored.
        found = await self._store.room_of(user_id, other_id)
        if found is not None:
            room_id, blocked = found
            self._changed(room_id, other_id, blocked)
