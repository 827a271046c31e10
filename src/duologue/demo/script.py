"""What the people of the demonstration have said to each other, and when. Pure."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files

__all__ = ["PASSWORD", "PEOPLE", "Character", "Conversation", "Line", "conversations"]

PASSWORD = "two people talk"  # noqa: S105 (printed, and of made-up people alone)
HEAD = re.compile(r"(\w+) (\w+) (\d+)([mhd]) (\d+)")
PAUSE = re.compile(r"\.\.\. (\d+)([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONG = 400  # messages of the conversation that is there to be scrolled


@dataclass(frozen=True, slots=True)
class Character:
    """Somebody made up."""

    name: str
    display_name: str
    seen: timedelta
    """How long ago they were here."""

    @property
    def email(self) -> str:
        """Under a domain that nobody can have (RFC 2606)."""
        return f"{self.name}@demo.example"


PEOPLE: Sequence[Character] = [
    Character(name, shown, timedelta(minutes=minutes))
    for name, shown, minutes in (
        ("ada", "Ada Nowak", 1),
        ("ben", "Ben Okafor", 3),
        ("chiara", "Chiara Conti", 26),
        ("dmitri", "Dmitri Sokolov", 120),
        ("emi", "恵美 (Emi)", 360),
        ("farid", "فريد", 1_440),
        ("gita", "Gita Rao", 2_880),
        ("hannah", "Hannah Schröder", 4_320),
        ("ivo", "Ivo Novák", 300),
        ("joana", "Joana Pires", 5_760),
        ("kofi", "Kofi Mensah", 720),
        ("layla", "לילה", 1_500),
    )
]


@dataclass(frozen=True, slots=True)
class Line:
    """A message; `former` is what it said before it was edited."""

    sender: str
    text: str
    said_at: datetime
    former: str | None = None
    is_deleted: bool = False


@dataclass(slots=True)
class Conversation:
    """Two people's room. The first has not read the last `unread` messages, all of them the second's."""

    first: str
    second: str
    unread: int
    lines: list[Line] = field(default_factory=list)


def conversations(now: datetime) -> Iterator[Conversation]:
    """All of them, with the last message of each as long ago as its script says; the same at every call."""
    rng = random.Random(20_260_101)
    script = files("duologue.demo").joinpath("conversations.txt").read_text("utf-8")
    for block in script.split("\n\n"):
        rows = [row for row in block.splitlines() if row and not row.startswith("#")]
        if rows:
            yield _conversation(rows, now, rng)
    yield _long_one(now, rng)


def _conversation(rows: Sequence[str], now: datetime, rng: random.Random) -> Conversation:
    head = HEAD.fullmatch(rows[0])
    if head is None:
        raise ValueError(f"not the head of a conversation: {rows[0]!r}")
    moment = now - timedelta(**{UNITS[head[4]]: int(head[3])})
    conversation = Conversation(head[1], head[2], int(head[5]))
    for row in reversed(rows[1:]):
        if pause := PAUSE.fullmatch(row):
            moment -= timedelta(**{UNITS[pause[2]]: int(pause[1])})
            continue
        sender, _, text = row.partition(": ")
        text, _, former = text.partition(" <- ")
        is_deleted = text.startswith("x ")
        conversation.lines.append(Line(sender, "" if is_deleted else text, moment, former or None, is_deleted))
        moment -= timedelta(seconds=rng.uniform(15, 90))
    conversation.lines.reverse()
    return conversation


def _long_one(now: datetime, rng: random.Random) -> Conversation:
    """A fortnight of chess by message: long enough to scroll."""
    conversation = Conversation("ada", "kofi", 0)
    moment = now - timedelta(days=14)
    gap = timedelta(days=13) / LONG
    for number in range(LONG):
        move = f"{number // 2 + 1}{'.' if number % 2 == 0 else '…'} {rng.choice('♘♗♖♕♔')}{rng.choice('abcdefgh')}"
        remark = rng.choice(["", "", "", " – hm.", " 🤔", " – your turn!", " – are you sure?", " ☕", " – check!"])
        sender = "ada" if number % 2 == 0 else "kofi"
        conversation.lines.append(Line(sender, f"{move}{rng.randint(1, 8)}{remark}", moment))
        moment += gap * rng.uniform(0.2, 1.8)
    return conversation
