"""A process of the load: `python -m <module>` with its task on standard input, which tells events, a line each."""

import asyncio
import sys
from collections.abc import AsyncIterator

import msgspec

from bench.stage import ROOT

__all__ = ["Event", "LoadProcess"]

LONGEST_LINE = 1 << 26  # bytes: the result of a long run


class Event(msgspec.Struct):
    """A line of a load process."""

    event: str
    value: msgspec.Raw


class LoadProcess:
    """Started with its task; it waits for `go` where its module says so."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    @classmethod
    async def start(cls, module: str, task: msgspec.Struct) -> "LoadProcess":
        """Give the module its task."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        load = cls(process)
        load._stdin.write(msgspec.json.encode(task) + b"\n")
        return load

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def go(self) -> None:
        """Let it go on."""
        self._stdin.write(b"\n")

    async def events(self) -> AsyncIterator[Event]:
        """What it tells, to its end; whatever else it prints is passed on."""
        while line := await self._stdout.readline():
            if line.startswith(b"{"):
                yield msgspec.json.decode(line, type=Event)
            else:
                print(line.decode(), end="", file=sys.stderr)

    async def event(self, name: str) -> msgspec.Raw:
        """Wait for that event."""
        async for each in self.events():
            if each.event == name:
                return each.value
        raise RuntimeError(f"a load process ended before it said {name!r}")

    async def end(self, *, kill: bool = False) -> None:
        """Wait for its end."""
        if kill and self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
