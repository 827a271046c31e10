"""What all wire types share: camelCase names, and times as RFC 3339 UTC with milliseconds."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Timestamp", "Wire", "rfc3339"]

Timestamp = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        description="RFC 3339, UTC, milliseconds",
        examples=["2026-01-01T00:00:00.000Z"],
        extra_json_schema={"format": "date-time"},
    ),
]


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """A JSON object of the contract. Unknown fields are ignored."""


def rfc3339(moment: datetime) -> str:
    """`2026-01-01T00:00:00.000Z`; `moment` must know its time zone."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat("T", "milliseconds")[:23] + "Z"
