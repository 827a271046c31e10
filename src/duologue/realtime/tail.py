"""The newest messages of rooms, ready to be sent again: a short absence is made up for without PostgreSQL."""

from collections import OrderedDict, deque

__all__ = ["Tails"]

ROOM_MESSAGES = 100
ALL_BYTES = 32 << 20  # about 100,000 chat messages

Kept = tuple[int, str, bytes]
"""seq, message id, frame"""

NOTHING: deque[Kept] = deque()
"""Of a room where nothing was said yet: an empty deque takes 760 bytes. Nothing is ever added to this one."""


class Tails:
    """The last frames of the rooms that people listen to, or did a moment ago; the longest unheard go first.

    A tail has no gap: `delivered` is called for every message of its room, in `seq` order. Where that cannot be said
    any more (an edit, a room that nobody listened to) it is dropped, and readers go to the log.
    """

    def __init__(self, limit_bytes: int = ALL_BYTES) -> None:
        self._limit = limit_bytes
        self._rooms: OrderedDict[str, deque[Kept]] = OrderedDict()
        self._bytes = 0

    def __contains__(self, room_id: str) -> bool:
        return room_id in self._rooms

    @property
    def size(self) -> int:
        """Bytes of all frames kept."""
        return self._bytes

    def keep(self, room_id: str) -> None:
        """Somebody listens: remember what is delivered from now on."""
        if room_id in self._rooms:
            self._rooms.move_to_end(room_id)
        else:
            self._rooms[room_id] = NOTHING

    def delivered(self, room_id: str, seq: int, message_id: str, frame: bytes) -> None:
        """A message of a room that is kept."""
        tail = self._rooms.get(room_id)
        if tail is None:
            return
        if tail is NOTHING:
            tail = self._rooms[room_id] = deque()
        elif tail and tail[-1][0] + 1 != seq:
            self._clear(tail)
        tail.append((seq, message_id, frame))
        self._bytes += len(frame)
        if len(tail) > ROOM_MESSAGES:
            self._bytes -= len(tail.popleft()[2])
        while self._bytes > self._limit and self._rooms:
            self.drop(next(iter(self._rooms)))

    def after(self, room_id: str, seq: int) -> list[Kept] | None:
        """Everything behind `seq` up to the newest message; `None` where the log has to be asked."""
        tail = self._rooms.get(room_id)
        if not tail or tail[0][0] > seq + 1:
            return None
        return [kept for kept in tail if kept[0] > seq]

    def drop(self, room_id: str) -> None:
        """What is kept of the room is true no more."""
        tail = self._rooms.pop(room_id, None)
        if tail is not None:
            self._clear(tail)

    def _clear(self, tail: deque[Kept]) -> None:
        self._bytes -= sum(len(kept[2]) for kept in tail)
        tail.clear()
