"""All data about a user as one JSON document, written as it is read: its length is no matter of memory."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

__all__ = ["ExportSource", "write_document"]


class ExportSource(Protocol):
    """Another feature's part of a user's data."""

    def sections(self, user_id: int) -> Mapping[str, Callable[[], AsyncIterator[Sequence[object]]]]:
        """By name, lists in pages of objects ready for JSON; a page is what is held in memory."""


encode = msgspec.json.Encoder().encode


async def write_document(
    head: Mapping[str, object], sources: Sequence[ExportSource], user_id: int
) -> AsyncIterator[bytes]:
    """Pieces of an object: what is in `head`, then each section as a list."""
    start = b"{"
    for name, value in head.items():
        yield start + encode(name) + b":" + encode(value)
        start = b","
    for source in sources:
        for name, pages in source.sections(user_id).items():
            yield start + encode(name) + b":["
            start, between = b",", b""
            async for page in pages():
                yield between + encode(page)[1:-1]
                between = b","
            yield b"]"
    yield b"}"
