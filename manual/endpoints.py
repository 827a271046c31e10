"""The reference of HTTP, from the OpenAPI document that the server itself shows."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from litestar import Litestar
from litestar.di import Provide

from duologue.auth.routes import router as auth_router
from duologue.chat.routes import block_router
from duologue.chat.routes import router as conversation_router
from duologue.operations.body import JsonBody
from duologue.operations.health import health_router
from duologue.presence.routes import router as directory_router
from duologue.web.docs import openapi_config
from manual.table import table

__all__ = ["openapi", "page"]

INTRODUCTION = """# HTTP

Every request of the API, from its OpenAPI document; a running server shows the same at `/docs`, to try, and at
`/openapi.json`, for tools. Bodies are JSON. Whoever is signed in is known by the cookie `accessToken` or by
`Authorization: Bearer`. An error is `{"message", "code", "requestId"}`, with `details` by field for invalid input.

"""
PROVIDED = ("identity", "authenticator", "confirmations", "rooms", "search", "blocks", "directory", "readiness")
OF_AUTH = ("accounts", "registrations", "sign_in", "sessions", "cookie_jar", "client")


@cache
def openapi() -> dict[str, Any]:
    """The document, without a server: its routes alone are asked."""
    app = Litestar(
        route_handlers=[
            auth_router(_nothing(OF_AUTH)),
            conversation_router(),
            block_router(),
            directory_router(),
            health_router(),
        ],
        dependencies=_nothing(PROVIDED),
        dto=JsonBody,
        return_dto=None,
        openapi_config=openapi_config(),
        logging_config=None,
    )
    document: dict[str, Any] = app.openapi_schema.to_schema()
    return document


def _nothing(names: Iterable[str]) -> dict[str, Provide]:
    """What handlers ask for by name, and nobody calls; Litestar wants a function each."""
    return {name: Provide(lambda: None, sync_to_thread=False) for name in names}


def page() -> str:
    """Markdown."""
    document = openapi()
    schemas = document["components"]["schemas"]
    parts = [INTRODUCTION]
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append("".join(_operation(method, path, operation)))
    for tag, written in by_tag.items():
        parts += [f"## {tag}\n\n", *written]
    parts.append("## Types\n\n")
    for name, schema in sorted(schemas.items()):
        parts += [f"### {name}\n\n", f"{schema.get('description', '')}\n\n", _fields(schema)]
    return "".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n\n**{operation['summary']}**\n\n{operation.get('description', '')}\n\n"
    if parameters := operation.get("parameters"):
        yield table(
            ["Parameter", "In", "Type", "Meaning"],
            [
                [f"`{each['name']}`", each["in"], _kind(each.get("schema", {})), each.get("description") or ""]
                for each in parameters
            ],
        )
    if body := operation.get("requestBody"):
        yield f"Body: {_content(body)}\n\n"
    rows = []
    for status, answer in operation["responses"].items():
        description = answer.get("description", "")
        rows.append([status, _content(answer), "" if description.startswith("Request fulfilled") else description])
    yield table(["Status", "Body", "Meaning"], rows)


def _content(holder: dict[str, Any]) -> str:
    return ", ".join(_kind(content.get("schema", {})) for content in holder.get("content", {}).values())


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        [f"`{name}`", _kind(kind), "" if name in required else "optional", kind.get("description", "")]
        for name, kind in schema.get("properties", {}).items()
    ]
    return table(["Field", "Type", "Presence", "Meaning"], rows) if rows else ""


def _kind(schema: dict[str, Any]) -> str:
    """A type in words, with a link where it has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "oneOf" in schema or "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema.get("oneOf", schema.get("anyOf", [])))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "enum" in schema and len(schema["enum"]) <= 5:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    return str(kind)
