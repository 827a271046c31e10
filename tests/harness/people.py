"""People who sign in and talk."""

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import argon2
import httpx
import websockets

from tests.harness.schemas import channel_of, check_frame, checked_client
from tests.harness.sessions import let_in, pool_of

PASSWORD = "correct horse 42"
V1 = websockets.Subprotocol("duologue.v1")
SECONDS = 30.0  # for anything that ought to happen at once, beside everything else that runs
LATE_SECONDS = 4.0  # for what the contract gives a second, on a machine that is not busy with other tests

_numbers = itertools.count(1)


def unused_address(name: str = "person") -> str:
    """An address nobody has used in this run."""
    return f"{name}.{os.getpid()}.{next(_numbers)}@example.com"


@dataclass
class Person:
    """A signed-in user: `http` carries the cookies."""

    id: int
    email: str
    http: httpx.AsyncClient
    ws_url: str

    @property
    def token(self) -> str:
        """The access token."""
        return self.http.cookies["accessToken"]

    async def open_room(self, other: "Person") -> str:
        """The id of the room with `other`."""
        answer = await self.http.post("/msg/room", json={"otherUserId": other.id})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    async def history(self, room: str, **query: int) -> list[dict[str, Any]]:
        """A page of the room's messages."""
        answer = await self.http.get(f"/msg/room/{room}/messages", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def whole_history(self, room: str) -> list[dict[str, Any]]:
        """Every message of the room, in order."""
        messages: list[dict[str, Any]] = []
        while page := await self.history(room, after=messages[-1]["seq"] if messages else 0):
            messages += page
        return messages

    @asynccontextmanager
    async def socket(self, route: str, *, v1: bool = False, **query: Any) -> AsyncIterator["Socket"]:
        """A socket on `/users`, `/rooms` or `/room/<id>`; with `v1` one that speaks `duologue.v1`, also on `/ws`."""
        pairs = "&".join(f"{name}={value}" for name, value in {"token": self.token, **query}.items())
        url = f"{self.ws_url}{route}?{pairs}"
        # With a bounded queue a test that leaves frames unread would not see the answer to its close.
        async with websockets.connect(
            url, max_size=None, max_queue=None, compression=None, subprotocols=[V1] if v1 else None
        ) as connection:
            yield Socket(connection)


class Socket:
    """A WebSocket that speaks JSON, and only what `/asyncapi.json` knows."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection
        assert connection.request is not None
        self._channel = channel_of(connection.request.path)
        self._is_v1 = connection.subprotocol == V1

    async def say(self, content: str, client_id: str | None = None) -> None:
        """Send a message."""
        await self.send({"content": content} | ({"clientId": client_id} if client_id else {}))

    async def send(self, frame: object) -> None:
        """Send a JSON frame; what is wrong on purpose goes through `send_raw`."""
        check_frame(self._channel, "receive", self._is_v1, frame)
        await self.connection.send(json.dumps(frame, ensure_ascii=False))

    async def command(self, kind: str, **data: object) -> None:
        """Send a command of `duologue.v1`."""
        await self.send({"type": kind, "data": data})

    async def send_raw(self, frame: str | bytes) -> None:
        """Send a frame as it is."""
        await self.connection.send(frame)

    async def receive(self, seconds: float = SECONDS) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(seconds):
            frame = json.loads(await self.connection.recv())
        check_frame(self._channel, "send", self._is_v1, frame)
        return frame

    async def receive_type(self, kind: str) -> dict[str, Any]:
        """The next frame of that type; others are passed over."""
        while True:
            frame = await self.receive()
            if frame["type"] == kind:
                return frame

    async def receive_until(self, kind: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The data of the next frame of that type of which this is true; others are passed over."""
        async with asyncio.timeout(SECONDS):
            while not true(data := (await self.receive_type(kind))["data"]):
                pass
        return data

    async def sync(self) -> None:
        """A ping and its pong: everything sent before has been read by the server, and what it pushed has arrived."""
        async with asyncio.timeout(SECONDS):
            await (await self.connection.ping())

    async def nothing_more(self) -> bool:
        """Whether nothing has arrived that was not received, after a round trip."""
        await self.sync()
        try:
            async with asyncio.timeout(0.05):
                await self.connection.recv()
        except TimeoutError:
            return True
        return False

    async def rest(self) -> list[dict[str, Any]]:
        """What has arrived and was not received, after a round trip."""
        await self.sync()
        frames: list[dict[str, Any]] = []
        with contextlib.suppress(TimeoutError):
            while True:
                frames.append(await self.receive(0.05))
        return frames

    async def closed(self) -> tuple[int, str]:
        """Wait for the close; its code and reason."""
        async with asyncio.timeout(SECONDS):
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""


async def mailed_code(http: httpx.AsyncClient, email: str) -> str:
    """The newest code mailed to that address, from the development mailbox."""
    async with asyncio.timeout(SECONDS):
        while True:
            for mail in (await http.get("/dev/mailbox.json", params={"to": email})).json():
                if mail.get("code"):
                    return mail["code"]
            await asyncio.sleep(0.02)


@cache
def password_hash() -> str:
    """Of `PASSWORD`, made once a process."""
    return argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)


async def arrive(url: str, database: str) -> Person:
    """Somebody who signed in long ago, at a node with the `SECRETS` of the tests: most are not about signing in."""
    email = unused_address()
    (guest,) = await let_in(database, [email], password_hash())
    http = checked_client(url, timeout=SECONDS)
    host = httpx.URL(url).host
    http.cookies.set("accessToken", guest.tokens.access, host, "/")
    http.cookies.set("refreshToken", guest.tokens.refresh, host, "/auth")
    return Person(guest.id, email, http, url.replace("http", "ws", 1))


async def log_in(url: str, database: str) -> Person:
    """Somebody who registered long ago signs in."""
    email = unused_address()
    await (await pool_of(database)).execute(
        "INSERT INTO users (email, password_hash, created_at) VALUES ($1, $2, now())", email, password_hash()
    )
    http = checked_client(url, timeout=SECONDS)
    answer = await http.post("/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return Person(answer.json()["user"]["id"], email, http, url.replace("http", "ws", 1))


async def sign_up(url: str, email: str | None = None, password: str = PASSWORD) -> Person:
    """Register, read the code from the mail, confirm it."""
    email = email or unused_address()
    http = checked_client(url, timeout=SECONDS)
    answer = await http.post("/auth/register", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    code = await mailed_code(http, email)
    answer = await http.post("/auth/verify-otp", json={"email": email, "otp": code})
    assert answer.status_code == 201, answer.text
    return Person(answer.json()["user"]["id"], email, http, url.replace("http", "ws", 1))
