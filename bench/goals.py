"""The goals that the figures are held against."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from bench.load import cost
from bench.table import Table

__all__ = ["table"]

Results = dict[str, dict[str, Any]]


def turns(found: Results, name: str, **wanted: object) -> list[dict[str, Any]]:
    """The turns of a measurement that are of this kind."""
    return [turn for turn in found[name]["turns"] if all(turn[key] == value for key, value in wanted.items())]


def median(found: Results, name: str, key: str, **wanted: object) -> float:
    """Of one figure."""
    return float(statistics.median(turn[key] for turn in turns(found, name, **wanted)))


def ratio(found: Results, shape: str, peer: str, value: Callable[[dict[str, Any]], float]) -> float:
    """The median of the ratios of turns that stood side by side."""
    pairs = zip(
        turns(found, "load", shape=shape, server="duologue"),
        turns(found, "load", shape=shape, server=peer),
        strict=True,
    )
    return statistics.median(value(own) / value(other) for own, other in pairs)


def rate(turn: dict[str, Any]) -> float:
    """Messages a second."""
    found: float = turn["rate"]
    return found


# What, goal in words, the figure, whether a figure is good enough.
GOALS: Sequence[tuple[str, str, Callable[[Results], float], Callable[[float], bool]]] = (
    ("messages/s, 50×16, to Node", "≥ 12 ×", lambda f: ratio(f, "50x16", "node", rate), lambda x: x >= 12),
    ("messages/s, 50×16, to FastAPI", "≥ 20 ×", lambda f: ratio(f, "50x16", "fastapi", rate), lambda x: x >= 20),
    ("messages/s, 50×16, to the relay", "≥ 0.5 ×", lambda f: ratio(f, "50x16", "relay", rate), lambda x: x >= 0.5),
    ("messages/s, 500×1, to Node", "≥ 6 ×", lambda f: ratio(f, "500x1", "node", rate), lambda x: x >= 6),
    ("messages/s, 50×1, to Node", "≥ 4 ×", lambda f: ratio(f, "50x1", "node", rate), lambda x: x >= 4),
    ("CPU a message, 50×16, to Node", "≤ 0.1 ×", lambda f: ratio(f, "50x16", "node", cost), lambda x: x <= 0.1),
    (
        "p50 at 1,000/s over 200 rooms, ms",
        "≤ 3",
        lambda f: median(f, "latency", "p50", offered=1000, server="duologue"),
        lambda x: x <= 3,
    ),
    (
        "p99 at 1,000/s over 200 rooms, ms",
        "≤ 15",
        lambda f: median(f, "latency", "p99", offered=1000, server="duologue"),
        lambda x: x <= 15,
    ),
    (
        "p50 at 1,000/s, to Node's at 500/s",
        "< 1 ×",
        lambda f: (
            median(f, "latency", "p50", offered=1000, server="duologue")
            / median(f, "latency", "p50", offered=500, server="node")
        ),
        lambda x: x < 1,
    ),
    (
        "KB an idle socket at 10,000",
        "≤ 12",
        lambda f: f["memory"]["servers"]["duologue"]["first"]["per_socket_kb"],
        lambda x: x <= 12,
    ),
    ("connects/s", "≥ 1,500", lambda f: median(f, "connects", "rate", kind="first"), lambda x: x >= 1500),
    ("messages' p99 meanwhile, ms", "< 100", lambda f: median(f, "connects", "p99", kind="first"), lambda x: x < 100),
    (
        "history page, round trip p50, ms",
        "≤ 2",
        lambda f: median(f, "history", "p50_ms", kind="large"),
        lambda x: x <= 2,
    ),
    (
        "history page, long room to short room",
        "about 1",
        lambda f: median(f, "history", "server_us", kind="large") / median(f, "history", "server_us", kind="small"),
        lambda x: x <= 1.15,
    ),
    (
        "GET /msg/room with 50 rooms, a second",
        "≥ 1,500",
        lambda f: statistics.median(turn["count"] / turn["seconds"] for turn in f["rooms"]["turns"]),
        lambda x: x >= 1500,
    ),
    (
        "messages' p99 in a sign-in storm, to without",
        "< 3 ×",
        lambda f: statistics.median(
            storm["p99"] / quiet["p99"]
            for storm, quiet in zip(turns(f, "storm", kind="storm"), turns(f, "storm", kind="quiet"), strict=True)
        ),
        lambda x: x < 3,
    ),
)


def table(found: Results) -> Table:
    """Goal and figure; what has not been measured is left out."""
    rows = []
    for what, goal, figure, is_met in GOALS:
        try:
            value = figure(found)
        except (KeyError, statistics.StatisticsError):
            continue
        rows.append(
            [what, goal, f"{value:,.2f}" if value < 100 else f"{value:,.0f}", "met" if is_met(value) else "not met"]
        )
    return Table("Medians of this run:", ["", "goal", "measured", ""], rows)
