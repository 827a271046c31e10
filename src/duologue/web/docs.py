"""`/docs` and `/openapi.json`: the API's description, and a page to read and try it that needs no other server."""

from typing import Any, Final

from litestar import MediaType, Request, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Tag
from litestar.types import ControllerRouterHandler

from duologue import __version__
from duologue.web.assets import Assets, assets_router

__all__ = ["docs_router", "openapi_config"]

ASSETS: Final = Assets(("static/docs", "vendor/swagger_ui"), at="/docs/assets")

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

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Duologue API</title>
<link rel="icon" type="image/svg+xml" href="{root}/static/docs/docs.svg">
<link rel="stylesheet" href="{root}/vendor/swagger_ui/swagger-ui.css">
<link rel="stylesheet" href="{root}/static/docs/docs.css">
<script src="{root}/vendor/swagger_ui/swagger-ui-bundle.js" defer></script>
<script src="{root}/static/docs/plugin.js" defer></script>
<script src="{root}/static/docs/docs.js" defer></script>
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
        return PAGE.replace("{root}", ASSETS.root).encode()


def docs_router() -> Router:
    """The page's scripts and styles."""
    return assets_router(ASSETS)
