"""The reference of the command line, from the commands themselves."""

import typer
from typer.core import TyperGroup

from duologue.cli import app
from manual.table import table

__all__ = ["page"]

INTRODUCTION = """# Command line

`duologue COMMAND`, or in a checkout `./run COMMAND`. What goes wrong in an expected way is one line on the standard
error and exit status 2.

"""


def page() -> str:
    """Markdown."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    parts = [INTRODUCTION]
    for name, command in group.commands.items():
        about = (command.help or "").strip()
        parts.append(f"## {name}\n\n{about}\n\n")
        rows = []
        for each in command.params:
            names = ", ".join(f"`{option}`" for option in [*each.opts, *each.secondary_opts])
            if each.param_type_name == "argument":
                names = f"`{(each.name or '').upper()}`"
            default = "" if each.default in (None, False, "", ()) or callable(each.default) else f"`{each.default}`"
            rows.append([names, getattr(each, "help", None) or "", default])
        if rows:
            parts.append(table(["Option", "Meaning", "Default"], rows))
    return "".join(parts)
