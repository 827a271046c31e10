"""`/docs` and `/openapi.json`: the API's description, and a page to read and try it that needs no other server."""

import gzip
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from duologue import __version__
from duologue.errors import AppError, Code

__all__ = ["docs_router", "openapi_config"]

ASSETS: Final = {
    "swagger-ui-bundle.js": ("vendor/swagger_ui", "text/javascript; charset=utf-8"),
    "swagger-ui.css": ("vendor/swagger_ui", "text/css; charset=utf-8"),
    "docs_plugin.js": ("static", "text/javascript; charset=utf-8"),
    "docs.js": ("static", "text/javascript; charset=utf-8"),
    "docs.css": ("static", "text/css; charset=utf-8"),
    "docs.svg": ("static", "image/svg+xml"),
}

POLICY: Final = (
    # 'unsafe-inline' for styles alone: the page sets style attributes. Its icons are data: images.
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ASSET_HEADERS: Final = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Duologue API</title>
<link rel="icon" type="image/svg+xml" href="/docs/assets/{digest}/docs.svg">
<link rel="stylesheet" href="/docs/assets/{digest}/swagger-ui.css">
<link rel="stylesheet" href="/docs/assets/{digest}/docs.css">
<script src="/docs/assets/{digest}/swagger-ui-bundle.js" defer></script>
<script src="/docs/assets/{digest}/docs_plugin.js" defer></script>
<script src="/docs/assets/{digest}/docs.js" defer></script>
</head>
<body>
<div id="docs"><noscript>This page needs JavaScript; <a href="/openapi.json">openapi.json</a> does not.</noscript></div>
</body>
</html>
"""

DESCRIPTION: Final = """\
Sign-in and live two-person rooms, durable before delivered.

**Try it here.** Run `POST /auth/login`: its cookies sign this page in, and every request below is then yours. Programs
without cookies send the access token as `Authorization: Bearer`.

**Live messages** come over WebSockets on the same port: `/room/{roomId}`, `/rooms` and `/users`, with
`?token=<access token>`. What they speak is at [/protocol](/protocol), and for tools at
[/asyncapi.json](/asyncapi.json).

**Errors** have one shape: `message` for people, `code` for programs, `requestId` for the log, and `details` for invalid
input. `429` and `503` carry `Retry-After`, in seconds.
"""

TAGS: Final = (
    Tag("Authentication", "Accounts, one-time codes, sessions."),
    Tag("Messaging", "Rooms of two, and what is said in them."),
    Tag("Operations", "For load balancers and monitoring."),
)

SCHEMES: Final = {
    "cookie": SecurityScheme(
        type="apiKey", security_scheme_in="cookie", name="accessToken", description="Set by signing in; HttpOnly."
    ),
    "bearer": SecurityScheme(
        type="http", scheme="bearer", bearer_format="JWT", description="The access token, for programs."
    ),
}


def openapi_config() -> OpenAPIConfig:
    """For `Litestar(openapi_config=...)`; one per application. Handlers open to all say `security=[{}]`."""
    page, spec = DocsPage(), JsonRenderPlugin(path="/openapi.json", media_type=MediaType.JSON)
    config = OpenAPIConfig(
        title="Duologue",
        version=__version__,
        description=DESCRIPTION,
        license=License(name="MIT", identifier="MIT"),
        tags=list(TAGS),
        components=Components(security_schemes=dict(SCHEMES)),
        security=[{"cookie": []}, {"bearer": []}],
        use_handler_docstrings=True,
        render_plugins=[page, spec],
        openapi_router=OnlyThesePaths(
            "/", route_handlers=[], include_in_schema=False, response_headers=HEADERS, security=[{}]
        ),
    )
    config.default_plugin = None  # else the page would also be served at /
    return config


class OnlyThesePaths(Router):
    """Without the catch-all 404 page that Litestar adds: at the root it would answer for everything unknown."""

    def register(self, value: ControllerRouterHandler) -> list[Any]:
        """Drop the catch-all."""
        if "/{path:str}" in getattr(value, "paths", ()):
            return []
        return super().register(value)


class DocsPage(OpenAPIRenderPlugin):
    """The page that reads `/openapi.json` and shows it."""

    def __init__(self) -> None:
        super().__init__(path="/docs", media_type=MediaType.HTML, favicon="", style="")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The same for everyone: the description is fetched by its script."""
        return PAGE.replace("{digest}", _digest()).encode()


def docs_router() -> Router:
    """The page's scripts and styles."""
    return Router("/docs/assets", route_handlers=[asset], include_in_schema=False)


# In a thread: compressing the script takes 60 ms, once.
@get("/{digest:str}/{name:str}", sync_to_thread=True, security=[{}])
def asset(digest: FromPath[str], name: FromPath[str], request: Request[Any, Any, Any]) -> Response[bytes]:
    """One of our files; its address changes with its content, so browsers keep it for ever."""
    if name not in ASSETS or digest != _digest():
        raise AppError(Code.NOT_FOUND, "There is no such file.")
    media_type = ASSETS[name][1]
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_gzipped(name), media_type=media_type, headers=ASSET_HEADERS | {"Content-Encoding": "gzip"})
    return Response(_file(name).read_bytes(), media_type=media_type, headers=ASSET_HEADERS)


def _file(name: str) -> Traversable:
    return files("duologue.web").joinpath(*ASSETS[name][0].split("/"), name)


@cache
def _gzipped(name: str) -> bytes:
    return gzip.compress(_file(name).read_bytes(), 6, mtime=0)


@cache
def _digest() -> str:
    """Names this version of all files together."""
    together = sha256()
    for name in ASSETS:
        together.update(_file(name).read_bytes())
    return together.hexdigest()[:12]
