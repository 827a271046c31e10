"""Messages on their way: each waits here until the server has said that it is stored, over any number of links."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from duologue.client.errors import OutboxFull
from duologue.wire.rooms import CLIENT_ID_LENGTH, Message

__all__ = ["Outbox", "Pending"]

LINES = 1_000  # of a file, after which what is done with is dropped from it


@dataclass(slots=True, eq=False)
class Pending:
    """A message that is not known to be stored. Its `client_id` stays the same however often it is sent."""

    room_id: str
    client_id: str
    content: str
    stored: asyncio.Future[Message] | None = None
    link: int = 0
    """The number of the link on which it is under way; 0 when it is not."""
    refusals: int = 0


class Line(msgspec.Struct, omit_defaults=True):
    """A line of the file: a message that was taken, or (without content) one that is done with."""

    client_id: str
    user_id: int = 0
    room_id: str = ""
    content: str = ""


class Outbox:
    """What is to be said, by room in the order in which it was said; at most `limit` messages.

    With a file it outlives the process: a line is added before a message is sent, and another when it is stored, so
    what a crash leaves behind is sent again, and the server knows it by its `client_id`. Lines are handed to the system
    and not forced to the disk: they survive the process, and not a power cut. The file is its owner's alone (0600).
    """

    def __init__(self, limit: int = 1_000, file: Path | None = None) -> None:
        self._limit = limit
        self._file = file
        self._rooms: dict[str, dict[str, Pending]] = {}
        self._size = 0
        self._lines = 0
        self._user_id = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Pending]:
        for room in self._rooms.values():
            yield from room.values()

    @property
    def rooms(self) -> list[str]:
        """The rooms for which something waits."""
        return list(self._rooms)

    def owned_by(self, user_id: int) -> None:
        """Read the file, once it is known who signed in. What somebody else has left in it is not theirs to send."""
        if self._user_id == user_id:
            return
        if self._user_id:
            raise ValueError("an outbox belongs to one person")
        self._user_id = user_id
        if self._file is not None and self._file.exists():
            lines: dict[str, Line] = {}
            for text in self._file.read_bytes().splitlines():
                with contextlib.suppress(msgspec.DecodeError):  # the last line of a crash may be half of one
                    line = msgspec.json.decode(text, type=Line)
                    if line.room_id:
                        lines[line.client_id] = line
                    else:
                        lines.pop(line.client_id, None)
            if others := {line.user_id for line in lines.values()} - {user_id}:
                raise ValueError(f"{self._file} holds messages of user {min(others)}; give each person a file")
            for line in lines.values():
                self._add(Pending(line.room_id, line.client_id, line.content))
        if self._file is not None:
            self._rewrite()

    def put(self, room_id: str, content: str, client_id: str) -> Pending:
        """Take a message, or find it if it is there already. `OutboxFull` when there is no place."""
        content.encode()  # half a surrogate pair cannot be sent; better said now than on every link
        if not 0 < len(client_id) <= CLIENT_ID_LENGTH:
            raise ValueError(f"a client_id has 1 to {CLIENT_ID_LENGTH} characters")
        known = self._rooms.get(room_id, {}).get(client_id)
        if known is not None:
            return known
        if self._size >= self._limit:
            raise OutboxFull(f"{self._limit} messages wait to be stored")
        pending = Pending(room_id, client_id, content)
        self._write(Line(client_id, self._user_id, room_id, content))
        self._add(pending)
        return pending

    def find(self, client_id: str, room_id: str) -> Pending | None:
        """The message of that name, while it is waiting."""
        return self._rooms.get(room_id, {}).get(client_id)

    def of(self, room_id: str) -> Iterator[Pending]:
        """What waits for a room, in order."""
        return iter(self._rooms.get(room_id, {}).values())

    def done(self, pending: Pending) -> None:
        """It is stored, or refused for good."""
        room = self._rooms.get(pending.room_id, {})
        if room.pop(pending.client_id, None) is None:
            return
        if not room:
            del self._rooms[pending.room_id]
        self._size -= 1
        self._write(Line(pending.client_id))
        if self._lines >= LINES + self._size:
            self._rewrite()

    def _add(self, pending: Pending) -> None:
        self._rooms.setdefault(pending.room_id, {})[pending.client_id] = pending
        self._size += 1

    def _write(self, *lines: Line) -> None:
        if self._file is None:
            return
        with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        self._lines += len(lines)

    def _rewrite(self) -> None:
        if self._file is None:
            return
        new = self._file.with_name(self._file.name + ".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for each in self:
                file.write(msgspec.json.encode(Line(each.client_id, self._user_id, each.room_id, each.content)) + b"\n")
        new.replace(self._file)
        self._lines = self._size
