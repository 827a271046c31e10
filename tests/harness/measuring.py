"""Whose coverage is measured. Tracing takes a process half of its time again: not where it tells nothing new."""

import contextlib
from collections.abc import Iterator, Mapping

import pytest
from coverage import Coverage

VARIABLE = "COVERAGE_PROCESS_CONFIG"  # by which coverage.py finds out in a child that it is to measure

OURS = ("duologue", "tests.harness.site")


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """The same for a process that is not measured."""
    return {name: value for name, value in environment.items() if name != VARIABLE}


@contextlib.contextmanager
def unmeasured_here() -> Iterator[None]:
    """Do not measure this process meanwhile."""
    coverage = Coverage.current()
    if coverage is None:
        yield
        return
    coverage.stop()
    try:
        yield
    finally:
        coverage.start()


def runs_our_code(item: pytest.Function) -> bool:
    """Whether a test runs some of the server's or the client's code itself: its file, or its folder's, imports it."""
    if (item.path.parent / "serving.py").exists() or item.path.parent.name == "client":
        return True
    return any(
        str(getattr(each, "__module__", None) or getattr(each, "__name__", "")).startswith(OURS)
        for each in vars(item.module).values()
    )
