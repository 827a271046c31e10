"""Whatever happens in whatever order: what a client was told is what a fresh fetch gives."""

import asyncio
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.folding import Device, state
from tests.harness.people import arrive

pytestmark = pytest.mark.early

SECONDS = 30.0
DEVICES = 4  # two of each person: one on /room/<id>, one on /ws
device, person = st.integers(0, DEVICES - 1), st.integers(0, 1)
which = st.integers(0, 30)
ACTION = st.one_of(
    st.tuples(st.just("connect"), device),
    st.tuples(st.just("cut"), device, st.booleans()),
    st.tuples(st.just("send"), device),
    st.tuples(st.just("send"), device),
    st.tuples(st.just("retry"), device, which),
    st.tuples(st.just("send_by_http"), person, st.booleans()),
    st.tuples(st.just("send_on_a_base_socket"), person),
    st.tuples(st.just("edit"), device, which),
    st.tuples(st.just("edit_by_http"), person, which),
    st.tuples(st.just("delete"), device, which),
    st.tuples(st.just("delete_by_http"), person, which),
    st.tuples(st.just("read"), device, which),
    st.tuples(st.just("read_by_http"), person, which),
    st.tuples(st.just("block"), person),
    st.tuples(st.just("unblock"), person),
)
TURNS = st.lists(st.lists(ACTION, min_size=1, max_size=6), min_size=1, max_size=8)


class Story:
    """Two people, their devices, and the actions of Hypothesis."""

    def __init__(self, people, room, devices):
        self.people, self.room, self.devices = people, room, devices
        self.numbers = itertools.count(1)
        self.client_ids = {each.id: [] for each in people}
        self.stored = []

    def known(self, index):
        """Some message as it was after the last turn, or one that does not exist."""
        if not self.stored:
            return "00000000-0000-7000-8000-000000000000"
        return self.stored[index % len(self.stored)]["id"]

    async def do(self, action):
        name, who, *rest = action
        await getattr(self, name)(who, *rest)

    async def connect(self, who):
        await self.devices[who].connect()

    async def cut(self, who, abruptly):
        await self.devices[who].cut(abruptly=abruptly)

    async def send(self, who):
        device = self.devices[who]
        client_id, content = f"c{next(self.numbers)}", f"said {next(self.numbers)}"
        self.client_ids[device.person.id].append((client_id, content))
        await device.command("SEND", content=content, clientId=client_id)

    async def retry(self, who, index):
        device = self.devices[who]
        if sent := self.client_ids[device.person.id]:
            client_id, content = sent[index % len(sent)]
            await device.command("SEND", content=content, clientId=client_id)

    async def send_by_http(self, who, named):
        body = {"content": f"by HTTP {next(self.numbers)}"}
        if named:
            body["clientId"] = f"h{next(self.numbers)}"
            self.client_ids[self.people[who].id].append((body["clientId"], body["content"]))
        path = f"/msg/room/{self.room}/messages"
        first = await self.people[who].http.post(path, json=body)
        assert first.status_code in (201, 403)
        if named and first.status_code == 201:
            again = await self.people[who].http.post(path, json=body)
            assert again.status_code == 403 or again.json()["seq"] == first.json()["seq"]

    async def send_on_a_base_socket(self, who):
        async with self.people[who].socket(f"/room/{self.room}") as socket:
            await socket.say(f"base {next(self.numbers)}")

    async def edit(self, who, index):
        await self.devices[who].command("EDIT", id=self.known(index), content=f"edit {next(self.numbers)}")

    async def edit_by_http(self, who, index):
        path = f"/msg/room/{self.room}/messages/{self.known(index)}"
        answer = await self.people[who].http.patch(path, json={"content": f"edit {next(self.numbers)}"})
        assert answer.status_code in (200, 403, 404)

    async def delete(self, who, index):
        await self.devices[who].command("DELETE", id=self.known(index))

    async def delete_by_http(self, who, index):
        answer = await self.people[who].http.delete(f"/msg/room/{self.room}/messages/{self.known(index)}")
        assert answer.status_code in (200, 403, 404)

    async def read(self, who, seq):
        await self.devices[who].command("READ", seq=seq)

    async def read_by_http(self, who, seq):
        await self.people[who].http.post(f"/msg/room/{self.room}/read", json={"seq": seq})

    async def block(self, who):
        await self.people[who].http.post(f"/users/{self.people[1 - who].id}/block")

    async def unblock(self, who):
        await self.people[who].http.delete(f"/users/{self.people[1 - who].id}/block")

    async def fresh(self):
        """The messages, and the room as each of the two sees it."""
        history = [state(message) for message in await self.people[0].whole_history(self.room)]
        views = []
        for each in self.people:
            listed = (await each.http.get("/msg/rooms")).json()["rooms"]
            views.append(next(room for room in listed if room["id"] == self.room))
        return history, views

    def differences(self, device, history, views):
        """What the device has wrong."""
        if not device.is_connected:
            return []
        if device.fault is not None:
            raise device.fault
        mine = views[self.people.index(device.person)]
        others = views[1 - self.people.index(device.person)]
        pairs = [
            ("messages", [device.messages[seq] for seq in sorted(device.messages)], history),
            ("read", device.read.get(device.person.id, 0), mine["readSeq"]),
            ("read by the other", device.read.get(-1, 0), others["readSeq"]),
        ]
        if device.multiplexed and device.lobby:
            newest = device.lobby["lastMessage"]
            pairs += [
                ("unread", device.lobby["unread"], mine["unread"]),
                ("lastSeq", device.lobby["lastSeq"], mine["lastSeq"]),
                ("newest", newest and state(newest), state(mine["messages"][0]) if mine["messages"] else None),
            ]
        return [(name, told, true) for name, told, true in pairs if told != true]

    async def check(self):
        """Every device ends with the truth, and so does the log."""
        found = []
        try:
            async with asyncio.timeout(SECONDS):
                for each in self.devices:
                    await each.settled()
                while True:
                    for each in self.devices:
                        each.news.clear()
                    history, views = await self.fresh()
                    found = [self.differences(each, history, views) for each in self.devices]
                    # What was said without a receipt may come between the two fetches.
                    if not any(found) and all(view["lastSeq"] == len(history) for view in views):
                        break
                    if waits := [asyncio.ensure_future(each.news.wait()) for each in self.devices if each.is_connected]:
                        await asyncio.wait(waits, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
                        for wait in waits:
                            wait.cancel()
        except TimeoutError:
            unanswered = [each.unanswered for each in self.devices]
            raise AssertionError(f"told, and true: {found}; without an answer: {unanswered}") from None
        assert [message["seq"] for message in history] == list(range(1, len(history) + 1))
        assert len({message["id"] for message in history}) == len(history)
        assert all(message["content"] == "" for message in history if message["deletedAt"])
        for view in views:
            assert 0 <= view["readSeq"] <= view["lastSeq"] == len(history)
            assert view["unread"] == view["lastSeq"] - view["readSeq"]
        for each in self.devices:
            for user, seq in each.delivered.items():
                assert each.read.get(user, 0) <= seq <= len(history)
        self.stored = history


async def tell(url, database, alice, turns):
    """One example: a new room, the turns, a check after each."""
    bob = await arrive(url, database)
    room = await alice.open_room(bob)
    async with asyncio.TaskGroup() as tasks:
        devices = [
            Device(each, room, multiplexed=multiplexed, task_group=tasks)
            for each in (alice, bob)
            for multiplexed in (False, True)
        ]
        story = Story([alice, bob], room, devices)
        try:
            for turn in turns:
                await asyncio.gather(*(story.do(action) for action in turn))
                await story.check()
            for each in devices:
                await each.connect()
            await story.check()
        finally:
            for each in devices:
                await each.cut(abruptly=False)
            await bob.http.aclose()


async def run(server, database, alice, examples):
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(turns=TURNS)
    def any_story(turns):
        asyncio.run_coroutine_threadsafe(tell(server.url, database, alice, turns), loop).result()

    await asyncio.to_thread(any_story)


async def test_a_folded_conversation_is_the_true_one(server, database, alice):
    await run(server, database, alice, 12)


@pytest.mark.long
async def test_a_folded_conversation_is_the_true_one_at_length(server, database, alice):
    await run(server, database, alice, 400)
