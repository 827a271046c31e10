"""`/client/duologue.js`: the JavaScript client, for pages that import it from the server they talk to."""

import gzip
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from litestar import Request, Response, Router, get

__all__ = ["client_router"]

# Any page may load it: it is no secret, and the server decides anew which pages may call.
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept-Encoding",
}


def client_router() -> Router:
    """The module."""
    return Router("/client", route_handlers=[module], include_in_schema=False, security=[{}])


@get("/duologue.js", sync_to_thread=False)
def module(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The file of `clients/js`, or 304 where the browser has it already (RFC 9110 §13.1.2)."""
    plain, packed, digest = _module()
    media_type = "text/javascript"  # Litestar adds the charset
    headers = HEADERS | {"ETag": f'W/"{digest}"'}  # weak: the same for both encodings
    if digest in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=media_type)
    return Response(plain, headers=headers, media_type=media_type)


@cache
def _module() -> tuple[bytes, bytes, str]:
    """As it is, compressed, and its digest."""
    plain = files("duologue.web").joinpath("static", "duologue.js").read_bytes()
    return plain, gzip.compress(plain, 9, mtime=0), sha256(plain).hexdigest()[:16]
