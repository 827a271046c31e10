"""Somebody who talks and listens in one room over a bad link, as a careful client does."""

import json
import random
from collections.abc import Sequence
from typing import Any, ClassVar

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from tests.harness.people import Person
from tests.harness.schemas import channel_of, check_frame

LINK_FAULTS = (OSError, EOFError, TimeoutError, websockets.WebSocketException)
BAD_LINK: dict[str, Any] = {
    "compression": None,
    "max_queue": None,
    "ping_interval": None,
    "proxy": None,
    "open_timeout": 5,
    "close_timeout": 1,
}
"""How to connect where links are cut: soon tired of one that is dead."""
V1 = Subprotocol("duologue.v1")


class Correspondent:
    """Says `texts`, and hears the room from its first message on, on base sockets.

    After a cut it comes back with `after` what it has without a gap, and says again, in order and with their clientIds,
    what was not acknowledged. Of its own it leaves now and then in the middle of everything. It asserts what one
    connection may bring; `heard` is what it knows in the end.
    """

    subprotocols: ClassVar[list[Subprotocol] | None] = None
    ignored: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, person: Person, room: str, port: int, texts: Sequence[str] = (), *, window: int = 3, seed: int = 0
    ) -> None:
        """`port` is where the link begins; `window` messages are under way at once."""
        self.person = person
        self.room = room
        self.port = port
        self.connections = 0
        self.heard: dict[int, str] = {}
        """By seq."""
        self._unsaid = {f"{person.id}-{number}": text for number, text in enumerate(texts)}
        """Not acknowledged, by clientId."""
        self._is_silent = not texts
        self._window = window
        self._reached = 0
        """Every seq up to here is known."""
        self._newest = 0
        """Heard on this connection."""
        self._under_way: dict[str, str] = {}
        self._rng = random.Random(f"{seed}-{person.id}")

    async def converse(self, total: int) -> None:
        """Until all is said, and all `total` messages of the room are heard."""
        while self._unsaid or self._reached < total:
            self.connections += 1
            self._newest = self._reached
            self._under_way = {}
            try:
                async with websockets.connect(
                    f"ws://127.0.0.1:{self.port}{self.target()}",
                    subprotocols=self.subprotocols,
                    **BAD_LINK,
                ) as socket:
                    await self.begin(socket)
                    await self._stay(socket, total)
            except LINK_FAULTS:
                continue

    async def _stay(self, socket: ClientConnection, total: int) -> None:
        frames = self._rng.randrange(1, 100)  # then it leaves
        while frames and (self._unsaid or self._reached < total):
            await self._say_more(socket)
            frame = json.loads(await socket.recv())
            check_frame(channel_of(self.target()), "send", self.subprotocols is not None, frame)
            if frame["type"] not in self.ignored:
                self._take(frame)
                frames -= 1

    async def _say_more(self, socket: ClientConnection) -> None:
        for client_id, text in self._unsaid.items():
            if len(self._under_way) >= self._window:
                return
            if client_id not in self._under_way:
                self._under_way[client_id] = text
                await self._send(socket, self.saying(client_id, text))

    async def _send(self, socket: ClientConnection, frame: dict[str, Any]) -> None:
        check_frame(channel_of(self.target()), "receive", self.subprotocols is not None, frame)
        await socket.send(json.dumps(frame))

    def _take(self, frame: dict[str, Any]) -> None:
        data = frame.get("data", {})
        if frame["type"] == "NEW_MESSAGE":
            seq, content = data["seq"], data["content"]
            assert seq > self._newest, f"{seq} came after {self._newest}"
            assert seq == self._newest + 1 or not self._is_silent, f"{seq} came after {self._newest}"
            self._newest = seq
        elif frame["type"] == "MESSAGE_SENT":
            assert data["clientId"] in self._under_way, "a receipt for nothing, or twice"
            seq, content = data["seq"], self._under_way.pop(data["clientId"])
            del self._unsaid[data["clientId"]]
        else:
            raise AssertionError(f"unexpected: {frame}")
        assert self.heard.setdefault(seq, content) == content, f"{seq} has two contents"
        while self._reached + 1 in self.heard:
            self._reached += 1

    # What differs from dialect to dialect

    def target(self) -> str:
        """Path and query of the next connection."""
        return f"/room/{self.room}?token={self.person.token}&after={self._reached}"

    async def begin(self, socket: ClientConnection) -> None:
        """The first words of a connection."""

    def saying(self, client_id: str, text: str) -> dict[str, Any]:
        """A message."""
        return {"content": text, "clientId": client_id}


class CorrespondentV1(Correspondent):
    """Speaks `duologue.v1` on the room's own socket."""

    subprotocols: ClassVar = [V1]
    ignored: ClassVar = frozenset({"RESUMED", "PRESENCE", "DELIVERED", "READ"})

    def saying(self, client_id: str, text: str) -> dict[str, Any]:
        """A message."""
        return {"type": "SEND", "data": {"content": text, "clientId": client_id}}


class CorrespondentWs(CorrespondentV1):
    """Speaks `duologue.v1` on the socket for everything."""

    ignored: ClassVar = CorrespondentV1.ignored | {"ROOMS_LIST", "ROOM_UPDATE"}

    def target(self) -> str:
        """Path and query of the next connection."""
        return f"/ws?token={self.person.token}"

    async def begin(self, socket: ClientConnection) -> None:
        """Subscribe from where it is."""
        await self._send(socket, {"type": "SUBSCRIBE", "data": {"roomId": self.room, "after": self._reached}})

    def saying(self, client_id: str, text: str) -> dict[str, Any]:
        """A message."""
        return {"type": "SEND", "data": {"roomId": self.room, "content": text, "clientId": client_id}}
