"""A server that does what a test tells it: sockets of `/ws`; HTTP is answered by a `fetch` of the script's own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from tests.clients.script import Node, do
from tests.harness.people import SECONDS, V1

ROOM = "0199f0c8-7a51-7c3e-9d0a-3b1f5e6a7c80"
ME, OTHER = 1, 2


class Pretender:
    """Take a connection with `connected`, and speak for the server on it."""

    def __init__(self) -> None:
        self.port = 0
        self._connections: asyncio.Queue[Caller] = asyncio.Queue()

    async def accept(self, connection: ServerConnection) -> None:
        """A socket; it stays until either side closes it."""
        caller = Caller(connection)
        self._connections.put_nowait(caller)
        await connection.wait_closed()

    async def connected(self) -> "Caller":
        """The next socket, greeted with an empty list of rooms."""
        async with asyncio.timeout(SECONDS):
            caller = await self._connections.get()
        await caller.say("ROOMS_LIST", [])
        return caller

    async def nobody_comes(self, seconds: float) -> bool:
        """Whether no socket is opened for that long."""
        try:
            async with asyncio.timeout(seconds):
                await self._connections.get()
        except TimeoutError:
            return True
        return False


class Caller:
    """One socket of the client's."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection

    async def say(self, kind: str, data: Any, **more: Any) -> None:
        """Send a frame."""
        await self.connection.send(json.dumps({"type": kind, "data": data} | more))

    async def hears(self, kind: str) -> dict[str, Any]:
        """The data of the next frame, which is of that type."""
        async with asyncio.timeout(SECONDS):
            frame = json.loads(await self.connection.recv())
        assert frame["type"] == kind, frame
        return frame.get("data", {})

    async def resume(self, after: int, to: int | None = None, *, rev: int = 0, complete: bool = True) -> None:
        """RESUMED."""
        data = {"roomId": ROOM, "from": after, "to": after if to is None else to, "rev": rev, "complete": complete}
        await self.say("RESUMED", data | {"readSeq": 0, "peerReadSeq": 0, "peerDeliveredSeq": 0})

    async def deliver(self, seq: int, content: str, sender: int = OTHER) -> None:
        """NEW_MESSAGE."""
        await self.say("NEW_MESSAGE", message(seq, content, sender))


def message(seq: int, content: str, sender: int = OTHER) -> dict[str, Any]:
    """A message of the room."""
    created_at = f"2026-01-01T12:00:00.{seq:03}Z"
    return {
        "id": f"m{seq}",
        "roomId": ROOM,
        "senderId": sender,
        "content": content,
        "createdAt": created_at,
        "seq": seq,
    }


@asynccontextmanager
async def pretender() -> AsyncIterator[Pretender]:
    """On a free port."""
    pretender = Pretender()
    async with serve(pretender.accept, "127.0.0.1", 0, subprotocols=[V1], ping_interval=None) as server:
        pretender.port = next(iter(server.sockets)).getsockname()[1]
        yield pretender


async def sign_in(node: Node, port: int, page: str = "[]", refresh: int = 200) -> None:
    """A client with an open conversation of `page`, and a `fetch` that asks nobody."""
    await do(
        node,
        f"""
        globalThis.page = {page};
        globalThis.chat = new Duologue({{
            url: 'http://127.0.0.1:{port}',
            WebSocket,
            fetch: async (url) => {{
                const path = new URL(url).pathname;
                const status = path === '/auth/refresh' ? {refresh} : 200;
                const body = path.endsWith('/messages') ? page
                    : status === 401 ? {{ code: 'SESSION_ENDED', message: 'It has ended.' }}
                    : {{ user: {{ id: {ME}, email: 'me@example.com' }} }};
                return new Response(JSON.stringify(body), {{ status }});
            }},
        }});
        await chat.signIn('me@example.com', 'x');
        chat.on('connection', (state) => state !== 'connecting' && console.log(state));
        chat.on('signedOut', (error) => console.log('out', error.code));
        globalThis.room = chat.conversation('{ROOM}');
        for (const event of ['message', 'sent', 'failed']) {{
            room.on(event, (data) => console.log(event, data.seq ?? '-', data.content));
        }}
        globalThis.opened = room.open();
        """,
    )
