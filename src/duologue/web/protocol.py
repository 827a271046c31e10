"""`/protocol` and `/asyncapi.json`: what the sockets speak, to read and for tools."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from markupsafe import Markup, escape

from duologue import __version__
from duologue.web.assets import unless_known
from duologue.wire.asyncapi import asyncapi_document
from duologue.wire.channels import SUBPROTOCOL

__all__ = ["protocol_router", "render"]

PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
# Any page may read it: a description is no secret.
DOCUMENT_HEADERS: Final = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}

LISTED_VALUES: Final = 5  # longer lists stand in a table of their own, which only the error codes have

Json = dict[str, Any]
CODE = re.compile(r"`([^`]+)`")
BOLD = re.compile(r"\*\*([^*]+)\*\*")


@dataclass(frozen=True, slots=True)
class Field:
    """A line of a table: a field of a frame, as `data.roomId`."""

    path: str
    kind: str
    link: str
    always: bool
    about: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as the page shows it."""

    key: str
    name: str
    summary: str
    is_base: bool
    fields: list[Field]
    example: str


@dataclass(frozen=True, slots=True)
class Speech:
    """One direction of a route."""

    frames: list[str]
    is_base: bool
    is_sent: bool


def protocol_router() -> Router:
    """The page, its style, and the document."""
    return Router("/", route_handlers=[page, style, document], include_in_schema=False, security=[{}])


@get("/protocol", media_type=MediaType.HTML, sync_to_thread=False)
def page(request: Request[Any, Any, Any]) -> Response[str]:
    """The page; the same for everybody."""
    return unless_known(request, _page(), MediaType.HTML, PAGE_HEADERS)


@get("/protocol.css", media_type="text/css; charset=utf-8", sync_to_thread=False)
def style(request: Request[Any, Any, Any]) -> Response[str]:
    """The page's style."""
    text = files("duologue.web").joinpath("static", "protocol.css").read_text("utf-8")
    return unless_known(request, text, "text/css; charset=utf-8", PAGE_HEADERS)


@get("/asyncapi.json", media_type=MediaType.JSON, sync_to_thread=False)
def document(request: Request[Any, Any, Any]) -> Response[str]:
    """The document, for tools."""
    return unless_known(request, _document(), MediaType.JSON, DOCUMENT_HEADERS)


@cache
def _document() -> str:
    return json.dumps(asyncapi_document(), ensure_ascii=False, indent=1)


@cache
def _page() -> str:
    return render(asyncapi_document())


def render(spec: Json) -> str:
    """The page of such a document."""
    # Imported at the first use: the start of the server need not wait for it.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("duologue.web", "static"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    frames = {key: frame(spec, key, message) for key, message in spec["components"]["messages"].items()}
    shared = ("Message", "MessageAck", "Peer", "Person", "Room")
    return environment.get_template("protocol.html").render(
        version=__version__,
        subprotocol=SUBPROTOCOL,
        spec=spec,
        routes=[(key, channel, speeches(spec, key)) for key, channel in spec["channels"].items()],
        frames=frames,
        events=[each for each in frames.values() if each.key in sent(spec)],
        commands=[each for each in frames.values() if each.key not in sent(spec)],
        types=[
            (name, spec["components"]["schemas"][name], list(fields(spec, {"$ref": f"#/components/schemas/{name}"})))
            for name in shared
        ],
    )


def speeches(spec: Json, channel: str) -> list[Speech]:
    """What is said on a route, by direction and subprotocol."""
    return [
        Speech(
            [each["$ref"].rpartition("/")[2] for each in operation["messages"]],
            operation["tags"] == [{"name": "base"}],
            operation["action"] == "send",
        )
        for operation in spec["operations"].values()
        if operation["channel"]["$ref"] == f"#/channels/{channel}"
    ]


def sent(spec: Json) -> set[str]:
    """The messages of the server."""
    return {
        key for channel in spec["channels"] for each in speeches(spec, channel) if each.is_sent for key in each.frames
    }


def frame(spec: Json, key: str, message: Json) -> Frame:
    """A message of the document."""
    return Frame(
        key=key,
        name=message["name"],
        summary=message["summary"],
        is_base=message["tags"] == [{"name": "base"}],
        fields=list(fields(spec, message["payload"])),
        example=json.dumps(message["examples"][0]["payload"], ensure_ascii=False, indent=2),
    )


def fields(spec: Json, schema: Json, prefix: str = "") -> Iterator[Field]:
    """The fields of an object; `data` is taken apart, what is inside of that is named by its type."""
    schema = whole(spec, schema)
    for name, inner in schema.get("properties", {}).items():
        kind, link = describe(spec, inner)
        always = name in schema.get("required", ())
        about = "" if kind == "time" else str(inner.get("description", ""))  # what a time is, is said once
        yield Field(prefix + name, kind, link, always, about)
        if name == "data" and not prefix:
            is_list = inner.get("type") == "array"
            yield from fields(spec, inner["items"] if is_list else inner, "data[]." if is_list else "data.")


def whole(spec: Json, schema: Json) -> Json:
    """A schema with its references followed and its parts put together."""
    if "$ref" in schema:
        return whole(spec, spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "allOf" not in schema:
        return schema
    parts = [whole(spec, part) for part in schema["allOf"]]
    properties = {name: inner for part in parts for name, inner in part.get("properties", {}).items()}
    return {"properties": properties, "required": [name for part in parts for name in part.get("required", ())]}


def describe(spec: Json, schema: Json) -> tuple[str, str]:
    """A type in a word, and the type it can be looked up under."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return (name, name) if not name.endswith("Data") else ("object", "")
    if "allOf" in schema:
        return describe(spec, schema["allOf"][0])
    if "anyOf" in schema:
        known = [describe(spec, each) for each in schema["anyOf"]]
        return " or ".join(kind for kind, _ in known), next((link for _, link in known if link), "")
    if "const" in schema or "enum" in schema:
        values = schema.get("enum") or [schema["const"]]
        if len(values) > LISTED_VALUES:
            return "an error code", "codes"
        return " or ".join(f'"{value}"' for value in values), ""
    if schema.get("type") == "array":
        kind, link = describe(spec, schema["items"])
        return f"list of {kind}", link
    kind = "true or false" if schema.get("type") == "boolean" else str(schema.get("type", "any"))
    if schema.get("format") == "date-time":
        return "time", ""
    if "maxLength" in schema and kind == "string":
        return f"string, {schema.get('minLength', 0)} to {schema['maxLength']:,} characters", ""
    return kind, ""


def prose(text: str) -> Markup:
    """Text with `code`, **bold** and paragraphs."""
    marked = CODE.sub(r"<code>\1</code>", BOLD.sub(r"<b>\1</b>", str(escape(text.strip()))))
    return Markup("</p><p>".join(marked.split("\n\n")))  # noqa: S704 (escaped above)
