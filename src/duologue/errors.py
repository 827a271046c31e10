"""The closed list of error codes: each with its HTTP status, and the close code where it ends a socket."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

__all__ = ["CLOSE", "CLOSE_MEANING", "MEANING", "STATUS", "AppError", "Close", "Code", "Detail", "StartError"]


class Code(StrEnum):
    """What went wrong, by meaning. Clients may switch on these; a code is never renamed."""

    # The request itself
    INVALID_INPUT = "INVALID_INPUT"
    INVALID_JSON = "INVALID_JSON"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    TOO_LARGE = "TOO_LARGE"
    # Who is asking
    NO_TOKEN = "NO_TOKEN"  # noqa: S105 (a name, not a secret)
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    EMAIL_NOT_VERIFIED = "EMAIL_NOT_VERIFIED"
    SESSION_ENDED = "SESSION_ENDED"
    REFRESH_REUSED = "REFRESH_REUSED"
    ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"
    # One-time codes
    OTP_INVALID = "OTP_INVALID"
    OTP_EXPIRED = "OTP_EXPIRED"
    OTP_ATTEMPTS_EXHAUSTED = "OTP_ATTEMPTS_EXHAUSTED"
    OTP_SUPERSEDED = "OTP_SUPERSEDED"
    # Passwords and addresses
    PASSWORD_TOO_COMMON = "PASSWORD_TOO_COMMON"  # noqa: S105
    # Conversations
    OWN_ROOM = "OWN_ROOM"
    UNKNOWN_USER = "UNKNOWN_USER"
    UNKNOWN_ROOM = "UNKNOWN_ROOM"
    UNKNOWN_MESSAGE = "UNKNOWN_MESSAGE"
    ACCESS_DENIED = "ACCESS_DENIED"
    BLOCKED = "BLOCKED"
    NOT_SUBSCRIBED = "NOT_SUBSCRIBED"
    EMPTY_CONTENT = "EMPTY_CONTENT"
    CONTENT_TOO_LONG = "CONTENT_TOO_LONG"
    # Limits and faults
    RATE_LIMITED = "RATE_LIMITED"
    BUSY = "BUSY"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


STATUS: Final[dict[Code, int]] = {
    Code.INVALID_INPUT: 400,
    Code.INVALID_JSON: 400,
    Code.UNKNOWN_TYPE: 400,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.TOO_LARGE: 413,
    Code.NO_TOKEN: 401,
    Code.TOKEN_EXPIRED: 401,
    Code.INVALID_TOKEN: 401,
    Code.INVALID_CREDENTIALS: 401,
    Code.EMAIL_NOT_VERIFIED: 403,
    Code.SESSION_ENDED: 401,
    Code.REFRESH_REUSED: 401,
    Code.ORIGIN_NOT_ALLOWED: 403,
    Code.OTP_INVALID: 400,
    Code.OTP_EXPIRED: 400,
    Code.OTP_ATTEMPTS_EXHAUSTED: 400,
    Code.OTP_SUPERSEDED: 400,
    Code.PASSWORD_TOO_COMMON: 400,
    Code.OWN_ROOM: 400,
    Code.UNKNOWN_USER: 404,
    Code.UNKNOWN_ROOM: 404,
    Code.UNKNOWN_MESSAGE: 404,
    Code.ACCESS_DENIED: 403,
    Code.BLOCKED: 403,
    Code.NOT_SUBSCRIBED: 400,
    Code.EMPTY_CONTENT: 400,
    Code.CONTENT_TOO_LONG: 400,
    Code.RATE_LIMITED: 429,
    Code.BUSY: 503,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}


MEANING: Final[dict[Code, str]] = {
    Code.INVALID_INPUT: "A field is missing or wrong; `details` says which.",
    Code.INVALID_JSON: "What came is not JSON.",
    Code.UNKNOWN_TYPE: "The socket knows no such `type`, or not without `duologue.v1`.",
    Code.NOT_FOUND: "There is nothing at this address.",
    Code.METHOD_NOT_ALLOWED: "The address does not take this method.",
    Code.UNSUPPORTED_MEDIA_TYPE: "A body has to be JSON and to say so.",
    Code.TOO_LARGE: "The body is over 64 KiB.",
    Code.NO_TOKEN: "Nobody is signed in: no access token came along.",
    Code.TOKEN_EXPIRED: "The access token has run out; refresh it.",
    Code.INVALID_TOKEN: "The token is none of this server's.",
    Code.INVALID_CREDENTIALS: "The address or the password is wrong.",
    Code.EMAIL_NOT_VERIFIED: "The password is right, but the address was never confirmed.",
    Code.SESSION_ENDED: "The session was signed out or revoked; sign in again.",
    Code.REFRESH_REUSED: "An old refresh token came back: the session is revoked, on suspicion of theft.",
    Code.ORIGIN_NOT_ALLOWED: "A page of another site asks; `CLIENT_URL` names those that may.",
    Code.OTP_INVALID: "The code is not the one that was mailed.",
    Code.OTP_EXPIRED: "The code is too old; ask for another.",
    Code.OTP_ATTEMPTS_EXHAUSTED: "Too many wrong codes; ask for another.",
    Code.OTP_SUPERSEDED: "A newer code was mailed since.",
    Code.PASSWORD_TOO_COMMON: "The password is one that everybody guesses first.",
    Code.OWN_ROOM: "Nobody has a room with oneself.",
    Code.UNKNOWN_USER: "There is no such user.",
    Code.UNKNOWN_ROOM: "There is no such room, or this socket does not serve it.",
    Code.UNKNOWN_MESSAGE: "There is no such message in this room.",
    Code.ACCESS_DENIED: "The room belongs to others, or the message is somebody else's.",
    Code.BLOCKED: "One of the two has blocked the other.",
    Code.NOT_SUBSCRIBED: "A command for a room that this socket has not subscribed to.",
    Code.EMPTY_CONTENT: "A message has to say something.",
    Code.CONTENT_TOO_LONG: "A message has at most 8,000 characters.",
    Code.RATE_LIMITED: "Too much at once; `Retry-After` or `retryMs` says when to go on.",
    Code.BUSY: "The server has more to do than it can take; try again after the time it names.",
    Code.UNAVAILABLE: "The database is away; try again shortly.",
    Code.INTERNAL: "A fault of the server; its log knows the `requestId`.",
}


class Close:
    """WebSocket close codes (RFC 6455 §7.4.1 and our own 4000 range)."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_TEXT = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTARTING = 1012
    OVERLOADED = 1013
    UNKNOWN_ROUTE = 4000
    NO_TOKEN = 4001
    INVALID_TOKEN = 4002
    ACCESS_DENIED = 4003
    UNKNOWN_ROOM = 4004
    TOO_SLOW = 4008
    SESSION_ENDED = 4010


CLOSE_MEANING: Final[dict[int, str]] = {
    Close.NORMAL: "The answer to the client's own close.",
    Close.PROTOCOL_ERROR: "A frame broke RFC 6455.",
    Close.UNSUPPORTED_DATA: "A binary frame; everything here is JSON text.",
    Close.INVALID_TEXT: "Text that is not UTF-8.",
    Close.POLICY: "A parameter of the address is wrong, such as `after`.",
    Close.TOO_BIG: "A frame or a message over 64 KiB.",
    Close.INTERNAL: "A fault of the server.",
    Close.RESTARTING: "The server restarts; come back when the reason says.",
    Close.OVERLOADED: "The server is overloaded or its database is away; come back when the reason says.",
    Close.UNKNOWN_ROUTE: "There is no such route.",
    Close.NO_TOKEN: "No access token came along.",
    Close.INVALID_TOKEN: "The access token is not valid, or the last one ran out 60 s ago.",
    Close.ACCESS_DENIED: "The room belongs to others, or its id is missing.",
    Close.UNKNOWN_ROOM: "There is no such room.",
    Close.TOO_SLOW: "The client reads too slowly or keeps sending too fast; come back when the reason says.",
    Close.SESSION_ENDED: "The session was signed out, revoked, or ended by a new password.",
}

CLOSE: Final[dict[Code, int]] = {
    Code.NO_TOKEN: Close.NO_TOKEN,
    Code.TOKEN_EXPIRED: Close.INVALID_TOKEN,
    Code.INVALID_TOKEN: Close.INVALID_TOKEN,
    Code.SESSION_ENDED: Close.SESSION_ENDED,
    Code.ACCESS_DENIED: Close.ACCESS_DENIED,
    Code.UNKNOWN_ROOM: Close.UNKNOWN_ROOM,
    Code.UNAVAILABLE: Close.OVERLOADED,
}


class Detail(dict[str, str]):
    """One invalid field: `{"field": ..., "message": ...}`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field=field, message=message)


class AppError(Exception):
    """A failure the caller should hear about; raised by meaning, mapped once per edge."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        details: Sequence[Detail] = (),
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`retry_after` in seconds, for 429 and 503; `headers` go with the answer on HTTP."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.retry_after = retry_after
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status of this error."""
        return STATUS[self.code]


class StartError(Exception):
    """The process cannot start for a reason its operator can mend: one clear line, exit status 2, no traceback."""
