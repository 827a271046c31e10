"""`/users` while PostgreSQL is slow: what happens between the reading of the list and its arrival is in it."""

import asyncio
import json

import pytest

from duologue.realtime.users import UserBoard
from duologue.wire.rooms import Person


class SlowDirectory:
    """What was read arrives when it is let go."""

    def __init__(self, *, is_open):
        self.is_open = is_open
        self.users = {1}
        self.let_go = asyncio.Event()
        self.read = asyncio.Event()

    def is_online(self, user_id):
        return True

    async def contacts(self, user_id):
        return None if self.is_open else set(self.users)

    async def people(self, user_id, limit):
        people = await self.some_people(self.users)
        self.read.set()
        await self.let_go.wait()
        return people

    async def some_people(self, user_ids):
        return [Person(each, f"{each}@example.com", True, "", True, None) for each in sorted(user_ids)]


class Tasks:
    """Runs what a board asks for."""

    def __init__(self):
        self.tasks = []

    def run(self, coroutine, name):
        self.tasks.append(asyncio.create_task(coroutine, name=name))


class Frames:
    """A connection."""

    def __init__(self):
        self.frames = asyncio.Queue()

    def send(self, data):
        self.frames.put_nowait(json.loads(data[data.index(b"{") :]))


@pytest.mark.parametrize("happens", ["somebody registers", "they are met"])
async def test_who_comes_while_the_list_is_under_way_is_in_it(happens):
    directory = SlowDirectory(is_open=happens == "somebody registers")
    board, connection = UserBoard(Tasks(), directory), Frames()
    watcher = board.route(connection, type("", (), {"user_id": 1}))
    watcher.opened()
    await directory.read.wait()
    directory.users.add(2)
    if directory.is_open:
        board.changed(2)
    else:
        board.met(1, 2)
    directory.let_go.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*board.sockets.tasks)
    first = connection.frames.get_nowait()
    assert first["type"] == "ALL_USERS"
    assert [each["id"] for each in first["data"]] == [1, 2]
    assert connection.frames.empty()
