"""The reference of the JavaScript client: its types, which hold its documentation."""

import re
from pathlib import Path

__all__ = ["page"]

TYPES = Path(__file__).parent.parent / "clients/js/duologue.d.ts"
CLASSES = re.compile(r"^export declare class (\w+).*?^}$", re.MULTILINE | re.DOTALL)
EVENTS = re.compile(r"^export type (\w*Events) = .*?^};$", re.MULTILINE | re.DOTALL)
INTRODUCTION = """# JavaScript client

`clients/js/duologue.js`, one module without dependencies, for browsers and Node 20 or newer; a server also serves it at
`/client/duologue.js`. This is its public face, from its types.

"""


def page() -> str:
    """Markdown."""
    parts = [INTRODUCTION]
    types = TYPES.read_text("utf-8")
    for found in (*CLASSES.finditer(types), *EVENTS.finditer(types)):
        body = "\n".join(line for line in found[0].splitlines() if "#private" not in line)
        parts.append(f"## {found[1]}\n\n```ts\n{body}\n```\n\n")
    return "".join(parts)
