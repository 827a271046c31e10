"""The reference of the settings: what is allowed from the code's own table, what it means from the README's."""

import re
from pathlib import Path

from duologue.config import VARIABLES
from manual.table import table

__all__ = ["page"]

README = Path(__file__).parent.parent / "README.md"
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", re.MULTILINE)

INTRODUCTION = """# Configuration

By environment, or by a file `.env` in the folder in which the server is started. Nothing has to be set in development.
`duologue config` prints what is in force and where it comes from, secrets masked; `duologue doctor` checks what a start
needs. In production the server refuses to start on whatever is unsafe there, and on a misspelt name.

"""


def page() -> str:
    """Markdown. A variable that the README does not explain fails here."""
    section = README.read_text("utf-8").partition("\n## Configuration\n")[2].partition("\n## ")[0]
    explained = {name: (default, meaning) for name, default, meaning in ROW.findall(section)}
    rows = []
    for variable in VARIABLES:
        default, meaning = explained[variable.name]
        allowed = re.sub(r" (is|are) allowed", "", variable.allowed)
        rows.append([f"`{variable.name}`", default, meaning, allowed])
    return INTRODUCTION + table(["Variable", "Default", "Meaning", "Allowed"], rows)
