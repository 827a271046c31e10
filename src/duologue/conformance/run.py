"""Runs the cases and prints their table."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import MsgspecError
from picows.websockets.exceptions import WebSocketException
from rich.console import Console
from rich.table import Table

from duologue.client.errors import ClientError
from duologue.conformance import documents, extension, messaging, sign_in, sockets
from duologue.conformance.case import CASES, Broken, Case
from duologue.conformance.stage import Stage
from duologue.errors import StartError

__all__ = ["Outcome", "print_table", "run_cases"]

PARTS = [part.__name__ for part in (sign_in, messaging, sockets, extension, documents)]
ORDERED = sorted(CASES, key=lambda case: PARTS.index(case.run.__module__))
CASE_SECONDS = 60.0

State = Literal["passed", "failed", "not run"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case."""

    case: Case
    state: State
    why: str
    seconds: float


async def run_cases(
    url: str, accounts: Sequence[tuple[str, str]] = (), told: Callable[[Outcome], None] = lambda outcome: None
) -> list[Outcome]:
    """Run every case, in order; `told` hears of each. `StartError` when nobody can be signed in."""
    stage = Stage(url, accounts)
    await stage.open()
    outcomes = []
    for case in ORDERED:
        outcome = await run_case(case, stage)
        told(outcome)
        outcomes.append(outcome)
    return outcomes


async def run_case(case: Case, stage: Stage) -> Outcome:
    """One case; whatever goes wrong in it is its failure."""
    if case.needs == "mailbox" and not stage.has_mailbox:
        return Outcome(case, "not run", "makes accounts of its own, so it needs the mailbox", 0.0)
    start = time.monotonic()
    state: State = "failed"
    try:
        async with asyncio.timeout(CASE_SECONDS):
            await case.run(stage)
        state, why = "passed", ""
    except Broken as broken:
        why = str(broken)
    except TimeoutError:
        why = "what should have come did not come"
    except WebSocketException as error:
        why = f"the socket ended: {error}"
    except (OSError, ClientError, MsgspecError, ValueError, KeyError, TypeError, IndexError, StartError) as error:
        why = f"the answer was another than expected: {type(error).__name__}: {error}"
    return Outcome(case, state, why, time.monotonic() - start)


def print_table(outcomes: Sequence[Outcome], console: Console) -> None:
    """One line a case, by rows of the contract; then the sum."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "Contract", "Case", ""):
        table.add_column(title, overflow="fold")
    colours = {"passed": "green", "failed": "bold red", "not run": "yellow"}
    for outcome in outcomes:
        case, colour = outcome.case, colours[outcome.state]
        sentence = case.sentence + (f"\n[{colour}]{_plain(outcome.why)}[/]" if outcome.why else "")
        table.add_row(f"[{colour}]{outcome.state}[/]", _plain(case.row), sentence, "frozen" if case.frozen else "grown")
    console.print(table)
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in colours}
    console.print("\n" + ", ".join(f"{count} {state}" for state, count in counts.items() if count))


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
