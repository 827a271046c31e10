"""The ceiling: picows passing messages on, without sign-in, checks, storage or numbers.

With `JOIN=1` what one read brought leaves in one write a socket; without, each message is one, as in picows' examples.
"""

import asyncio
import os

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server
from uuid_utils import uuid7


class Said(msgspec.Struct):
    """What comes in."""

    content: str


class Data(msgspec.Struct, rename="camel"):
    """What goes out."""

    id: str
    room_id: str
    sender_id: int
    content: str
    created_at: str
    seq: int


class NewMessage(msgspec.Struct, tag="NEW_MESSAGE", tag_field="type"):
    """The frame."""

    data: Data


decode = msgspec.json.Decoder(Said).decode
encode = msgspec.json.Encoder().encode
JOIN = os.environ.get("JOIN") == "1"


class Member(WSListener):
    """A socket in a room."""

    def __init__(self, room: str, members: "set[Member]") -> None:
        self._room = room
        self._members = members
        self._seq = 0
        self._waiting: list[bytes] = []
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Join."""
        self.transport = transport
        self._members.add(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Leave."""
        self._members.discard(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Pass it on."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
            return
        self._seq += 1
        said = decode(frame.get_payload_as_memoryview())
        out = encode(NewMessage(Data(str(uuid7()), self._room, 1, said.content, "2026-01-01T00:00:00.000Z", self._seq)))
        for member in self._members:
            if member is not self:
                member.push(out)

    def push(self, payload: bytes) -> None:
        """Send."""
        if not JOIN:
            self.transport.send(WSMsgType.TEXT, payload)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self.transport.underlying_transport.write(b"".join(waiting))


async def main() -> None:
    """Serve on PORT."""
    rooms: dict[str, set[Member]] = {}

    def listen(request: WSUpgradeRequest) -> Member:
        room = request.path.decode().partition("?")[0].rpartition("/")[2]
        return Member(room, rooms.setdefault(room, set()))

    server = await ws_create_server(listen, "127.0.0.1", int(os.environ["PORT"]), websocket_handshake_timeout=60)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
