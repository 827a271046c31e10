"""Sockets of `duologue.v1` that are in a room and live."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.harness.people import Person, Socket


@asynccontextmanager
async def joined(person: Person, room: str, **query: Any) -> AsyncIterator[Socket]:
    """A socket of `/room/<id>` after its RESUMED and the first PRESENCE."""
    async with person.socket(f"/room/{room}", v1=True, **query) as socket:
        await socket.receive_type("RESUMED")
        await socket.receive_type("PRESENCE")
        yield socket


@asynccontextmanager
async def multiplexed(person: Person, *rooms: str) -> AsyncIterator[Socket]:
    """A socket of `/ws` after its list, live in these rooms."""
    async with person.socket("/ws", v1=True) as socket:
        await socket.receive_type("ROOMS_LIST")
        for room in rooms:
            await socket.command("SUBSCRIBE", roomId=room)
            await socket.receive_type("RESUMED")
            await socket.receive_type("PRESENCE")
        yield socket


async def send(person: Person, room: str, content: str) -> dict[str, Any]:
    """A message by HTTP, as it is stored."""
    answer = await person.http.post(f"/msg/room/{room}/messages", json={"content": content})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def edit(person: Person, room: str, message: str, content: str) -> dict[str, Any]:
    """Give a message another content by HTTP."""
    answer = await person.http.patch(f"/msg/room/{room}/messages/{message}", json={"content": content})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def delete(person: Person, room: str, message: str) -> dict[str, Any]:
    """Take a message away by HTTP."""
    answer = await person.http.delete(f"/msg/room/{room}/messages/{message}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def blurt(socket: Socket, kind: str | None = None, **data: object) -> None:
    """Send a command that no document knows; without `kind`, a bare message."""
    await socket.send_raw(json.dumps({"type": kind, "data": data} if kind else data))
