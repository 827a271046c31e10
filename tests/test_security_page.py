"""docs/security.md is whole and true: every requirement is there, every test it names exists, every table is told."""

import re
from collections.abc import Iterator

import asyncpg

from tests.harness.node import ROOT

PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
# The level of each requirement of OWASP ASVS 5.0.0, section by section: V1.1.1 and V1.1.2 are of level 2.
LEVELS = """
1.1 22, 1.2 1111122223, 1.3 112222222223, 1.4 222, 1.5 123, 2.1 122, 2.2 112, 2.3 12223, 2.4 23,
3.1 3, 3.2 113, 3.3 12223, 3.4 11222233, 3.5 11122333, 3.6 3, 3.7 22333, 4.1 12233, 4.2 23333, 4.3 22, 4.4 1222,
5.1 2, 5.2 112333, 5.3 113, 5.4 222, 6.1 122, 6.2 111111112222, 6.3 11223333, 6.4 112233, 6.5 22222333, 6.6 2223,
6.7 33, 6.8 2222, 7.1 222, 7.2 1111, 7.3 22, 7.4 11222, 7.5 223, 7.6 22, 8.1 1233, 8.2 1123, 8.3 133, 8.4 23,
9.1 111, 9.2 1222, 10.1 22, 10.2 223, 10.3 22223, 10.4 1111122222233333, 10.5 22222, 10.6 22, 10.7 222,
11.1 2233, 11.2 22233, 11.3 11233, 11.4 1222, 11.5 23, 11.6 23, 11.7 33, 12.1 12233, 12.2 11, 12.3 22223,
13.1 2333, 13.2 222223, 13.3 2233, 13.4 1222233, 14.1 22, 14.2 12223333, 14.3 122, 15.1 12233, 15.2 12233,
15.3 1222222, 15.4 3333, 16.1 2, 16.2 22222, 16.3 2222, 16.4 222, 16.5 2223, 17.1 23, 17.2 22223333, 17.3 22
"""
REASONS = ("Does not apply", "**Not met**", "**not met**", "The operator")


def requirements() -> dict[str, int]:
    """Every requirement's level."""
    sections = [section.split() for section in LEVELS.split(",")]
    return {f"{name}.{number}": int(level) for name, levels in sections for number, level in enumerate(levels, 1)}


def rows() -> Iterator[tuple[list[str], str, str, list[str]]]:
    """The table: requirements, levels as written, how, and the tests."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 4 and re.match(r"\d", cells[0]):
            yield list(numbers(cells[0])), cells[1], cells[2], re.findall(r"`(test_\w+)`", cells[3])


def numbers(text: str) -> Iterator[str]:
    """`5.2.1–5.2.3, 5.3.1` are four."""
    for part in text.split(", "):
        first, _, last = part.partition("–")
        section, _, begin = first.rpartition(".")
        for number in range(int(begin), int((last or first).rpartition(".")[2]) + 1):
            yield f"{section}.{number}"


def test_every_requirement_of_levels_1_and_2_is_in_the_table_once_and_none_is_invented():
    levels = requirements()
    assert [sum(level == wanted for level in levels.values()) for wanted in (1, 2, 3)] == [70, 183, 92]
    named = [number for row in rows() for number in row[0]]
    assert len(named) == len(set(named))
    assert set(named) <= set(levels)
    assert {number for number, level in levels.items() if level < 3} <= set(named)
    for found, shown, _, _ in rows():
        assert shown == "/".join(sorted({str(levels[number]) for number in found})), found


def test_every_row_names_a_test_or_says_why_there_is_none():
    for found, _, how, tests in rows():
        assert tests or how.startswith(REASONS), found


def test_every_test_that_the_page_names_exists():
    there = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = {name for row in rows() for name in row[3]}
    assert len(named) > 100
    assert named <= there, named - there


async def test_the_page_on_security_names_every_table(database):
    connection = await asyncpg.connect(database)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    kept = PAGE.partition("### What is kept")[2].partition("### Traces")[0]
    told = {name for line in kept.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}
    assert {table for (table,) in tables} - {"alembic_version"} == told
