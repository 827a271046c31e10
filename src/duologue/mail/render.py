"""Words and looks of every mail: a template's name and its parameters in, subject, text and HTML out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["KINDS", "Kind", "Rendered", "check", "render"]

LONGEST_PARAMETER = 200  # characters; a device name is the client's own words, no room for a letter of its own


@dataclass(frozen=True, slots=True)
class Kind:
    """A mail we send: its subject, the parameters it must and may have. A parameter left out is empty."""

    subject: str
    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail as its reader sees it. `code` repeats the code for the development mailbox."""

    subject: str
    text: str
    html: str
    code: str | None = None


_CODE: Final = frozenset({"code", "minutes"})
_WHERE: Final = frozenset({"when", "device", "address"})

# No code in a subject: lock screens show it and mail servers log it.
KINDS: Final[Mapping[str, Kind]] = {
    "otp_registration": Kind("Your code for Duologue", must=_CODE),
    "otp_reset": Kind("Your code for a new password", must=_CODE),
    "otp_email_change": Kind("Confirm your new address", must=_CODE),
    "already_registered": Kind("You already have an account"),
    "password_changed": Kind("Your password was changed", may=_WHERE),
    "new_device": Kind("New sign-in to your account", may=_WHERE),
    "refresh_reused": Kind("We ended one of your sessions", may=_WHERE),
    "email_changed": Kind("Your address was changed", must=frozenset({"email"}), may=_WHERE),
}


def check(template: str, params: Mapping[str, str]) -> None:
    """Raise `ValueError` unless `render` can write this mail."""
    kind = KINDS.get(template)
    if kind is None:
        raise ValueError(f"there is no mail {template!r}")
    if missing := kind.must - params.keys():
        raise ValueError(f"the mail {template!r} needs {', '.join(sorted(missing))}")
    if unknown := params.keys() - kind.must - kind.may:
        raise ValueError(f"the mail {template!r} knows no {', '.join(sorted(unknown))}")


def render(template: str, params: Mapping[str, str], site: str = "") -> Rendered:
    """Write the mail. `site` is the server's public address, for the last line."""
    check(template, params)
    kind = KINDS[template]
    values = dict.fromkeys(kind.may, "") | {name: _one_line(value) for name, value in params.items()}
    environment = _environment()
    context = values | {"subject": kind.subject, "site": site}
    return Rendered(
        subject=kind.subject,
        text=environment.get_template(f"{template}.txt").render(context).strip() + "\n",
        html=environment.get_template(f"{template}.html").render(context),
        code=values.get("code"),
    )


def _one_line(value: str) -> str:
    """Parameters are single values: no line breaks, no control characters, no essays."""
    words = "".join(char if char.isprintable() else " " for char in value).split()
    return " ".join(words)[:LONGEST_PARAMETER]


@cache
def _environment() -> "Environment":
    # Imported at the first use: 40 ms that the start of the server need not wait for.
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("duologue.mail"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
