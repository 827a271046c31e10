"""What it costs to cross NATS: the same load with both people of a room on one node, and on two."""

import argparse
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench import machine
from bench.accounts import faults, stored
from bench.client import Result, Task
from bench.hints import Heard, Typists
from bench.load_process import LoadProcess
from bench.people import Pair, make_rooms
from bench.rivals import Rival
from bench.stage import Server, Stage, open_stage
from bench.table import Table, spread
from bench.talk import Latencies
from duologue.cluster.server import find_nats_server
from duologue.database.schema import migrate

__all__ = ["add_arguments", "run", "tables"]

PLACES = {
    "alone": "one node without NATS",
    "together": "two nodes, both people on the first",
    "apart": "two nodes, the people of a room on different ones",
}
HINTS_HEARD = 0.99  # they may be lost
PARTS = ("first", "second", "nats", "postgres")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--windows", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--typists", type=int, default=1_500)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """Nodes on one database, and what they stand on."""

    stage: Stage
    nodes: Sequence[Server]
    nats: Server | None
    pairs: Sequence[Pair]

    def lanes(self, place: str, count: int) -> list[tuple[str, str]]:
        """Where the speakers and the hearers of some rooms connect: half of the speakers on each node, when apart."""
        lanes = []
        for number, pair in enumerate(self.pairs[:count]):
            speaking, hearing = (number % 2, 1 - number % 2) if place == "apart" else (0, 0)
            lanes.append(
                (
                    f"ws://127.0.0.1:{self.nodes[speaking].port}/room/{pair.room}?token={pair.first.token}",
                    f"ws://127.0.0.1:{self.nodes[hearing].port}/room/{pair.room}?token={pair.second.token}",
                )
            )
        return lanes

    def used(self) -> dict[str, float]:
        """CPU seconds so far, of each part."""
        used = [machine.cpu_seconds(node.pid) for node in self.nodes] + [0.0] * (2 - len(self.nodes))
        nats = machine.cpu_seconds(self.nats.pid) if self.nats else 0.0
        return dict(zip(PARTS, (*used, nats, self.stage.postgres_cpu()), strict=True))


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Every place in turn, so that all meet the same minutes."""
    found: dict[str, Any] = {"turns": [], "hints": [], "faults": []}
    async with open_stage() as stage:
        rooms = max(options.rooms, options.typists)
        alone = await set_up(stage, rooms, 1)
        both = await set_up(stage, rooms, 2)
        for turn in range(options.turns):
            for window in options.windows:
                for place in PLACES:
                    scene = alone if place == "alone" else both
                    await talk(scene, place, window, turn, options, found)
            for place in PLACES:
                await hint(alone if place == "alone" else both, place, turn, options, found)
    return found


async def set_up(stage: Stage, rooms: int, count: int) -> Scene:
    """That many nodes; one does without NATS."""
    dsn = await stage.database(f"cluster_{secrets.token_hex(4)}")
    await migrate(dsn)
    environment: dict[str, str] = {}
    nats = None
    if count > 1:
        command = [find_nats_server(), "-a", "127.0.0.1", "-p", "-1"]
        nats = await stage.start("nats", command, "", {}, rb"client connections on 127\.0\.0\.1:(\d+)")
        environment["NATS_URL"] = f"nats://127.0.0.1:{nats.port}"
    nodes = [await stage.node(dsn, **environment) for _ in range(count)]
    return Scene(stage, nodes, nats, await make_rooms(dsn, rooms))


async def framed(scene: Scene, module: str, task: msgspec.Struct) -> tuple[msgspec.Raw, dict[str, float]]:
    """A load process from its beginning to its end: its result, and the CPU of every part between its two marks."""
    load = await LoadProcess.start(module, task)
    before: dict[str, float] = {}
    cpu: dict[str, float] = {}
    async for event in load.events():
        if event.event == "ready":
            load.go()
        elif event.event == "begin":
            before = scene.used()
        elif event.event == "end":
            cpu = {part: used - before[part] for part, used in scene.used().items()}
        elif event.event == "result":
            await load.end()
            return event.value, cpu
    raise RuntimeError("a load process ended before its result")


async def talk(
    scene: Scene, place: str, window: int, turn: int, options: argparse.Namespace, found: dict[str, Any]
) -> None:
    """Durable messages in a closed loop."""
    mark = f"{place}{window}.{turn}:"
    await scene.stage.checkpoint()
    task = Task(scene.lanes(place, options.rooms), window=window, seconds=options.seconds, mark=mark)
    raw, cpu = await framed(scene, "bench.client", task)
    result = msgspec.json.decode(raw, type=Result)
    rooms = [pair.room for pair in scene.pairs[: options.rooms]]
    found["faults"] += faults("duologue", result, await stored(Rival(scene.nodes[0], scene.pairs), mark, rooms))
    latencies = Latencies()
    latencies.counts.update(result.latencies)
    found["turns"].append(
        {
            "place": place,
            "window": window,
            "turn": turn,
            "rate": result.measured / result.seconds,
            "p50_ms": latencies.milliseconds(0.5),
            "p99_ms": latencies.milliseconds(0.99),
            **{f"{part}_us": used / max(1, result.measured) * 1e6 for part, used in cpu.items()},
        }
    )


async def hint(scene: Scene, place: str, turn: int, options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Typing: told, and forgotten."""
    raw, cpu = await framed(scene, "bench.hints", Typists(scene.lanes(place, options.typists)))
    heard = msgspec.json.decode(raw, type=Heard)
    if heard.heard < heard.said * HINTS_HEARD or heard.heard > heard.said:
        found["faults"].append(f"{place}: {heard.said} hints said, {heard.heard} heard")
    found["hints"].append(
        {
            "place": place,
            "turn": turn,
            "said": heard.said,
            **{f"{part}_us": used / max(1, heard.heard) * 1e6 for part, used in cpu.items()},
        }
    )


def tables(found: dict[str, Any]) -> list[Table]:
    """Messages, then hints, then the difference."""
    parts = ["first node µs", "second node µs", "NATS µs", "PostgreSQL µs"]
    made = []
    for window in dict.fromkeys(turn["window"] for turn in found["turns"]):
        rows = [
            [
                text,
                *(spread([turn[key] for turn in of(found["turns"], place, window)]) for key in ("rate",)),
                *(spread([turn[key] for turn in of(found["turns"], place, window)], ",.1f") for key in ("p50_ms",)),
                *(spread([turn[f"{part}_us"] for turn in of(found["turns"], place, window)]) for part in PARTS),
            ]
            for place, text in PLACES.items()
        ]
        caption = f"Durable messages, {window} in flight a room"
        made.append(Table(caption, ["", "messages/s", "p50 ms", *parts], rows))
    rows = [
        [text, *(spread([turn[f"{part}_us"] for turn in of(found["hints"], place)]) for part in PARTS)]
        for place, text in PLACES.items()
    ]
    made.append(Table("Typing, CPU of a hint", ["", *parts], rows))
    columns = ["", "both nodes and NATS µs, apart", "together", "crossing µs"]
    rows = [crossing(f"message, {window} in flight", found["turns"], window) for window in windows(found)]
    made.append(Table("What crossing costs", columns, [*rows, crossing("hint", found["hints"], None)]))
    return made


def windows(found: dict[str, Any]) -> list[int]:
    """Those measured."""
    return list(dict.fromkeys(turn["window"] for turn in found["turns"]))


def of(turns: Sequence[dict[str, Any]], place: str, window: int | None = None) -> list[dict[str, Any]]:
    """Those of a place."""
    return [turn for turn in turns if turn["place"] == place and window in (None, turn.get("window"))]


def crossing(text: str, turns: Sequence[dict[str, Any]], window: int | None) -> list[str]:
    """The CPU of both nodes and NATS, apart and together, and the difference, turn by turn."""
    apart, together = (
        [sum(turn[f"{part}_us"] for part in ("first", "second", "nats")) for turn in of(turns, place, window)]
        for place in ("apart", "together")
    )
    differences = [one - other for one, other in zip(apart, together, strict=True)]
    return [text, spread(apart), spread(together), spread(differences)]
