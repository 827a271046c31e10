"""What may go wrong for a client, by meaning."""

from collections.abc import Sequence

from duologue.wire.errors import FieldError

__all__ = ["ApiError", "ClientError", "Closed", "FellBehind", "LinkError", "OutboxFull", "SignedOut"]


class ClientError(Exception):
    """All that this package raises of its own, but for wrong arguments (`ValueError`)."""


class ApiError(ClientError):
    """The server refused. `code` is one of `duologue.errors.Code`, or `""` when it was not Duologue that answered."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 0,
        details: Sequence[FieldError] = (),
        retry_after: float | None = None,
    ) -> None:
        """`status` is that of HTTP, 0 for a socket; `retry_after` in seconds."""
        super().__init__(f"{message} ({code or status})")
        self.code = code
        self.message = message
        self.status = status
        self.details = tuple(details)
        self.retry_after = retry_after


class SignedOut(ApiError):
    """Nobody is signed in (any more): the session was ended, revoked, or ran out. Sign in again."""


class LinkError(ClientError):
    """The server could not be reached, or the connection broke before its answer: it may or may not have acted."""


class OutboxFull(ClientError):
    """So many messages wait to be stored that no more are taken."""


class FellBehind(ClientError):
    """A stream of events was read too slowly and has lost some; begin again from what the conversation knows."""


class Closed(ClientError):
    """The client was closed while this was under way."""
