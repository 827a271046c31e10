"""Requests with cookies, and sockets that speak JSON; unlike the client's own these may say what is wrong."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from picows.websockets.asyncio import connect

from duologue.client.cookies import Cookies
from duologue.client.http import Answer, Http

__all__ = ["SECONDS", "Caller", "Frames"]

SECONDS = 10.0  # for anything that ought to happen at once
V1 = "duologue.v1"


class Frames:
    """A socket that speaks JSON."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def subprotocol(self) -> str | None:
        """What the server chose."""
        chosen: str | None = self._connection.subprotocol
        return chosen

    async def send(self, frame: object) -> None:
        """Send a JSON frame; text and bytes as they are."""
        await self._connection.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def command(self, kind: str, **data: object) -> None:
        """Send a command of `duologue.v1`."""
        await self.send({"type": kind, "data": data})

    async def receive(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(SECONDS):
            frame: dict[str, Any] = json.loads(await self._connection.recv())
            return frame

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of that type; others are passed over."""
        while (frame := await self.receive()).get("type") != kind:
            pass
        return frame

    async def silent(self, *kinds: str) -> bool:
        """Whether nothing (of these types) has come, after a ping and its pong and a moment more."""
        async with asyncio.timeout(SECONDS):
            await (await self._connection.ping())
        try:
            async with asyncio.timeout(0.2):
                while True:
                    frame = json.loads(await self._connection.recv())
                    if not kinds or frame.get("type") in kinds:
                        return False
        except TimeoutError:
            return True

    async def closed(self) -> tuple[int | None, str]:
        """Wait for the close; its code and reason."""
        async with asyncio.timeout(SECONDS):
            await self._connection.wait_closed()
        return self._connection.close_code, self._connection.close_reason or ""


class Caller:
    """Somebody with cookies of their own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.id = 0
        self.email = ""
        self.password = ""
        self._http = Http(url, seconds=SECONDS)

    @property
    def cookies(self) -> Cookies:
        """Those that the server has set, and not cleared."""
        return self._http.cookies

    @property
    def token(self) -> str:
        """The access token."""
        return self.cookies["accessToken"]

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **query: object) -> Answer:
        """GET."""
        pairs = {name: value for name, value in query.items() if value is not None}
        return await self.request("GET", path + (f"?{urlencode(pairs)}" if pairs else ""), None, headers)

    async def post(self, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """POST JSON; bytes as they are."""
        return await self.request("POST", path, body, headers)

    async def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Any request; cookies go along and are kept."""
        return await self._http.request(method, path, body, headers)

    @asynccontextmanager
    async def socket(
        self,
        route: str,
        *,
        v1: bool = False,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> AsyncIterator[Frames]:
        """A socket of that route with the token in the address; an empty `token` leaves it out."""
        given = self.token if token is None else token
        pairs = ({"token": given} if given else {}) | query
        url = f"{self.url.replace('http', 'ws', 1)}{route}?{urlencode(pairs)}"
        options: dict[str, Any] = {"ssl": ssl.create_default_context()} if url.startswith("wss") else {}
        connection = await connect(
            url,
            subprotocols=[V1] if v1 else None,
            additional_headers=dict(headers or {}),
            compression=None,
            proxy=None,
            max_queue=None,
            open_timeout=SECONDS,
            close_timeout=SECONDS,
            **options,
        )
        try:
            yield Frames(connection)
        finally:
            await connection.close()
