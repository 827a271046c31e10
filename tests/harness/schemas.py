"""What is said on the wire against what the documents promise: every frame, and every HTTP answer, of all tests."""

import json
import re
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import jsonschema_rs
from litestar import Litestar
from litestar.di import Provide

from duologue.auth.routes import router as auth_router
from duologue.chat.routes import block_router
from duologue.chat.routes import router as conversation_router
from duologue.errors import Code
from duologue.mail.routes import router as mailbox_router
from duologue.operations.body import JsonBody
from duologue.operations.health import health_router
from duologue.presence.routes import router as directory_router
from duologue.web.docs import openapi_config
from duologue.wire.asyncapi import asyncapi_document
from duologue.wire.errors import ErrorBody
from tests.harness.http import plain_client

Json = dict[str, Any]
Validators = dict[str | None, jsonschema_rs.Validator]
SERVICES = (
    *("identity", "rooms", "search", "blocks", "directory", "readiness", "authenticator", "confirmations"),
    *("registrations", "sign_in", "sessions", "accounts", "cookie_jar", "client", "mailbox"),
)
ANY_ROUTE = {403, 404, 405}  # what an address may answer that is in no document: 403 to a foreign page


class Undeclared(AssertionError):
    """The server or a test said something that its document does not know."""


def closed(schema: Any) -> Any:
    """A copy in which objects have no fields but the declared ones: what the server sends is complete."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {name: closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        copy["additionalProperties"] = False
    return copy


# Frames


@cache
def spoken(channel: str, action: str, is_v1: bool) -> Validators:
    """What may be said on a channel in one direction, by `type`; a frame without a `type` is under `None`."""
    document = asyncapi_document()
    components = document["components"]
    if action == "send":
        components = closed({"schemas": components["schemas"]}) | {"messages": components["messages"]}
    validators: Validators = {}
    for operation in document["operations"].values():
        only_v1 = operation["tags"] != [{"name": "base"}]
        if operation["channel"]["$ref"] != f"#/channels/{channel}" or operation["action"] != action:
            continue
        if only_v1 and not is_v1:
            continue
        for reference in operation["messages"]:
            message = components["messages"][reference["$ref"].rpartition("/")[2]]
            schema = {"allOf": [message["payload"]], "components": components}
            name = message["name"] if message["name"] != "message" else None
            validators[name] = jsonschema_rs.Draft7Validator(schema)
    return validators


def channel_of(path: str) -> str:
    """The channel of a request's path."""
    return unquote(urlsplit(path).path).strip("/").partition("/")[0]


def check_frame(channel: str, action: str, is_v1: bool, frame: Any) -> None:
    """Raise `Undeclared` for a frame that the channel does not know in that direction."""
    kind = frame.get("type") if isinstance(frame, dict) else None
    known = spoken(channel, action, is_v1)
    if kind not in known:
        raise Undeclared(f"{kind} is not spoken on /{channel} ({action}, duologue.v1: {is_v1}): {frame}")
    error = next(known[kind].iter_errors(frame), None)
    if error is not None:
        raise Undeclared(f"{kind} on /{channel}: {error.message} at {error.instance_path}: {frame}")


# Answers


@cache
def openapi() -> Json:
    """`/openapi.json`, made without a server (test_conformance compares the two)."""
    stubs = {name: Provide(lambda: None, sync_to_thread=False) for name in SERVICES}
    app = Litestar(
        route_handlers=[
            auth_router({}),
            conversation_router(),
            block_router(),
            directory_router(),
            health_router(),
            mailbox_router(None),  # type: ignore[arg-type]
        ],
        dependencies=stubs,
        dto=JsonBody,
        return_dto=None,
        openapi_config=openapi_config(),
        logging_config=None,
    )
    return json.loads(json.dumps(app.openapi_schema.to_schema()))


@cache
def routes() -> list[tuple[re.Pattern[str], Json]]:
    """Every declared path as a pattern, those without parameters first."""
    paths = sorted(openapi()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), methods) for path, methods in paths]


@cache
def body_validator(schema: str) -> jsonschema_rs.Validator:
    """Of a body's schema, given as JSON."""
    components = {"schemas": closed(openapi()["components"]["schemas"])}
    return jsonschema_rs.Draft202012Validator({"allOf": [closed(json.loads(schema))], "components": components})


ERROR_BODY = json.dumps({"$ref": f"#/components/schemas/{ErrorBody.__name__}"})


def check_answer(method: str, path: str, status: int, content_type: str, content: bytes) -> None:
    """Raise `Undeclared` for an answer that OpenAPI does not declare for its route."""
    where = f"{method} {path} answered {status}"
    path = path.rstrip("/") or "/"
    operation = next(
        (methods.get(method.lower(), {}) for pattern, methods in routes() if pattern.fullmatch(path)), None
    )
    if not operation:
        # A page, a file, or nothing at all.
        if status >= 400:
            if status not in ANY_ROUTE and not (operation is None and status == 413):
                raise Undeclared(f"{where}, which no document declares: {content[:300]!r}")
            check_body(where, ERROR_BODY, content)
        return
    declared = operation["responses"].get(str(status))
    if declared is None:
        raise Undeclared(f"{where}; declared are {', '.join(operation['responses'])}: {content[:300]!r}")
    media = declared.get("content", {})
    if not media:
        if content:
            raise Undeclared(f"{where} with a body: {content[:300]!r}")
        return
    media_type = content_type.partition(";")[0]
    if media_type not in media:
        raise Undeclared(f"{where} as {media_type}")
    check_body(where, json.dumps(media[media_type].get("schema", {})), content)


def check_body(where: str, schema: str, content: bytes) -> None:
    """Raise `Undeclared` for a body that is not what its schema says."""
    body = json.loads(content)
    error = next(body_validator(schema).iter_errors(body), None)
    if error is not None:
        raise Undeclared(f"{where}: {error.message} at {error.instance_path}: {content[:300]!r}")
    if schema == ERROR_BODY and body["code"] not in list(Code):
        raise Undeclared(f"{where} with {body['code']}, which is not in the closed list")


async def _on_answer(answer: httpx.Response) -> None:
    if answer.request.method in ("HEAD", "OPTIONS") or answer.status_code == 304:
        return
    content = await answer.aread()
    content_type = answer.headers.get("content-type", "")
    check_answer(answer.request.method, answer.request.url.path, answer.status_code, content_type, content)


def checked_client(base_url: str, **options: Any) -> httpx.AsyncClient:
    """A client that believes no answer it has not looked up."""
    return plain_client(base_url=base_url, event_hooks={"response": [_on_answer]}, **options)
