"""The one shape of an error on HTTP."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from duologue.errors import Code
from duologue.wire.base import Wire

__all__ = ["ErrorBody", "ErrorCode", "FieldError"]

ErrorCode = Annotated[
    str,
    Meta(description="for programs; one of a closed list", extra_json_schema={"enum": [code.value for code in Code]}),
]


class FieldError(Wire, frozen=True):
    """One invalid field of a request."""

    field: str
    message: str


class ErrorBody(Wire, frozen=True):
    """`code` is from a closed list; `requestId` also stands in the log and in the `X-Request-Id` header."""

    message: str
    code: ErrorCode
    request_id: str
    details: list[FieldError] | UnsetType = UNSET
