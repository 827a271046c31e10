"""A bar on the terminal: how many turns are done, and which one is on."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["Bar"]


class Bar:
    """Shown on a terminal; elsewhere nothing is written."""

    def __init__(self, total: int) -> None:
        columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        self._progress = Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
        self._task = self._progress.add_task("getting ready", total=total)
        self._begun = False

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, what: object) -> None:
        """The turn before is done; this one begins."""
        self._progress.update(self._task, description=str(what), advance=1 if self._begun else 0)
        self._begun = True
