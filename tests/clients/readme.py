"""The README as the tests read it: the code in its sections, and its tables."""

import re

from tests.clients.prose import blocks
from tests.harness.node import ROOT

TEXT = (ROOT / "README.md").read_text("utf-8")


def section(title: str) -> str:
    """What stands below a heading of the second level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no section {title!r}"
    return found[1]


def code(title: str, language: str) -> list[str]:
    """The code blocks of a section in that language, in order."""
    return [block.text for block in blocks(section(title)) if block.language == language]


def first_column(title: str) -> list[str]:
    """What stands in the first column of a section's tables."""
    cells = re.findall(r"^\| (.*?) \|", section(title), re.MULTILINE)
    return [value for cell in cells for value in re.findall(r"`([^`]+)`", cell)]
