"""What a person sees when it runs: where it is, where the data is, and what to do next."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

__all__ = ["Started", "print_banner"]


@dataclass(frozen=True, slots=True)
class Started:
    """What has come up."""

    version: str
    url: str
    """Where people reach it: `http://localhost:4000`."""
    data: str
    """A folder, or where the outside database is (without its password)."""
    mailbox: bool
    """Whether mails are shown at `/dev/mailbox` instead of being sent."""
    first_start: bool = False
    """Whether this start made the data."""
    elsewhere: bool = False
    """Whether root's data had to leave DATA_DIR."""
    production: bool = False
    workers: int = 1
    """Processes that serve."""


def print_banner(started: Started, stream: TextIO | None = None) -> None:
    """Print it; in colour on a terminal, plain elsewhere."""
    out = stream if stream is not None else sys.stdout
    rows = [("App", started.url), ("API", f"{started.url}/docs")]
    if started.mailbox:
        rows.append(("Mailbox", f"{started.url}/dev/mailbox"))
    rows.append(("Data", _short(started.data)))
    if started.workers > 1:
        rows.append(("Workers", str(started.workers)))
    notes = []
    if started.elsewhere:
        notes.append(
            "PostgreSQL does not run as root, and no other user may enter DATA_DIR: the data is in a system folder."
        )
    after = []
    if started.first_start:
        code = ", with codes from the mailbox," if started.mailbox else ""
        after.append(f"First start. Open {started.url} in two windows, one of them private; register{code} and talk.")
    after.append("Ctrl-C stops it; nothing is lost.")
    if out.isatty():
        _print_rich(started, rows, notes, after, out)
    else:
        lines = [f"Duologue {started.version}", *(f"  {name:<8} {value}" for name, value in rows)]
        lines += [f"  Note     {note}" for note in notes]
        print("\n".join([*lines, *after]), file=out, flush=True)


def _print_rich(started: Started, rows: list[tuple[str, str]], notes: list[str], after: list[str], out: TextIO) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out, highlight=False, soft_wrap=True)
    kind = "" if started.production else "  development"
    console.print()
    console.print(
        Text.assemble(
            "  ", ("●", "cyan"), ("● ", "magenta"), ("Duologue", "bold"), f" {started.version}", (kind, "dim")
        )
    )
    console.print()
    for name, value in rows:
        style = f"cyan link {value}" if value.startswith("http") else ""
        console.print(Text.assemble((f"     {name:<9}", "dim"), (value, style)))
    for note in notes:
        console.print(Text.assemble(("     Note     ", "yellow"), note))
    console.print()
    for line in after:
        console.print(Text.assemble("     ", (line, "dim")))
    console.print()


def _short(place: str) -> str:
    """Relative to where we stand when that is shorter."""
    try:
        return f"./{Path(place).relative_to(Path.cwd())}"
    except ValueError:
        return place
