"""Whatever dies, what was acknowledged is kept once and in order, all see the same, and the revoked see nothing."""

import asyncio
import random
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.cluster.actors import Talker, Watcher, until
from tests.cluster.checker import History, Revoked, judge
from tests.cluster.crowd import Pair, make_pairs, read_logs
from tests.cluster.nemesis import KINDS, Nemesis, Victims
from tests.harness.folder import passable_folder
from tests.harness.http import plain_client
from tests.harness.people import LATE_SECONDS
from tests.harness.postgres import copy_data, make_data

pytestmark = pytest.mark.early

HEAL_SECONDS = 60.0
REVOKED_SECONDS = 25.0  # while anything may be down: a node that stands still, a sweep that waits for PostgreSQL


class Traitor(Talker):
    """Listens in a room where somebody talks, until its session is revoked; notes when each frame came."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.frames: list[float] = []
        self.closed: list[float | None] = []
        self.is_out = asyncio.Event()

    async def stay(self, socket) -> None:
        """Until it is closed for good."""
        place = len(self.closed)
        self.closed.append(None)
        try:
            while True:
                await socket.recv()
                self.frames.append(time.monotonic())
        finally:
            self.closed[place] = time.monotonic()
            if socket.close_code in (4002, 4010):
                self.leaving.set()
                self.is_out.set()


class Run:
    """A conversation with faults, and its history."""

    def __init__(self, victims: Victims, pairs: list[Pair], seed: int) -> None:
        self.victims = victims
        self.rng = random.Random(seed)
        nodes = lambda: victims.urls  # noqa: E731
        *talking, betrayed, late = pairs
        self.rooms = [pair.room for pair in pairs]
        self.talkers = [
            Talker(person, pair.room, nodes, self.rng, stay_seconds=stay)
            for pair in talking
            for person, stay in ((pair.first, 1e9), (pair.second, 6.0), (pair.first, 10.0))
        ]
        self.betrayed = [Talker(pair.first, pair.room, nodes, self.rng) for pair in (betrayed, late)]
        self.traitors = [
            [Traitor(pair.second, pair.room, lambda url=node.ws_url: [url], self.rng) for node in victims.nodes]
            for pair in (betrayed, late)
        ]
        self.watchers = [Watcher(talking[0].second, lambda url=node.ws_url: [url], self.rng) for node in victims.nodes]
        self.numbers = 0
        self.revoked: list[Revoked] = []
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def people(self) -> list[Talker]:
        """Those who talk until the end."""
        return [*self.talkers, *self.betrayed]

    def start(self) -> None:
        """Everybody comes."""
        actors = [*self.people, *self.watchers, *self.traitors[0], *self.traitors[1]]
        self.tasks = [asyncio.create_task(actor.live()) for actor in actors]

    async def talk(self, seconds: float) -> None:
        """Everybody says something now and then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for talker in self.people:
                self.numbers += 1
                talker.say([f"message {self.numbers}"])
            await asyncio.sleep(0.1)

    async def revoke(self, traitors: list[Traitor], within: float) -> None:
        """End a session at any node that answers; its sockets are closed in time."""
        token = traitors[0].person.token
        at = 0.0
        while not at:
            try:
                async with plain_client(base_url=self.rng.choice(self.victims.nodes).url, timeout=4) as http:
                    answer = await http.post("/auth/logout", headers={"Authorization": f"Bearer {token}"})
                if answer.status_code == 200:
                    at = time.monotonic()
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
        await asyncio.gather(*(asyncio.wait_for(traitor.is_out.wait(), HEAL_SECONDS) for traitor in traitors))
        self.revoked.append(
            Revoked(
                str(traitors[0].person.session),
                at,
                [moment for traitor in traitors for moment in traitor.frames],
                [moment for traitor in traitors for moment in traitor.closed],
                within,
            )
        )

    async def settle(self) -> History:
        """Until everybody has said all and heard all, and presence is right; then everybody goes."""
        deadline = time.monotonic() + HEAL_SECONDS
        for talker in self.people:
            assert await until(talker, lambda talker=talker: talker.is_silent, deadline - time.monotonic()), (
                f"{len(talker.everything_said()) - len(talker.results)} messages were never acknowledged"
            )
        logs = await read_logs(self.victims.dsn, self.rooms)
        for talker in self.people:
            heard = await until(
                talker, lambda talker=talker: talker.reached == len(logs[talker.room]), deadline - time.monotonic()
            )
            assert heard, f"{talker.room}: {talker.person.id} reached {talker.reached} of {len(logs[talker.room])}"
        connected = frozenset(actor.person.id for actor in (*self.people, *self.watchers))
        for watcher in self.watchers:
            await until(watcher, lambda watcher=watcher: watcher.shown == connected, deadline - time.monotonic())
        watched = [watcher.watched(connected) for watcher in self.watchers]
        for actor in (*self.people, *self.watchers):
            actor.leaving.set()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        said = [each for talker in self.people for each in talker.everything_said()]
        listened = [socket for talker in self.people for socket in named(talker)]
        return History(said, logs, listened, watched, self.revoked)


def named(talker: Talker):
    """Its sockets, apart from those of another talker of the same person in the same room."""
    return [replace(socket, reader=f"{socket.reader}-{id(talker)}") for socket in talker.sockets]


async def run(shared: Path, folder: Path, nodes: int, rooms: int, faults) -> Run:
    """A run with `faults(nemesis)`, judged."""
    copy_data(make_data(shared), folder / "data")
    async with Victims(folder, nodes) as victims:
        pairs = await make_pairs(victims.dsn, rooms + 2)
        run = Run(victims, pairs, seed=nodes)
        nemesis = Nemesis(victims, nodes, 0.5, 2.0 if nodes == 2 else 6.0)
        run.start()
        await faults(nemesis, run)
        await run.revoke(run.traitors[1], LATE_SECONDS)
        history = await run.settle()
        findings = judge(history)
        assert not findings, "\n".join(map(str, findings[:30]))
        total = sum(len(log) for log in history.logs.values())
        print(f"\n{total} messages, {len(history.listened)} sockets; faults: {dict(nemesis.done)}")
        return run


@pytest.mark.thorough
async def test_a_short_nemesis_breaks_no_promise(shared_folder):
    async def faults(nemesis: Nemesis, run: Run) -> None:
        talking = asyncio.create_task(run.talk(8.0))
        await asyncio.sleep(0.5)
        revoking = asyncio.create_task(run.revoke(run.traitors[0], REVOKED_SECONDS))
        for kind in KINDS:
            await nemesis.strike(kind)
        await talking
        await revoking

    with passable_folder() as folder:
        await run(shared_folder, folder, nodes=2, rooms=3, faults=faults)


@pytest.mark.long
async def test_five_minutes_of_nemesis_break_no_promise(shared_folder):
    async def faults(nemesis: Nemesis, run: Run) -> None:
        talking = asyncio.create_task(run.talk(300.0))
        raging = asyncio.create_task(nemesis.rage(300.0))
        await asyncio.sleep(150.0)
        await run.revoke(run.traitors[0], REVOKED_SECONDS)
        await asyncio.gather(talking, raging)

    with passable_folder() as folder:
        await run(shared_folder, folder, nodes=3, rooms=8, faults=faults)
