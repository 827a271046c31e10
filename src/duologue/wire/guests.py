"""Guests of the playground, in development."""

from typing import Annotated

from msgspec import Meta

from duologue.wire.accounts import Account
from duologue.wire.base import Timestamp, Wire

__all__ = ["Guest", "GuestRequest", "GuestToken", "GuestTokenRequest"]


class GuestRequest(Wire, frozen=True):
    """What the guest is to be called."""

    name: Annotated[str, Meta(pattern="^[a-z]{1,20}$")]


class Guest(Wire, frozen=True):
    """Somebody who is signed in without a cookie."""

    user: Account
    token: str


class GuestTokenRequest(Wire, frozen=True):
    """A token of a guest, however old, and for how long the next one is to hold; below zero it has run out already."""

    token: Annotated[str, Meta(max_length=2_000)]
    seconds: Annotated[int, Meta(ge=-60, le=900)]


class GuestToken(Wire, frozen=True):
    """Another token of the same session."""

    token: str
    expires_at: Timestamp
