"""What is shown, as text. Pure: no widget, no socket."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from duologue.client import LinkState, Message, Peer, Phase, Room

__all__ = ["conversation_lines", "name_of", "presence_of", "printable", "room_line", "state_line"]

REPLACED = "\N{REPLACEMENT CHARACTER}"
# Marks that turn the direction of what stands after them (Unicode Standard Annex 9): they would turn its neighbours.
TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
SNIPPET = 26  # cells, what the list has beside its margins


def printable(text: str) -> str:
    """Text that can do nothing to a terminal: no escape sequences, no control characters but the end of a line."""
    return "".join(letter if letter == "\n" or not _controls(letter) else REPLACED for letter in text)


def _controls(letter: str) -> bool:
    return ord(letter) in TURNING or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def name_of(email: str, display_name: str | None) -> str:
    """What a person is called here."""
    return printable(display_name or email)


def presence_of(peer: Peer, zone: tzinfo | None = None) -> str:
    """Whether somebody is here, or when they were; `zone` is the reader's by default."""
    if peer.online:
        return "online"
    if peer.last_seen_at is None:
        return "not here yet"
    seen = datetime.fromisoformat(peer.last_seen_at).astimezone(zone)
    return f"last here {seen:%d %B, %H:%M}"


def room_line(room: Room) -> Content:
    """A room in the list: presence, name, unread count, and the newest message."""
    newest = room.messages[0] if room.messages else None
    said = "" if newest is None else "deleted" if newest.deleted_at else " ".join(printable(newest.content).split())
    return Content.assemble(
        ("● " if room.peer.online else "○ ", "$success" if room.peer.online else "dim"),
        (name_of(room.peer.email, room.peer.display_name), "bold" if room.unread else ""),
        (f"  {room.unread}", "bold $accent") if room.unread else "",
        "\n  ",
        (set_cell_size(said, min(cell_len(said), SNIPPET)).rstrip(), "dim"),
    )


def state_line(state: LinkState, seconds_left: float) -> str:
    """How the link stands, for the line at the top."""
    match state.phase:
        case Phase.ONLINE:
            return "● online"
        case Phase.OFFLINE:
            return f"○ offline: {printable(state.why)} Next attempt in {max(0, round(seconds_left))} s; F5 tries now."
        case _:
            return f"○ {state.phase.value}…"


def conversation_lines(
    messages: Sequence[Message],
    unsent: Sequence[str],
    *,
    user_id: int,
    delivered: int,
    read: int,
    is_whole: bool,
    zone: tzinfo | None = None,
) -> Content:
    """A conversation: days, messages with their marks, and what is on its way. `zone` is the reader's by default."""
    parts: list[Content | str | tuple[str, str]] = []
    if not is_whole:
        parts += [("PgUp shows what was before", "dim italic"), "\n"]
    day = ""
    for message in messages:
        said_at = datetime.fromisoformat(message.created_at).astimezone(zone)
        if (today := f"{said_at:%A, %d %B %Y}") != day:
            day = today
            parts += ["\n" if parts else "", (f"── {day} ──", "dim"), "\n"]
        is_own = message.sender_id == user_id
        parts += [(f"{said_at:%H:%M} ", "dim"), ("› " if is_own else "  ", "$accent bold")]
        if message.deleted_at:
            parts.append(("deleted", "dim italic"))
        else:
            parts.append((printable(message.content), "$text-primary" if is_own else ""))
            if message.edited_at:
                parts.append((" (edited)", "dim"))
        if is_own:
            mark = "✓✓ read" if message.seq <= read else "✓✓" if message.seq <= delivered else "✓"
            parts.append((f"  {mark}", "$success" if message.seq <= read else "dim"))
        parts.append("\n")
    for text in unsent:
        parts += [("  …   › ", "dim"), (printable(text), "dim"), "  sending\n"]
    return Content.assemble(*parts)
