"""A mail ready to go, and what carries it."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from duologue.mail.render import Rendered

__all__ = ["Letter", "RefusedError", "Transport"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one address. `id` stays the same through all tries."""

    id: UUID
    recipient: str
    content: Rendered


class RefusedError(Exception):
    """Trying again is useless: the address does not exist, or the mail was refused for good."""


class Transport(Protocol):
    """Takes a letter, at least once: after an error or a crash the same letter comes again.

    Raises `RefusedError` when trying again is useless, anything else for another try later.
    """

    async def deliver(self, letter: Letter) -> None: ...
