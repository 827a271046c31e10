"""Starts a load process, follows its events, and reads everybody's CPU time between `begin` and `end`."""

import asyncio
import sys
from dataclasses import dataclass, field
from types import TracebackType

import msgspec

from bench import machine
from bench.client import Result, Task
from bench.stage import ROOT, Server, Stage

__all__ = ["Cpu", "Worker", "perform"]


class Event(msgspec.Struct):
    """A line of a load process."""

    event: str
    value: msgspec.Raw


@dataclass(slots=True)
class Cpu:
    """CPU seconds, apart."""

    server: float = 0.0
    postgres: float = 0.0
    client: float = 0.0

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.server - other.server, self.postgres - other.postgres, self.client - other.client)


@dataclass
class Worker:
    """One load process."""

    stage: Stage
    server: Server
    task: Task
    cpu: Cpu = field(default_factory=Cpu)
    _process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Worker":
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.client",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(self.task) + b"\n")
        await self.event("ready")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.returncode is None and kind is not None:
            self._process.kill()
        await self._process.wait()

    def go(self) -> None:
        """Let it go on."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    async def event(self, name: str) -> msgspec.Raw:
        """Wait for that event."""
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if not line.startswith(b"{"):
                print(line.decode(), end="", file=sys.stderr)
                continue
            found = msgspec.json.decode(line, type=Event)
            if found.event == name:
                return found.value
        raise RuntimeError(f"a load process ended before it said {name!r}")

    def used(self) -> Cpu:
        """CPU seconds so far."""
        assert self._process is not None
        return Cpu(
            machine.cpu_seconds(self.server.pid),
            self.stage.postgres_cpu(),
            machine.cpu_seconds(self._process.pid, children=False),
        )

    async def framed(self) -> None:
        """Wait for what is measured; `cpu` is set."""
        await self.event("begin")
        before = self.used()
        await self.event("end")
        self.cpu = self.used() - before

    async def result(self) -> Result:
        """The end."""
        return msgspec.json.decode(await self.event("result"), type=Result)


async def perform(stage: Stage, server: Server, task: Task) -> tuple[Result, Cpu]:
    """A task from its beginning to its end."""
    async with Worker(stage, server, task) as worker:
        worker.go()
        await worker.framed()
        return await worker.result(), worker.cpu
