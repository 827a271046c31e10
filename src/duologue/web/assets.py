"""Files of our pages, at addresses that change with what they contain: `/assets/<digest>/<path>`, or below `/docs`."""

import gzip
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from duologue.errors import AppError, Code

__all__ = ["Assets", "assets_router", "unless_known"]

PAGES: Final = ("static/shared", "static/app", "static/playground", "vendor/preact", "vendor/figtree")
KINDS: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
PACKED: Final = frozenset({".woff2"})  # compressed by itself
HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    # Of a script that runs as a worker, which has the policy it came with.
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
}


class Assets:
    """One version of all files together, read once: they import each other by relative addresses."""

    def __init__(self, folders: Sequence[str] = PAGES, at: str = "/assets") -> None:
        """The files of `folders`, served below the path `at`."""
        self.at = at
        self._folders = folders
        self._packed: dict[str, bytes] = {}

    @cached_property
    def root(self) -> str:
        """`/assets/<digest>`."""
        together = sha256()
        for path, content in sorted(self._files.items()):
            together.update(path.encode() + b"\0" + content)
        return f"{self.at}/{together.hexdigest()[:12]}"

    def scripts(self, folder: str) -> list[str]:
        """The addresses of a folder's scripts."""
        return [f"{self.root}/{path}" for path in self._files if path.startswith(f"{folder}/") and path.endswith(".js")]

    def content(self, path: str) -> bytes:
        """A file as it is; `KeyError` where there is none."""
        return self._files[path]

    def packed(self, path: str) -> bytes | None:
        """The file compressed, where that makes it smaller."""
        if path not in self._packed and kind(path) not in PACKED:
            self._packed[path] = gzip.compress(self._files[path], 9, mtime=0)
        return self._packed.get(path)

    @cached_property
    def _files(self) -> dict[str, bytes]:
        home = files("duologue.web")
        return {
            f"{folder}/{each.name}": each.read_bytes()
            for folder in self._folders
            for each in _sorted(home.joinpath(*folder.split("/")))
            if kind(each.name) in KINDS
        }


def kind(path: str) -> str:
    """The ending of a file's name, as `.js`."""
    return path[path.rfind(".") :]


def _sorted(folder: Traversable) -> Iterator[Traversable]:
    yield from sorted(folder.iterdir(), key=lambda each: each.name)


def assets_router(assets: Assets) -> Router:
    """Serves them all, and nothing else."""
    return Router(
        assets.at,
        route_handlers=[asset],
        dependencies={"assets": Provide(lambda: assets, sync_to_thread=False)},
        include_in_schema=False,
        security=[{}],
    )


# In a thread: the first time a file is asked for, it is compressed.
@get("/{digest:str}/{path:path}", sync_to_thread=True)
def asset(
    digest: FromPath[str], path: FromPath[str], request: Request[Any, Any, Any], assets: NamedDependency[Assets]
) -> Response[bytes]:
    """One of our files; browsers keep it for ever."""
    name = str(path).lstrip("/")
    try:
        content = assets.content(name)
    except KeyError:
        content = b""
    if not content or f"{assets.at}/{digest}" != assets.root:
        raise AppError(Code.NOT_FOUND, "There is no such file.")
    media_type = KINDS[kind(name)]
    packed = assets.packed(name) if "gzip" in request.headers.get("accept-encoding", "") else None
    if packed is not None:
        return Response(packed, media_type=media_type, headers=HEADERS | {"Content-Encoding": "gzip"})
    return Response(content, media_type=media_type, headers=HEADERS)


def unless_known(
    request: Request[Any, Any, Any], text: str, media_type: MediaType | str, headers: dict[str, str]
) -> Response[str]:
    """The text, or 304 where the client has it already (RFC 9110 §13.1.2)."""
    tag = f'"{sha256(text.encode()).hexdigest()[:16]}"'
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known:
        return Response("", status_code=304, headers=headers | {"ETag": tag}, media_type=media_type)
    return Response(text, headers=headers | {"ETag": tag}, media_type=media_type)
