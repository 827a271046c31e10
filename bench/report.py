"""Writes docs/benchmarks.md from the JSON of the measurements."""

import importlib
import json
from pathlib import Path
from typing import Any

from bench import goals, plot, scale
from bench.stage import ROOT
from bench.table import Table

__all__ = ["write"]

RESULTS = Path(__file__).parent / "results"
QUIET = 0.7  # load average
PAGE = ROOT / "docs/benchmarks.md"
SCALING = ROOT / "docs/scaling.md"
PLOTS = {"load": plot.rates, "latency": plot.latencies}
HEAD = Path(__file__).with_name("head.md")

TEXTS = {
    "load": "Durable messages, closed loop",
    "latency": "Latency, open loop",
    "memory": "Memory",
    "connects": "Connects",
    "reconnect": "Reconnect storm",
    "history": "History",
    "rooms": "The list of rooms",
    "presence": "Presence",
    "storm": "Sign-in storm",
    "growth": "Growth",
    "cluster": "Crossing NATS",
    "profile": "Where the time goes",
    "deflate": "permessage-deflate",
}
NOTES = {
    "latency": "`load late` is how late the load itself sent at worst: what others took from it on the same cores.",
    "history": "One connection, one request after the other; the time is the round trip, the client's part included.",
    "connects": "A connect: TCP, upgrade, token, membership, joined. The client's own work is on the same cores.",
    "cluster": "A closed loop fills all cores, so on two of them a second node adds work, not speed: look at the CPU.\n"
    "What one commit adds to a room crosses as one parcel, so with more in flight each message pays less.",
    "reconnect": "A handshake counts from the connection to the answered upgrade. Sockets that are told get their\n"
    "times from the node (`1012`, `retryMs`); the others draw one from the same window.",
    "profile": "py-spy's samples of the server, put to stages by the innermost frame that is of one, times the CPU\n"
    "of a message measured without the profiler.",
    "deflate": "See [0009](decisions/0009-no-permessage-deflate.md).",
}


def write() -> None:
    """Write the page."""
    results: dict[str, dict[str, Any]] = {}
    for name in TEXTS:
        if found := read(name):
            results[name] = found
    parts = [HEAD.read_text(encoding="utf-8"), f"## Goals\n\n{goals.table(results).markdown()}"]
    for name, found in results.items():
        parts.append(f"## {TEXTS[name]}\n\n`{found['command']}`{busy(found)}\n")
        if name in NOTES:
            parts.append(f"{NOTES[name]}\n")
        if name in PLOTS:
            picture = PAGE.parent / f"images/benchmark-{name}.svg"
            picture.write_text(PLOTS[name](found), encoding="utf-8")
            parts.append(f"![{TEXTS[name]}](images/{picture.name})\n")
        parts += [table.markdown() for table in importlib.import_module(f"bench.{name}").tables(found)]
        if "faults" in found:
            wrong = found["faults"]
            parts.append(f"The check found: {'; '.join(wrong)}.\n" if wrong else "The check found nothing wrong.\n")
        machine = found["machine"]
    parts.append("## The machine\n\n" + ", ".join(f"{key} {value}" for key, value in machine.items()) + ".\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    if found := read("scale"):
        here = Path(__file__).parent
        tables = [scale.carried(results), *scale.tables(found)]
        pages = [here / "scaling.md", *tables, here / "million.md"]
        parts = [each.markdown() if isinstance(each, Table) else each.read_text(encoding="utf-8") for each in pages]
        SCALING.write_text("\n".join(parts), encoding="utf-8")
        print(f"wrote {SCALING.relative_to(ROOT)}")


def read(name: str) -> dict[str, Any] | None:
    """The JSON of a measurement, if it was made."""
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found


def busy(found: dict[str, Any]) -> str:
    """What else the machine did, where it was more than idling."""
    load = found.get("busy", 0.0)
    return f"; the load average was {load:.1f} when it began: others were at work" if load > QUIET else ""
