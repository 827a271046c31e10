"""Clients that never give up: they come back to any node with `after`, and say again what was not acknowledged."""

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence

import websockets

from tests.cluster.checker import Heard, Listening, Said, Watched
from tests.harness.sessions import Guest

FAULTS = (OSError, TimeoutError, websockets.InvalidHandshake, websockets.InvalidMessage, websockets.ConnectionClosed)
SILENCE_SECONDS = 4.0  # without an answer that is due; then another node is tried
OPEN_SECONDS = 4.0
PAUSE_SECONDS = 0.1


class Actor:
    """Somebody with a socket, at some node, for as long as it holds."""

    def __init__(self, nodes: Callable[[], Sequence[str]], rng: random.Random) -> None:
        """`nodes()` are the addresses to choose from."""
        self._nodes = nodes
        self._rng = rng
        self.leaving = asyncio.Event()
        """Set when everything is over."""

    async def live(self) -> None:
        """Come back as often as it takes."""
        while not self.leaving.is_set():
            try:
                async with websockets.connect(
                    self._rng.choice(self._nodes()) + self.target(),
                    compression=None,
                    max_queue=None,
                    max_size=None,
                    ping_interval=None,
                    open_timeout=OPEN_SECONDS,
                    close_timeout=1,
                    proxy=None,
                ) as socket:
                    await self.stay(socket)
            except FAULTS:
                await asyncio.sleep(self._rng.uniform(0, PAUSE_SECONDS))

    def target(self) -> str:
        """Path and query of the next connection."""
        raise NotImplementedError

    async def stay(self, socket: websockets.ClientConnection) -> None:
        """While the connection holds."""
        raise NotImplementedError


class Talker(Actor):
    """Reads a room, and says in it what it is given, in its order, each once."""

    def __init__(
        self,
        person: Guest,
        room: str,
        nodes: Callable[[], Sequence[str]],
        rng: random.Random,
        *,
        window: int = 8,
        stay_seconds: float = 1e9,
    ) -> None:
        """`window` messages are under way at once; after `stay_seconds` it goes to another node."""
        super().__init__(nodes, rng)
        self.person = person
        self.room = room
        self.sockets: list[Listening] = []
        self.results: list[Said] = []
        self.reached = 0
        """Every seq up to here is known."""
        self._window = window
        self._stay_seconds = stay_seconds
        self._unsaid: dict[str, str] = {}
        """By clientId."""
        self._under_way: dict[str, str] = {}
        self._known: set[int] = set()
        self._more = asyncio.Event()
        self.progress = asyncio.Event()

    def say(self, contents: Iterable[str]) -> None:
        """Say these, too."""
        for content in contents:
            self._unsaid[content] = content  # the clientId is the content: both are unique
        self._more.set()

    @property
    def is_silent(self) -> bool:
        """Whether everything was acknowledged."""
        return not self._unsaid

    def everything_said(self) -> list[Said]:
        """With the result of each, where there is one."""
        return self.results + [Said(self.room, each, each) for each in self._unsaid]

    def target(self) -> str:
        """The room, from where it was."""
        return f"/room/{self.room}?token={self.person.token}&after={self.reached}"

    async def stay(self, socket: websockets.ClientConnection) -> None:
        """Hear and say."""
        heard: list[Heard] = []
        said: set[str] = set()
        after = self.reached
        self._under_way = {}
        until = time.monotonic() + self._stay_seconds * self._rng.uniform(0.5, 1.5)
        speaking = asyncio.create_task(self._speak(socket, said))
        try:
            while not self.leaving.is_set() and time.monotonic() < until:
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        frame = json.loads(await socket.recv())
                except TimeoutError:
                    if self._under_way:
                        return  # an answer is due, and does not come
                    continue
                self._take(frame, heard)
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            self.sockets.append(Listening(str(self.person.id), self.room, after, heard, frozenset(said)))

    async def _speak(self, socket: websockets.ClientConnection, said: set[str]) -> None:
        while True:
            for client_id, content in list(self._unsaid.items()):
                if len(self._under_way) >= self._window:
                    break
                if client_id not in self._under_way:
                    self._under_way[client_id] = content
                    said.add(content)
                    await socket.send(json.dumps({"content": content, "clientId": client_id}))
            self._more.clear()
            await self._more.wait()

    def _take(self, frame: dict, heard: list[Heard]) -> None:
        data = frame.get("data", {})
        if frame["type"] == "NEW_MESSAGE":
            heard.append(Heard(data["seq"], data["id"], data["content"]))
            self._knows(data["seq"])
        elif frame["type"] == "MESSAGE_SENT":
            client_id = data["clientId"]
            self.results.append(Said(self.room, client_id, client_id, data["id"], data["seq"]))
            self._under_way.pop(client_id, None)
            self._unsaid.pop(client_id, None)
            self._knows(data["seq"])
            self._more.set()
        elif frame["type"] == "ERROR":
            assert frame["code"] in ("BUSY", "UNAVAILABLE"), frame
            self._under_way.pop(frame.get("clientId", ""), None)
            asyncio.get_running_loop().call_later(0.3, self._more.set)
        else:
            raise AssertionError(f"unexpected: {frame}")

    def _knows(self, seq: int) -> None:
        self._known.add(seq)
        while self.reached + 1 in self._known:
            self.reached += 1
            self._known.discard(self.reached)
        self.progress.set()


class Watcher(Actor):
    """Looks at `/users`. What the newest socket has shown is kept."""

    def __init__(self, person: Guest, nodes: Callable[[], Sequence[str]], rng: random.Random) -> None:
        super().__init__(nodes, rng)
        self.person = person
        self.first: frozenset[int] = frozenset()
        self.news: list[tuple[int, bool]] = []
        self.shown: set[int] = set()
        self.progress = asyncio.Event()

    def target(self) -> str:
        """Everybody."""
        return f"/users?token={self.person.token}"

    async def stay(self, socket: websockets.ClientConnection) -> None:
        """Note who comes and goes."""
        people = json.loads(await socket.recv())["data"]
        self.first = frozenset(each["id"] for each in people if each["online"])
        self.shown, self.news = set(self.first), []
        self.progress.set()
        while True:
            person = json.loads(await socket.recv())["data"]
            self.news.append((person["id"], person["online"]))
            (self.shown.add if person["online"] else self.shown.discard)(person["id"])
            self.progress.set()

    def watched(self, connected: frozenset[int]) -> Watched:
        """For the judge."""
        return Watched(str(self.person.id), self.first, list(self.news), connected)


async def until(actor: Talker | Watcher, condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                actor.progress.clear()
                await actor.progress.wait()
    except TimeoutError:
        return False
    return True
