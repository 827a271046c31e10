"""Tables, for the terminal and for Markdown, from the same rows."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Table", "print_tables", "spread"]


@dataclass(frozen=True, slots=True)
class Table:
    """A caption, the names of the columns, the rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As a GitHub table."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return f"{self.caption}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def print_tables(tables: Sequence[Table]) -> None:
    """To the terminal."""
    for table in tables:
        lines = [table.columns, *table.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
        print(f"\n{table.caption}")
        for line in lines:
            print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """The median, and in brackets the smallest and the largest."""
    if not values:
        return "-"
    middle = format(statistics.median(values), form)
    if len(values) == 1:
        return middle
    return f"{middle} ({format(min(values), form)}–{format(max(values), form)})"
