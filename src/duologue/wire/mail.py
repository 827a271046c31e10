"""The development mailbox."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from duologue.wire.base import Timestamp, Wire

__all__ = ["MailboxEntry"]


class MailboxEntry(Wire, frozen=True):
    """A mail that would have been sent. `code` is there where the mail carries one."""

    id: str
    to: str
    subject: str
    text: Annotated[str, Meta(description="the plain part")]
    html: Annotated[str, Meta(description="the HTML part, unfiltered")]
    created_at: Timestamp
    code: str | UnsetType = UNSET
