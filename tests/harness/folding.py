"""A client of `duologue.v1` that keeps what it was told, over cuts: the rules that any client may follow.

A message is known by its `seq`; of two states of it the one changed later counts. Marks only grow, and whoever writes
has read the room up to there. What was sent without an answer is sent again with the same `clientId`.
"""

import asyncio
import contextlib
import json
from contextlib import AsyncExitStack
from typing import Any

import websockets

from tests.harness.people import Person

Message = dict[str, Any]
FIELDS = ("id", "seq", "senderId", "content", "createdAt", "editedAt", "deletedAt")


def state(message: Message) -> Message:
    """What two views of a message must agree on."""
    return {name: message.get(name) for name in FIELDS}


def changed_at(message: Message) -> str:
    """When a message was edited or deleted last."""
    return max(message.get("editedAt") or "", message.get("deletedAt") or "")


class Device:
    """One screen of a person, in one room."""

    def __init__(self, person: Person, room: str, *, multiplexed: bool, task_group: asyncio.TaskGroup) -> None:
        self.person = person
        self.room = room
        self.multiplexed = multiplexed
        self.messages: dict[int, Message] = {}
        self.rev = 0
        self.read: dict[int, int] = {}
        self.delivered: dict[int, int] = {}
        self.lobby: dict[str, Any] = {}
        self.unanswered: dict[str, str] = {}
        """`clientId` and content of what may have been stored."""
        self.news = asyncio.Event()
        self.fault: AssertionError | None = None
        self._tasks = task_group
        self._stack: AsyncExitStack | None = None
        self._socket: Any = None
        self._seen: set[int] = set()
        self._live = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def is_connected(self) -> bool:
        """Whether it has a socket."""
        return self._socket is not None

    @property
    def position(self) -> int:
        """Up to here it knows every message."""
        seq = 0
        while seq + 1 in self.messages:
            seq += 1
        return seq

    async def connect(self) -> None:
        """Open a socket, from where the last one ended; say again what was not answered."""
        async with self._turn:
            if not self.is_connected:
                await self._connect()

    async def _connect(self) -> None:
        self._seen = set()
        self._live.clear()
        stack = AsyncExitStack()
        if self.multiplexed:
            socket = await stack.enter_async_context(self.person.socket("/ws", v1=True))
            await socket.command("SUBSCRIBE", roomId=self.room, after=self.position, rev=self.rev)
        else:
            route = f"/room/{self.room}"
            socket = await stack.enter_async_context(
                self.person.socket(route, v1=True, after=self.position, rev=self.rev)
            )
        self._stack, self._socket = stack, socket
        self._tasks.create_task(self._listen(socket))
        for client_id, content in list(self.unanswered.items()):
            await self.command("SEND", content=content, clientId=client_id)

    async def cut(self, *, abruptly: bool) -> None:
        """Lose the socket."""
        async with self._turn:
            if self._stack is None:
                return
            stack, socket = self._stack, self._socket
            self._stack = self._socket = None
            if abruptly:
                socket.connection.transport.abort()
            await stack.aclose()

    async def command(self, kind: str, **data: Any) -> None:
        """Say something, if it can."""
        if kind == "SEND":
            self.unanswered[data["clientId"]] = data["content"]
        if self._socket is not None:
            with contextlib.suppress(websockets.ConnectionClosed):  # cut in the middle of it
                await self._socket.command(kind, roomId=self.room, **data)

    async def settled(self) -> None:
        """Wait until it is live and every message of its own has an answer."""
        while self.is_connected and self.fault is None and (not self._live.is_set() or self.unanswered):
            self.news.clear()
            await self.news.wait()

    async def _listen(self, socket: Any) -> None:
        try:
            while True:
                frame = await socket.receive(seconds=3600)
                if socket is self._socket:
                    self._fold(frame["type"], frame.get("data", frame))
                    self.news.set()
        except websockets.ConnectionClosed:
            pass
        except (AssertionError, KeyError) as wrong:
            self.fault = AssertionError(f"{type(wrong).__name__}: {wrong}")
            self.news.set()

    def _fold(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "NEW_MESSAGE":
            assert data["seq"] not in self._seen, f"twice on one socket: {json.dumps(data)}"
            assert data["seq"] > max(self._seen, default=0), f"out of order: {json.dumps(data)}"
            self._seen.add(data["seq"])
            self._know(data)
            self._has_read(data["senderId"], data["seq"])
        elif kind == "MESSAGE_SENT":
            content = self.unanswered.pop(data["clientId"], None)
            if data["seq"] not in self.messages and content is not None:
                self._know({**data, "content": content, "senderId": self.person.id})
            self._has_read(self.person.id, data["seq"])
        elif kind in ("MESSAGE_EDITED", "MESSAGE_DELETED"):
            self._know(data)
            self.rev = max(self.rev, data["rev"])
        elif kind == "READ":
            self._has_read(data["userId"], data["seq"])
        elif kind == "DELIVERED":
            self._was_sent(data["userId"], data["seq"])
        elif kind == "RESUMED":
            assert data["complete"], f"resumed with a rev, yet incomplete: {data}"
            self.rev = max(self.rev, data["rev"])
            self._has_read(self.person.id, data["readSeq"])
            peer = data["peerReadSeq"], data["peerDeliveredSeq"]
            self._has_read(-1, peer[0])
            self._was_sent(-1, peer[1])
            self._live.set()
        elif kind == "ERROR":
            assert data["code"] in ("BLOCKED", "UNKNOWN_MESSAGE", "ACCESS_DENIED"), data
            self.unanswered.pop(data.get("clientId", ""), None)
        elif kind == "ROOMS_LIST":
            [self.lobby] = [
                {"unread": room["unread"], "lastSeq": room["lastSeq"], "lastMessage": (room["messages"] or [None])[0]}
                for room in data
                if room["id"] == self.room
            ]
        elif kind == "ROOM_UPDATE" and data["roomId"] == self.room:
            self.lobby = {name: data[name] for name in ("unread", "lastSeq", "lastMessage")}

    def _know(self, message: Message) -> None:
        known = self.messages.get(message["seq"])
        if known is None or changed_at(message) >= changed_at(known):
            self.messages[message["seq"]] = state(message)

    def _has_read(self, user: int, seq: int) -> None:
        user = self.person.id if user == self.person.id else -1
        self.read[user] = max(self.read.get(user, 0), seq)
        self._was_sent(user, seq)

    def _was_sent(self, user: int, seq: int) -> None:
        user = self.person.id if user == self.person.id else -1
        self.delivered[user] = max(self.delivered.get(user, 0), seq)
