"""Pages of Markdown as the tests read them: their blocks of code, in order."""

import re
from dataclasses import dataclass

FENCE = re.compile(r'^```(\w*)(?: title="([^"]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code; `title` is the file it is to be saved as, or the terminal it belongs in."""

    language: str
    title: str
    text: str


def blocks(markdown: str) -> list[Block]:
    """All of a page, or of a part of it."""
    found = [Block(*groups) for groups in FENCE.findall(markdown)]
    assert len(found) * 2 == len(re.findall(r"^```", markdown, re.MULTILINE)), "a block that is not read"
    return found
