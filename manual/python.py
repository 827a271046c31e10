"""The reference of the Python client, from its docstrings."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from duologue import client
from duologue.client import Backoff, Conversation, Duologue, LinkState, Phase, Session

__all__ = ["page"]

CLASSES: tuple[type[Any], ...] = (Duologue, Conversation, Session, LinkState, Phase, Backoff)
PUBLIC = [getattr(client, name) for name in client.__all__]
ERRORS = [each for each in PUBLIC if isinstance(each, type) and issubclass(each, Exception)]
MODULE = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")


def page() -> str:
    """Markdown."""
    module = inspect.getdoc(client) or ""
    first, _, rest = module.partition("\n\n")
    example, _, promise = rest.partition("\n\n")
    code = textwrap.dedent(example)
    parts = [f"# Python client\n\n`duologue.client`. {first}\n\n```python\n{code}\n```\n\n{promise}\n\n"]
    for each in CLASSES:
        parts += [f"## {each.__name__}\n\n{inspect.getdoc(each)}\n\n", *_members(each)]
    parts.append("## Errors\n\n")
    for each in ERRORS:
        base = each.__bases__[0].__name__
        parts.append(f"**`{each.__name__}`** ({base}). {inspect.getdoc(each)}\n\n")
    return "".join(parts)


def _members(owner: type[Any]) -> Iterator[str]:
    for name, member in vars(owner).items():
        if name == "__init__" and member.__doc__:
            yield f"**`{owner.__name__}{_signature(member)}`**\n\n{inspect.getdoc(member)}\n\n"
        elif name.startswith("_"):
            continue
        elif isinstance(member, property):
            yield f"**`.{name}`** {inspect.getdoc(member) or ''}\n\n"
        elif inspect.isfunction(member):
            prefix = "await " if inspect.iscoroutinefunction(member) else ""
            yield f"**`{prefix}{name}{_signature(member)}`**\n\n{inspect.getdoc(member) or ''}\n\n"


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    own = [each for name, each in signature.parameters.items() if name != "self"]
    return MODULE.sub("", str(signature.replace(parameters=own))).replace(" -> None", "")
