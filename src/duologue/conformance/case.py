"""A case of the contract, and what it means to break one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from duologue.conformance.stage import Stage

__all__ = ["CASES", "Broken", "Case", "broken_by", "case", "equal", "true"]

Needs = Literal["people", "mailbox"]
Run = Callable[[Stage], Awaitable[None]]


class Broken(Exception):
    """The server does not do what the contract says; the message says what it did instead."""


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence of the contract."""

    row: str
    sentence: str
    frozen: bool
    needs: Needs
    run: Run


CASES: Final[list[Case]] = []


def case(row: str, *, grown: bool = False, needs: Needs = "people") -> Callable[[Run], Run]:
    """Registers a case; its name is the sentence. `mailbox`: it makes an account of its own."""

    def register(run: Run) -> Run:
        name = getattr(run, "__name__", "")
        CASES.append(Case(row, name.replace("_", " "), not grown, needs, run))
        return run

    return register


def broken_by(frame: dict[str, Any], code: str) -> None:
    """An ERROR with that code."""
    equal(frame.get("type"), "ERROR", "the answer's type")
    equal(frame.get("code"), code, "the error's code")
    true(isinstance(frame.get("message"), str) and frame["message"], "an ERROR has a message")


def equal(actual: object, wanted: object, what: str) -> None:
    """Raise `Broken` unless the two are the same."""
    if actual != wanted:
        raise Broken(f"{what} is {actual!r}, not {wanted!r}")


def true(holds: object, what: str) -> None:
    """Raise `Broken` with what should have been so."""
    if not holds:
        raise Broken(f"not so: {what}")
