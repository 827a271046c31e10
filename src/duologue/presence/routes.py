"""HTTP: the directory."""

from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter

from duologue.errors import AppError, Code, Detail
from duologue.identity import Identity
from duologue.presence.directory import Directory
from duologue.wire.errors import ErrorBody
from duologue.wire.rooms import DirectoryPage

__all__ = ["router"]

NO_TOKEN = ResponseSpec(ErrorBody, description="No valid access token", generate_examples=False)
BAD_INPUT = ResponseSpec(ErrorBody, description="Invalid input; `details` says which field", generate_examples=False)
BUSY = ResponseSpec(ErrorBody, description="Busy; `Retry-After` says when to try again", generate_examples=False)


@get("/", summary="A page of the directory", responses={400: BAD_INPUT, 401: NO_TOKEN, 503: BUSY})
async def people(
    directory: NamedDependency[Directory],
    identity: NamedDependency[Identity],
    part: Annotated[
        str | None, QueryParameter(name="query", max_length=200, description="part of an address or a name")
    ] = None,
    cursor: Annotated[str | None, QueryParameter(description="what the page before gave")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="how many people at the most")] = 50,
) -> DirectoryPage:
    """People in the order of their ids, with who is online."""
    after = 0
    if cursor is not None:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 10 or int(cursor) >= 2**31:
            raise AppError(Code.INVALID_INPUT, "cursor is not one of ours.", details=[Detail("cursor", "is wrong")])
        after = int(cursor)
    if part is not None and "\0" in part:
        raise AppError(Code.INVALID_INPUT, "query must not contain U+0000.", details=[Detail("query", "is wrong")])
    return await directory.page(identity.user_id, part or "", after, limit)


def router() -> Router:
    """The routes below `/users`."""
    return Router("/users", route_handlers=[people], tags=["People"])
