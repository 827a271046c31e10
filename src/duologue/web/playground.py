"""`/playground`: two people in one window, and every frame between them and the server. In development alone."""

from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency, Provide

from duologue.web.assets import Assets, unless_known
from duologue.web.pages import page_of

__all__ = ["playground_router"]

HEADERS: Final = {
    # As the web client's page; worker-src: the slow reader is a worker that stops reading.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


def playground_router(assets: Assets) -> Router:
    """Mount in development only: its people are made by `POST /dev/guests`."""
    return Router(
        "/playground",
        route_handlers=[page],
        dependencies={"assets": Provide(lambda: assets, sync_to_thread=False)},
        include_in_schema=False,
        security=[{}],
    )


@get("/", media_type=MediaType.HTML, sync_to_thread=False)
def page(request: Request[Any, Any, Any], assets: NamedDependency[Assets]) -> Response[str]:
    """The page."""
    return unless_known(request, page_of(assets, "playground"), MediaType.HTML, HEADERS)
