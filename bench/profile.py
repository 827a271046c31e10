"""Where the server's time goes at 50 rooms × 16 in flight: py-spy's samples, put to stages, times CPU a message.

py-spy is installed into an environment of its own. Meanwhile PostgreSQL is asked a hundred times a second what its
processes wait for.
"""

import argparse
import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg

from bench.client import Task
from bench.rivals import environment, start_rivals
from bench.stage import Stage, open_stage
from bench.table import Table
from bench.workers import Worker

__all__ = ["add_arguments", "run", "tables"]

RATE = 400  # samples a second

# The first stage whose pattern is found from the leaf upwards; order matters only within a frame.
STAGES = (
    ("commit: arguments to and results from PostgreSQL (asyncpg)", r"asyncpg/"),
    ("commit: batch into arrays, seq to entries", r"append \(.*journal_store|_call \(.*journal_store|rfc3339"),
    ("journal: queue, group, hand out", r"\(.*chat/journal\.py"),
    ("say: checks, id, queue", r"say \(.*subscription|check_content|check_client_id|\(.*chat/policy"),
    ("deliver: encode once, find members", r"\(.*realtime/hub|entry_view|deliver \(.*subscription|text_frame"),
    ("outbox: collect and join frames, write", r"\(.*realtime/outbox|send \(.*realtime/connection"),
    ("stored: tell the origin", r"stored \(.*subscription|_done \(.*subscription"),
    ("decode: JSON in", r"received \(.*realtime/room"),
    ("frame: strictness, UTF-8, dispatch", r"\(.*realtime/framing|on_ws_frame|on_message"),
    ("read: parser", r"\(.*realtime/parser"),
    ("lobby", r"\(.*realtime/lobby"),
    ("search index", r"\(.*chat/search"),
    ("loop: epoll, socket reads and writes outside Python frames", r"uvloop|run \(.*asyncio/runners|_run \(.*cli"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--rooms", type=int, default=50)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=6)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """One run without the profiler, for the cost of a message, and one with it, for its shares."""
    requirements = Path(__file__).with_name("profiler.txt")
    spy = (await asyncio.to_thread(environment, "profiler", requirements)).with_name("py-spy")
    waits: Counter[str] = Counter()
    async with open_stage() as stage:
        rival = (await start_rivals(stage, [], options.rooms))["duologue"]
        folded = stage.folder / "profile.folded"
        for kind in ("plain", "spied"):
            task = Task(rival.lanes(0, options.rooms), window=options.window, seconds=options.seconds, mark=kind)
            async with Worker(stage, rival.server, task) as worker:
                worker.go()
                if kind == "plain":
                    watching = asyncio.create_task(watch(stage, rival.server.dsn, waits))
                    await worker.framed()
                    watching.cancel()
                    cpu = worker.cpu
                    plain = await worker.result()
                    continue
                await worker.event("begin")
                command = ["record", "-f", "raw", "-r", str(RATE), "-d", str(options.seconds - 1), "-o", str(folded)]
                spying = await asyncio.create_subprocess_exec(
                    str(spy), *command, "-p", str(rival.server.pid), stdout=asyncio.subprocess.DEVNULL
                )
                await spying.wait()
                await worker.result()
        stages, lines = sort_samples(folded.read_text(encoding="utf-8"))
    total = sum(stages.values())
    server_us = cpu.server * 1e6 / plain.measured
    return {
        "shape": f"{options.rooms}x{options.window}",
        "rate": plain.measured / plain.seconds,
        "server_us": server_us,
        "postgres_us": cpu.postgres * 1e6 / plain.measured,
        "client_us": cpu.client * 1e6 / plain.measured,
        "samples": total,
        "stages": {name: {"share": count / total, "us": server_us * count / total} for name, count in stages.items()},
        "lines": {line: count / total for line, count in lines.most_common(25)},
        "waits": dict(waits.most_common(12)),
    }


def sort_samples(folded: str) -> tuple[dict[str, int], Counter[str]]:
    """Samples by stage, in the order of the table, and by the innermost frame."""
    stages = dict.fromkeys([name for name, _ in STAGES] + ["other"], 0)
    lines: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")[::-1]
        lines[re.sub(r"\(.*/((?:[^/]+/)?[^/]+)\)", r"(\1)", frames[0])] += int(count)
        found = next((name for frame in frames for name, pattern in STAGES if re.search(pattern, frame)), "other")
        stages[found] += int(count)
    return stages, lines


async def watch(stage: Stage, dsn: str, waits: Counter[str]) -> None:
    """Sample what PostgreSQL's processes wait for."""
    connection = await asyncpg.connect(dsn)
    try:
        while True:
            for row in await connection.fetch(WAITS):
                waits[f"{row[0]}: {row[1] or 'computing'}"] += 1
            await asyncio.sleep(0.01)
    finally:
        await connection.close()


WAITS = """
SELECT CASE WHEN query LIKE '%journal_append%' THEN 'journal' WHEN query LIKE '%fresh AS%' THEN 'search index'
    WHEN query LIKE '%sessions%' THEN 'sessions' ELSE backend_type END, wait_event
FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()
"""


def tables(found: dict[str, Any]) -> list[Table]:
    """Stages, waits."""
    rows = [
        [name, f"{each['us']:.2f}", f"{100 * each['share']:.0f} %"]
        for name, each in found["stages"].items()
        if each["share"] > 0.001
    ]
    rows.append(["all of the server", f"{found['server_us']:.1f}", "100 %"])
    rows.append(["PostgreSQL, beside it", f"{found['postgres_us']:.1f}", ""])
    total = max(1, sum(found["waits"].values()))
    waits = [[name, f"{100 * count / total:.0f} %"] for name, count in found["waits"].items()]
    caption = f"Server CPU at {found['shape']} in flight, {found['rate']:,.0f} messages/s, {found['samples']:,} samples"
    return [
        Table(caption, ["stage", "µs a message", "share"], rows),
        Table("What PostgreSQL's processes were seen at", ["", "samples"], waits),
    ]
