"""Rooms and messages: what their members may do with them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from msgspec import UNSET

from duologue.chat import policy
from duologue.chat.changes_store import Change, ChangesStore, Replaced
from duologue.chat.journal import Entry, Journal
from duologue.chat.store import ConversationStore, Membership, MessageRow, RoomRow
from duologue.chat.watermarks import Watermarks
from duologue.errors import AppError, Code, Detail
from duologue.wire.base import rfc3339
from duologue.wire.frames import ChangeData
from duologue.wire.rooms import Message, Peer, Room

__all__ = ["PAGE", "ConversationService", "OnlineStatus"]

PAGE = 100
ROOMS_PAGE = 500


class OnlineStatus(Protocol):
    """Who is there now."""

    def is_online(self, user_id: int) -> bool:
        """Whether the user has a socket open, or had one a moment ago."""

    def last_seen_at(self, user_id: int, stored: datetime | None) -> datetime | None:
        """When the user was last seen, where `stored` is what the database says."""


class Receipt:
    """Waits for the journal on behalf of an HTTP request."""

    def __init__(self) -> None:
        self._done: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()

    def stored(self, entry: Entry) -> None:
        if not self._done.done():
            self._done.set_result(entry)

    def failed(self, entry: Entry, error: AppError) -> None:
        if not self._done.done():
            self._done.set_exception(error)

    async def wait(self, seconds: float) -> Entry:
        try:
            async with asyncio.timeout(seconds):
                return await self._done
        except TimeoutError:
            raise AppError(
                Code.BUSY,
                "The message waits for the database; with a clientId it is safe to send it again.",
                retry_after=2.0,
            ) from None


class ConversationService:
    """Opens rooms, lists them, reads their pages, and sends into them."""

    def __init__(
        self,
        store: ConversationStore,
        changes: ChangesStore,
        journal: Journal,
        watermarks: Watermarks,
        online: OnlineStatus,
        *,
        room_opened: Callable[[RoomRow], None],
        changed: Callable[[Change, Membership], None],
    ) -> None:
        """`room_opened` hears of every new room, as its opener sees it; `changed` of every edit and deletion."""
        self._store = store
        self._changes = changes
        self._journal = journal
        self._watermarks = watermarks
        self._online = online
        self._room_opened = room_opened
        self._changed = changed

    async def open_room(self, user_id: int, other_user_id: int) -> Room:
        """The room of the two, made if there is none yet."""
        if user_id == other_user_id:
            raise AppError(
                Code.OWN_ROOM,
                "A room takes two different people.",
                details=[Detail("otherUserId", "is the caller's own id")],
            )
        opened = await self._store.open_room(user_id, other_user_id)
        if opened is None:
            raise AppError(Code.UNKNOWN_USER, "There is no such user.")
        row, is_new = opened
        if is_new:
            self._room_opened(row)
        return self.room_view(row)

    async def rooms(self, user_id: int, limit: int = ROOMS_PAGE, before: policy.Activity | None = None) -> list[Room]:
        """The caller's rooms, the newest activity first; `before` continues a list behind the room that had it."""
        rows = await self._store.rooms(user_id, limit, *(before or ()))
        return [self.room_view(row) for row in rows]

    async def room(self, user_id: int, room_id: UUID) -> Room | None:
        """One of the caller's rooms."""
        row = await self._store.room(user_id, room_id)
        return self.room_view(row) if row else None

    async def enter(self, user_id: int, room_id: UUID) -> Membership:
        """The room's membership, for a member; raises `UNKNOWN_ROOM` or `ACCESS_DENIED`."""
        return policy.may_enter(await self._store.membership(room_id), user_id)

    async def page_before(self, user_id: int, room_id: UUID, seq: int, limit: int) -> tuple[list[Message], Membership]:
        """The last messages ahead of `seq`, oldest first."""
        membership = await self.enter(user_id, room_id)
        return [message_view(row) for row in await self._store.before(room_id, seq, limit)], membership

    async def page_after(self, user_id: int, room_id: UUID, seq: int, limit: int) -> tuple[list[Message], Membership]:
        """The first messages behind `seq`, oldest first."""
        membership = await self.enter(user_id, room_id)
        return [message_view(row) for row in await self._store.after(room_id, seq, limit)], membership

    async def replay(self, room_id: UUID, seq: int, limit: int) -> list[Message]:
        """The first messages behind `seq`, for a member that has entered."""
        return [message_view(row) for row in await self._store.after(room_id, seq, limit)]

    async def memberships(self, room_ids: Sequence[str]) -> dict[str, Membership]:
        """How far each of these rooms has come."""
        return await self._store.memberships(room_ids)

    async def behind(self, positions: Mapping[str, int], limit: int) -> dict[str, list[Message]]:
        """The first messages of each room behind that `seq`, for members that have entered."""
        found = await self._store.behind(positions, limit)
        return {room_id: [message_view(row) for row in rows] for room_id, rows in found.items()}

    async def stirred(self, user_ids: Sequence[int], seconds: float) -> list[tuple[str, int, int]]:
        """Rooms of these users with news of the last `seconds`: id and both members."""
        return await self._store.stirred(user_ids, seconds)

    async def changes(self, room_id: UUID, rev: int, limit: int) -> list[Change]:
        """The first edits and deletions behind `rev`, for a member that has entered."""
        return await self._changes.since(room_id, rev, limit)

    async def change(self, user_id: int, room_id: UUID, message_id: UUID, content: str | None) -> Change:
        """Give the caller's message another content, or take it away (`None`); everyone in the room is told."""
        membership = await self.enter(user_id, room_id)
        if content is not None and user_id in membership.blocked():
            raise AppError(Code.BLOCKED, "You cannot write to this person.")
        change = await self._changes.change(room_id, message_id, user_id, content)
        if change == "denied":
            raise AppError(Code.ACCESS_DENIED, "Only its sender may change a message.")
        if isinstance(change, str):
            raise AppError(Code.UNKNOWN_MESSAGE, "There is no such message.")
        if change.rev:  # also when it was so already: the one who made it so may not have lived to tell
            self._changed(change, membership)
        return change

    async def edits(self, user_id: int, room_id: UUID, message_id: UUID) -> list[Replaced]:
        """What the caller's own message said before, oldest first."""
        await self.enter(user_id, room_id)
        return await self._changes.edits(room_id, message_id, user_id)

    async def read(self, user_id: int, room_id: UUID, seq: int) -> None:
        """The caller has read the room up to `seq`; stored when this returns."""
        await self.enter(user_id, room_id)
        await self._watermarks.read_now(str(room_id), user_id, seq)

    async def send(
        self, user_id: int, room_id: UUID, content: str, client_id: str | None, seconds: float = 10.0
    ) -> Message:
        """Store a message and deliver it; the same path as a socket's. A repeated `clientId` gives the first result."""
        policy.check_content(content)
        policy.check_client_id(client_id)
        membership = await self.enter(user_id, room_id)
        if user_id in membership.blocked():
            raise AppError(Code.BLOCKED, "You cannot write to this person.")
        receipt = Receipt()
        self._journal.append(Entry(str(room_id), membership, user_id, content, client_id, receipt))
        entry = await receipt.wait(seconds)
        if client_id is not None:  # a retry is answered with what was stored first
            stored = await self._store.after(room_id, entry.seq - 1, 1)
            return message_view(stored[0])
        return entry_view(entry)

    def room_view(self, row: RoomRow) -> Room:
        """The room as its member sees it now."""
        return Room(
            id=row.id,
            user1_id=row.user1_id,
            user2_id=row.user2_id,
            created_at=rfc3339(row.created_at),
            messages=[message_view(row.newest)] if row.newest else [],
            last_seq=row.last_seq,
            unread=policy.unread(row.last_seq, row.read_seq),
            read_seq=row.read_seq,
            peer=self.peer_view(row.peer_id, row.peer_email, row.peer_name, row.peer_seen_at),
        )

    def peer_view(self, user_id: int, email: str, name: str | None, seen_at: datetime | None) -> Peer:
        """The other person as of now."""
        return Peer(
            id=user_id,
            email=email,
            display_name=name,
            online=self._online.is_online(user_id),
            last_seen_at=optional_time(self._online.last_seen_at(user_id, seen_at)),
        )


def optional_time(moment: datetime | None) -> str | None:
    """RFC 3339, or nothing."""
    return rfc3339(moment) if moment else None


def message_view(row: MessageRow) -> Message:
    """A stored message on the wire."""
    return Message(
        id=row.id,
        room_id=row.room_id,
        sender_id=row.sender_id,
        content=row.content,
        created_at=rfc3339(row.created_at),
        seq=row.seq,
        edited_at=rfc3339(row.edited_at) if row.edited_at else UNSET,
        deleted_at=rfc3339(row.deleted_at) if row.deleted_at else UNSET,
    )


def change_view(change: Change) -> ChangeData:
    """A changed message on the wire."""
    return ChangeData(
        id=change.id,
        room_id=change.room_id,
        sender_id=change.sender_id,
        content=change.content,
        created_at=rfc3339(change.created_at),
        seq=change.seq,
        edited_at=rfc3339(change.edited_at) if change.edited_at else UNSET,
        deleted_at=rfc3339(change.deleted_at) if change.deleted_at else UNSET,
        rev=change.rev,
    )


def entry_view(entry: Entry) -> Message:
    """A message just committed on the wire."""
    return Message(
        id=entry.id,
        room_id=entry.room_id,
        sender_id=entry.sender_id,
        content=entry.content,
        created_at=entry.created_at,
        seq=entry.seq,
    )
