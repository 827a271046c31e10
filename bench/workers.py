"""Starts a load process, follows its events, and reads everybody's CPU time between `begin` and `end`."""

from dataclasses import dataclass, field
from types import TracebackType

import msgspec

from bench import machine
from bench.client import Result, Task
from bench.load_process import LoadProcess
from bench.stage import Server, Stage

__all__ = ["Cpu", "Worker", "perform"]


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
    _load: LoadProcess | None = None

    async def __aenter__(self) -> "Worker":
        self._load = await LoadProcess.start("bench.client", self.task)
        await self.event("ready")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._process.end(kill=kind is not None)

    def go(self) -> None:
        """Let it go on."""
        self._process.go()

    async def event(self, name: str) -> msgspec.Raw:
        """Wait for that event."""
        return await self._process.event(name)

    def used(self) -> Cpu:
        """CPU seconds so far."""
        return Cpu(
            machine.cpu_seconds(self.server.pid),
            self.stage.postgres_cpu(),
            machine.cpu_seconds(self._process.pid, children=False),
        )

    @property
    def _process(self) -> LoadProcess:
        assert self._load is not None
        return self._load

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
