"""`/`: the web client. One page; its scripts draw everything else."""

from importlib.resources import files
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency, Provide

from duologue import __version__
from duologue.web.assets import Assets, unless_known

__all__ = ["page_of", "pages_router"]

HEADERS: Final = {
    # No inline script or style, no eval, nothing from elsewhere. connect-src: the API and the sockets of this server.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cache-Control": "no-cache",
}


def pages_router(assets: Assets, *, development: bool) -> Router:
    """The page; in `development` it knows of the mailbox and the playground."""
    return Router(
        "/",
        route_handlers=[page],
        dependencies={
            "assets": Provide(lambda: assets, sync_to_thread=False),
            "is_development": Provide(lambda: development, sync_to_thread=False),
        },
        include_in_schema=False,
        security=[{}],
    )


@get("/", media_type=MediaType.HTML, sync_to_thread=False)
def page(
    request: Request[Any, Any, Any], assets: NamedDependency[Assets], is_development: NamedDependency[bool]
) -> Response[str]:
    """The page."""
    return unless_known(request, page_of(assets, "app", development=is_development), MediaType.HTML, HEADERS)


def page_of(assets: Assets, name: str, *, development: bool = True) -> str:
    """`static/<name>/index.html` with the addresses of this version, all of its scripts announced at once."""
    text = files("duologue.web").joinpath("static", name, "index.html").read_text("utf-8")
    folders = ("vendor/preact", "static/shared", f"static/{name}")
    modules = [script for folder in folders for script in assets.scripts(folder) if not script.endswith("/theme.js")]
    preloads = "\n".join(f'<link rel="modulepreload" href="{module}">' for module in modules)
    return (
        text.replace("{assets}", assets.root)
        .replace("{preloads}", preloads)
        .replace("{version}", __version__)
        .replace("{stage}", "development" if development else "production")
    )
