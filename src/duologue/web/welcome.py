"""`/`: what a browser finds at the address of the banner."""

from functools import cache
from importlib.resources import files
from typing import Final

from litestar import MediaType, Response, Router, get
from litestar.di import NamedDependency, Provide

from duologue import __version__

__all__ = ["welcome_router"]

HEADERS: Final = {
    # connect-src: so that the browser's console at this page is a client (README).
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Duologue</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/welcome.css">
</head>
<body>
<main>
<h1><i class="dot a"></i><i class="dot b"></i>Duologue</h1>
<p class="lead">A chat backend you own: sign-in and live two-person rooms, durable before delivered.</p>
<ul>
<li><a href="/docs"><b>API</b><span>Every request, to read and to try, signed in with your own cookies.</span></a></li>
<li><a href="/protocol"><b>Protocol</b><span>What the sockets speak: routes, frames, close codes.</span></a></li>
{mailbox}
<li><a href="/readyz"><b>Health</b><span>Whether this node is ready for people.</span></a></li>
</ul>
</main>
<footer>It is running, version {version}. The tour in the README takes five minutes: two people register, sign in and
talk over
<code>/room/&lt;roomId&gt;</code>.</footer>
</body>
</html>
"""
MAILBOX: Final = (
    '<li><a href="/dev/mailbox"><b>Mailbox</b>'
    "<span>The mails that would have been sent, with their six-digit codes.</span></a></li>"
)


def welcome_router(*, mailbox: bool) -> Router:
    """The page and its style; `mailbox` says whether there is one to link to."""
    return Router(
        "/",
        route_handlers=[page, style],
        dependencies={"has_mailbox": Provide(lambda: mailbox, sync_to_thread=False)},
        include_in_schema=False,
        security=[{}],
    )


@get("/", media_type=MediaType.HTML, sync_to_thread=False)
def page(has_mailbox: NamedDependency[bool]) -> Response[str]:
    """The page."""
    body = PAGE.replace("{version}", __version__).replace("{mailbox}", MAILBOX if has_mailbox else "")
    return Response(body, headers=HEADERS)


@get("/welcome.css", media_type="text/css; charset=utf-8", sync_to_thread=False)
def style() -> Response[str]:
    """The page's style."""
    return Response(_style(), headers=HEADERS)


@cache
def _style() -> str:
    return files("duologue.web").joinpath("static", "welcome.css").read_text("utf-8")
