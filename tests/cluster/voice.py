"""Somebody who talks and listens over whichever node answers, and writes down what happened for the judge."""

import json
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import websockets

from tests.cluster.checker import Heard, Listening, Said
from tests.harness.correspondent import BAD_LINK, LINK_FAULTS
from tests.harness.node import Node
from tests.harness.people import Person

WINDOW = 4
LAST = "That was all"
"""How the last message of a room begins: a reader waits for a frame, so its end is one."""


@dataclass
class Voice:
    """One reader, and with `talks` a writer too: it says a message as soon as an earlier one is acknowledged.

    After a cut it goes to another node at once, with `after` what it has without a gap, and says again, with their
    clientIds, what was not acknowledged.
    """

    person: Person
    room: str
    nodes: Sequence[Node]
    name: str
    talks: bool
    said: list[Said] = field(default_factory=list)
    listened: list[Listening] = field(default_factory=list)
    told: int = 0
    """How often a node asked it to come back."""
    refused: list[str] = field(default_factory=list)
    """ERROR frames."""

    def __post_init__(self) -> None:
        self._rng = random.Random(self.name)
        self._known: set[int] = set()
        self._reached = 0
        self._unsaid: deque[tuple[str, str]] = deque()
        """clientId and content of what was not acknowledged."""
        self._number = 0
        self._end: int | None = None

    @property
    def acknowledged(self) -> int:
        """How many of its messages are known to be stored."""
        return self._number - len(self._unsaid)

    @property
    def _is_over(self) -> bool:
        return self._end is not None and self._reached >= self._end

    @property
    def is_waiting(self) -> bool:
        """Whether something it said is not acknowledged."""
        return bool(self._unsaid)

    async def converse(self, more: Callable[[], bool]) -> None:
        """Talk while there is `more`, then hear on to the message that begins with `LAST`."""
        while more() or self._unsaid or not self._is_over:
            node = self._rng.choice(self.nodes)
            try:
                async with websockets.connect(
                    f"{node.ws_url}/room/{self.room}?token={self.person.token}&after={self._reached}",
                    **BAD_LINK,
                ) as socket:
                    await self._stay(socket, more)
            except websockets.ConnectionClosed as closed:
                self.told += closed.rcvd is not None and closed.rcvd.code == 1012
            except LINK_FAULTS:
                continue

    async def _stay(self, socket: websockets.ClientConnection, more: Callable[[], bool]) -> None:
        after, heard, said_here = self._reached, list[Heard](), set[str]()
        under_way: set[str] = set()
        try:
            while True:
                if self.talks and more() and len(self._unsaid) < WINDOW:
                    self._number += 1
                    self._unsaid.append((f"{self.name}-{self._number}", f"{self.name} says {self._number}"))
                for client_id, content in self._unsaid:
                    if client_id not in under_way:
                        under_way.add(client_id)
                        said_here.add(content)
                        self.said.append(Said(self.room, client_id, content))
                        await socket.send(json.dumps({"content": content, "clientId": client_id}))
                if not more() and not self._unsaid and self._is_over:
                    return
                self._take(json.loads(await socket.recv()), heard)
        finally:
            self.listened.append(Listening(self.name, self.room, after, heard, frozenset(said_here)))

    def _take(self, frame: dict[str, object], heard: list[Heard]) -> None:
        data = frame.get("data")
        if frame["type"] == "ERROR" or not isinstance(data, dict):
            self.refused.append(str(frame))
            return
        if frame["type"] == "NEW_MESSAGE":
            heard.append(Heard(data["seq"], data["id"], data["content"]))
            if data["content"].startswith(LAST):
                self._end = data["seq"]
        else:
            content = dict(self._unsaid)[data["clientId"]]
            self._unsaid.remove((data["clientId"], content))
            self.said.append(Said(self.room, data["clientId"], content, data["id"], data["seq"]))
        self._known.add(data["seq"])
        while self._reached + 1 in self._known:
            self._reached += 1
            self._known.discard(self._reached)
