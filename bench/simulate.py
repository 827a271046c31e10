"""Group commit on paper: nodes that each commit whatever they have queued, on one PostgreSQL with so many cores.

A message arrives at a node, costs it CPU, and waits for its node's commit. A commit is work for one core of
PostgreSQL, then waits for a flush of the log; a flush takes its time once for all who wait when it begins. While one
batch of a node is being committed, the next one gathers. Left out: nodes that wait for each other's lock on a room
(a room's two people on two nodes, both writing at one moment), the network, and checkpoints.
"""

import heapq
import itertools
import random
from collections import deque
from dataclasses import dataclass

__all__ = ["Costs", "Outcome", "simulate"]

BATCH = 500  # messages, as in the journal


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds."""

    node_message: float
    """CPU of a node."""
    commit: float
    """CPU of PostgreSQL for a commit, however small."""
    message: float
    """CPU of PostgreSQL for each message in it."""
    flush: float
    """The disk's."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Latencies in milliseconds, shares from 0 to 1."""

    p50: float
    p99: float
    batch: float
    """Messages in a commit."""
    postgres: float
    """How busy PostgreSQL's cores were."""
    left: int
    """Messages not stored when the last one had arrived."""


class PostgreSQL:
    """Cores that work, and a log that is flushed for all who wait."""

    def __init__(self, cores: int, costs: Costs) -> None:
        self.free = cores
        self.waiting: deque[int] = deque()
        self.flushing: list[int] = []
        self.to_flush: list[int] = []
        self.worked = 0.0
        self.costs = costs


def simulate(nodes: int, cores: int, offered: float, costs: Costs, seconds: float = 2.0, seed: int = 1) -> Outcome:
    """That many messages a second, spread over the nodes at random."""
    chance = random.Random(seed)
    events: list[tuple[float, int, str, int]] = []
    order = itertools.count()

    def at(moment: float, kind: str, node: int) -> None:
        heapq.heappush(events, (moment, next(order), kind, node))

    postgres = PostgreSQL(cores, costs)
    queued: list[list[float]] = [[] for _ in range(nodes)]
    batches: list[list[float]] = [[] for _ in range(nodes)]
    busy_until = [0.0] * nodes
    latencies: list[float] = []
    commits = arrived = 0

    def begin(now: float, node: int) -> None:
        """The node sends its batch off."""
        batches[node], queued[node] = queued[node][:BATCH], queued[node][BATCH:]
        postgres.waiting.append(node)
        work(now)

    def work(now: float) -> None:
        while postgres.free and postgres.waiting:
            node = postgres.waiting.popleft()
            postgres.free -= 1
            spent = costs.commit + costs.message * len(batches[node])
            postgres.worked += spent
            at(now + spent, "worked", node)

    def flush(now: float) -> None:
        if postgres.to_flush and not postgres.flushing:
            postgres.flushing, postgres.to_flush = postgres.to_flush, []
            at(now + costs.flush, "flushed", -1)

    at(chance.expovariate(offered), "message", chance.randrange(nodes))
    now = 0.0
    while events:
        now, _, kind, node = heapq.heappop(events)
        if kind == "message":
            arrived += 1
            busy_until[node] = max(busy_until[node], now) + costs.node_message
            at(busy_until[node], f"queue {now}", node)
            following = now + chance.expovariate(offered)
            if following < seconds:
                at(following, "message", chance.randrange(nodes))
        elif kind == "worked":
            postgres.free += 1
            postgres.to_flush.append(node)
            flush(now)
            work(now)
        elif kind == "flushed":
            done, postgres.flushing = postgres.flushing, []
            flush(now)
            for each in done:
                commits += 1
                latencies += [now - since for since in batches[each]]
                batches[each] = []
                if queued[each]:
                    begin(now, each)
        else:
            queued[node].append(float(kind.removeprefix("queue ")))
            if not batches[node]:
                begin(now, node)
        if now > seconds and not any(kind == "message" for _, _, kind, _ in events[:1]):
            break
    latencies.sort()
    many = len(latencies)
    return Outcome(
        p50=latencies[many // 2] * 1e3 if many else 0.0,
        p99=latencies[many * 99 // 100] * 1e3 if many else 0.0,
        batch=many / max(1, commits),
        postgres=postgres.worked / (cores * max(now, 1e-9)),
        left=arrived - many,
    )
