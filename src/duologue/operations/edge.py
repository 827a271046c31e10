"""The HTTP edge: request ids, which pages may call, security headers, and the one shape of an error."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from duologue.database.faults import AWAY
from duologue.errors import STATUS, AppError, Code, Detail
from duologue.operations.cors import Cors
from duologue.operations.refusals import Refusals
from duologue.origin import is_welcome
from duologue.wire.errors import ErrorBody, FieldError

__all__ = ["Edge", "exception_handlers"]

Header = tuple[bytes, bytes]

SAFE_METHODS = frozenset({"GET", "HEAD"})
WATCHERS = frozenset({"/healthz", "/readyz", "/metrics"})
FULL = "This node is full; try again after the time it names."
UNHEARD_OF = "ASK"
REFUSED = "refused"
BY_STATUS = {
    401: Code.NO_TOKEN,
    403: Code.ACCESS_DENIED,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
    429: Code.RATE_LIMITED,
    503: Code.UNAVAILABLE,
}
WORDS = {
    Code.NOT_FOUND: "There is nothing at this address.",
    Code.METHOD_NOT_ALLOWED: "This address does not take that method.",
    Code.TOO_LARGE: "The body is too large.",
}

FOREIGN = "Pages of this origin may not call here; CLIENT_URL names those that may."

encode = msgspec.json.Encoder().encode
log = structlog.get_logger("duologue.http")


class Edge:
    """Wraps the whole HTTP application (ASGI)."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        origins: Sequence[str],
        production: bool,
        refusals: Refusals | None = None,
        leaving: Callable[[], bool] = lambda: False,
        busy: Callable[[], int] = lambda: 0,
    ) -> None:
        """`origins` are the pages, besides the server's own, that may call with cookies; `refusals` hears of 4xx.

        While `leaving`, each answer is the last on its connection: a balancer keeps none that is about to end.
        `busy` says after how many seconds to come again, or 0; whoever watches the node is let in all the same.
        """
        self._app = app
        self._refusals = refusals
        self._leaving = leaving
        self._busy = busy
        self._cors = Cors(origins)
        headers = {
            b"x-content-type-options": b"nosniff",
            b"referrer-policy": b"no-referrer",
            b"x-frame-options": b"DENY",
            b"cross-origin-opener-policy": b"same-origin",
            b"cross-origin-resource-policy": b"same-site",
            b"content-security-policy": b"default-src 'none'; object-src 'none'; frame-ancestors 'none'; "
            b"base-uri 'none'; form-action 'none'",
            b"cache-control": b"no-store",  # files that may be kept say so themselves
        }
        if production:
            headers[b"strict-transport-security"] = b"max-age=63072000; includeSubDomains"
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = str(uuid7())
        scope["state"]["request_id"] = request_id
        if scope["path"] not in WATCHERS and (seconds := self._busy()):
            await _refuse(Code.BUSY, FULL, scope, send, (b"retry-after", b"%d" % seconds), (b"connection", b"close"))
            return
        asked = dict(scope["headers"])
        cors = self._cors.headers(asked.get(b"origin"))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._complete(message.get("headers", ()), request_id, cors)
                self._report(scope, asked, request_id)
            await send(message)

        if scope["method"] == "OPTIONS":
            await self._answer_options(asked, scope, receive, send_with_headers)
            return
        refusal = None if scope["method"] in SAFE_METHODS else self._refusal(asked)
        if refusal is not None:
            await _refuse(*refusal, scope, send_with_headers)
            return
        if scope["method"] == "HEAD":
            # What GET says, but for the body, which the server below leaves out (RFC 9110 §9.3.2).
            scope = cast(Scope, {**scope, "method": "GET"})
        await self._app(scope, receive, send_with_headers)

    def _complete(self, headers: Iterable[Header], request_id: str, cors: Sequence[Header]) -> list[Header]:
        """The application's headers, and ours where it has none of its own."""
        ours = dict(cors)
        kept = [(name, value) for name, value in headers if name == b"vary" or name not in ours]
        present = {name for name, _ in kept}
        kept += [(b"x-request-id", request_id.encode()), *cors]
        if self._leaving():
            kept.append((b"connection", b"close"))
        return kept + [(name, value) for name, value in self._headers.items() if name not in present]

    def _report(self, scope: Scope, asked: Mapping[bytes, bytes], request_id: str) -> None:
        """Leave a trace of a refusal."""
        code = scope["state"].get(REFUSED)
        if code is None or self._refusals is None:
            return
        peer = scope["client"][0] if scope["client"] else ""
        forwarded = asked.get(b"x-forwarded-for", b"").decode("latin-1")
        user_id = scope["state"].get("user_id")
        self._refusals.note(code, scope["path"], peer, forwarded, user_id=user_id, request_id=request_id)

    async def _answer_options(self, asked: Mapping[bytes, bytes], scope: Scope, receive: Receive, send: Send) -> None:
        """A preflight of a listed page (the server's own never ask, Fetch §4.8), or which methods an address takes."""
        if b"access-control-request-method" not in asked:
            # Litestar's own answer forgets the methods of a path's later handlers; its 405 names all.
            await self._app(cast(Scope, {**scope, "method": UNHEARD_OF}), receive, _allow_alone(send))
        elif self._cors.is_listed(asked.get(b"origin")):
            await send({"type": "http.response.start", "status": 204, "headers": self._cors.preflight_headers()})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await _refuse(Code.ORIGIN_NOT_ALLOWED, FOREIGN, scope, send)

    def _refusal(self, headers: Mapping[bytes, bytes]) -> tuple[Code, str] | None:
        """Why an unsafe request is not looked at: a foreign page sent it, or it is no JSON (CSRF; ASVS 5.0 §3.5)."""
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if not self._cors.is_listed(origin):
            # A browser that says where from says it of every page; one that does not still sends the page's origin.
            foreign = site not in (None, b"same-origin", b"none")
            host = headers.get(b"host", b"").decode("latin-1")
            if foreign or not (origin is None or is_welcome(origin.decode("latin-1"), host, ())):
                return Code.ORIGIN_NOT_ALLOWED, FOREIGN
        has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if has_body and media_type != b"application/json":
            return Code.UNSUPPORTED_MEDIA_TYPE, "Send JSON, with Content-Type: application/json."
        return None


def _allow_alone(send: Send) -> Send:
    """Turns a 405 into what OPTIONS wants to know."""
    turned = False

    async def sent(message: Message) -> None:
        nonlocal turned
        if message["type"] == "http.response.start" and message["status"] == 405:
            turned = True
            message["status"] = 204
            message["headers"] = [header for header in message.get("headers", ()) if header[0] == b"allow"]
        elif turned and message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    return sent


async def _refuse(code: Code, words: str, scope: Scope, send: Send, *more: Header) -> None:
    """An error without asking the application."""
    scope["state"][REFUSED] = code
    body = encode(ErrorBody(words, code.value, scope["state"]["request_id"]))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": STATUS[code], "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def answer(request: Request[Any, Any, Any], error: AppError, status: int | None = None) -> Response[ErrorBody]:
    """An error as its body."""
    request.scope["state"][REFUSED] = error.code
    details = [FieldError(detail["field"], detail["message"]) for detail in error.details]
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after + 0.5)))
    return Response(
        ErrorBody(
            message=error.message,
            code=error.code.value,
            request_id=request.scope["state"].get("request_id", ""),
            details=details or msgspec.UNSET,
        ),
        status_code=status or error.status,
        headers=headers,
        media_type=MediaType.JSON,
    )


def on_app_error(request: Request[Any, Any, Any], error: AppError) -> Response[ErrorBody]:
    """A failure by meaning."""
    return answer(request, error)


def on_invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[ErrorBody]:
    """Wrong or missing parameters, and a body that is not there at all."""
    details = [
        Detail("", "the body is missing")
        if extra.get("key") == "data"
        else Detail(str(extra.get("key", "")), str(extra.get("message", "is invalid")))
        for extra in error.extra or ()
        if isinstance(extra, dict)
    ]
    words = "; ".join(f"{detail['field']} {detail['message']}".strip() for detail in details)
    return answer(request, AppError(Code.INVALID_INPUT, words or "The request is invalid.", details=details))


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorBody]:
    """What the framework refuses."""
    if isinstance(error, ValidationException):
        return on_invalid(request, error)
    if error.status_code == 400:
        return answer(request, AppError(Code.INVALID_JSON, "The body is not valid JSON."))
    code = BY_STATUS.get(error.status_code, Code.INTERNAL)
    if code is Code.INTERNAL:
        log.error("a request failed", path=request.url.path, reason=error.detail)
        return answer(request, AppError(Code.INTERNAL, "Something went wrong on our side."))
    return answer(request, AppError(code, WORDS.get(code, error.detail), headers=_allowed(error.headers or {})))


def _allowed(headers: Mapping[str, str]) -> dict[str, str]:
    """`Allow` of a 405 (RFC 9110 §15.5.6), and HEAD where there is a GET."""
    methods = sorted(filter(None, headers.get("allow", "").replace(" ", "").split(",")))
    if "GET" in methods:
        methods.insert(methods.index("GET") + 1, "HEAD")
    return {"Allow": ", ".join(methods)} if methods else {}


def on_database_away(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    """PostgreSQL does not answer."""
    log.warning("PostgreSQL is away", path=request.url.path, reason=type(error).__name__)
    return answer(request, AppError(Code.UNAVAILABLE, "The database is away; try again shortly.", retry_after=1.0))


def on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    """What nobody expected: the cause goes to the log, the request id to the caller."""
    log.error(
        "a request failed",
        path=request.url.path,
        request_id=request.scope["state"].get("request_id"),
        exc_info=(type(error), error, error.__traceback__),
    )
    return answer(request, AppError(Code.INTERNAL, "Something went wrong on our side."))


def exception_handlers() -> dict[Any, Any]:
    """For Litestar's `exception_handlers`."""
    return {
        AppError: on_app_error,
        HTTPException: on_http_error,
        Exception: on_bug,
        **dict.fromkeys(AWAY, on_database_away),
    }
