"""`python -m bench NAME`: run a measurement, print its table, keep its JSON."""

import argparse
import asyncio
import importlib
import json
import os
import sys
from pathlib import Path

from bench import machine
from bench.progress import Bar
from bench.table import print_tables

MEASUREMENTS = {
    "load": "durable messages/s in a closed loop, peers taking turns",
    "latency": "latency at an offered rate (open loop), peers taking turns",
    "memory": "resident memory per idle authenticated socket",
    "connects": "authenticated connects/s, messages of other rooms flowing meanwhile",
    "reconnect": "a node goes, and its sockets come back to another",
    "history": "a page of a long room among millions of messages, and of a short one",
    "presence": "what a change of presence costs with thousands of watchers",
    "rooms": "GET /msg/room with 50 rooms",
    "storm": "latency of messages while many people sign in",
    "growth": "cost per message with more sockets and more stored messages",
    "cluster": "what it costs to cross NATS, for messages and for typing",
    "deflate": "what permessage-deflate would cost and save",
    "scale": "what more nodes and cores would carry, simulated from the other results",
    "profile": "where the server's time goes, by stage",
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run one measurement, or write the page."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure Duologue on this machine.")
    commands = parser.add_subparsers(dest="name", required=True)
    modules = {}
    for name, text in MEASUREMENTS.items():
        modules[name] = importlib.import_module(f"bench.{name}")
        command = commands.add_parser(name, help=text, description=modules[name].__doc__)
        command.add_argument("--out", type=Path, default=RESULTS / f"{name}.json", help="where the JSON goes")
        modules[name].add_arguments(command)
    commands.add_parser("report", help="write docs/benchmarks.md from the JSON")
    options = parser.parse_args()
    if options.name == "report":
        importlib.import_module("bench.report").write()
        return
    busy = os.getloadavg()[0]  # before it began
    steps = getattr(modules[options.name], "steps", lambda _: 1)
    with Bar(steps(options)) as options.progress:
        found = asyncio.run(modules[options.name].run(options))
    found = {
        "command": "python -m bench " + " ".join(sys.argv[1:]),
        "busy": busy,
        "machine": machine.describe(),
        **found,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print_tables(modules[options.name].tables(found))
    if found.get("faults"):
        sys.exit("The check found: " + "; ".join(found["faults"]))


if __name__ == "__main__":
    main()
