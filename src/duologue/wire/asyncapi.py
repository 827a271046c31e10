"""The AsyncAPI 3.0 document of the sockets, made from the table of channels and the Structs of the frames.

It describes the server: it `send`s events and `receive`s commands. What `duologue.v1` adds stands in operations of its
own.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

import msgspec

from duologue import __version__
from duologue.errors import CLOSE, CLOSE_MEANING, MEANING, STATUS
from duologue.wire import frames
from duologue.wire.base import Wire
from duologue.wire.channels import CHANNELS, CLOSE_REASON, SUBPROTOCOL, Channel, Command, Event

__all__ = ["asyncapi_document"]

SCHEMAS: Final = "#/components/schemas/"
DESCRIPTION: Final = f"""\
Live messages over WebSocket, on the same port as the HTTP API. Every frame is JSON text, one object, at most 64 KiB.

**Tokens.** The access token is looked for in the cookie `accessToken`, then in `?token=`, then in
`Authorization: Bearer`; the first one present decides. A browser's `Origin` has to be the server's own or one of
`CLIENT_URL`, else the answer is 403 before the upgrade. All other refusals are made after it, as close codes that a
browser can read.

**Subprotocol.** Without a subprotocol a socket speaks the base frames alone, which never change. One that asks for
`{SUBPROTOCOL}` also gets the rest: typing, read and delivered marks, edits, deletions, presence.

**Sessions.** A socket outlives its access token as long as its session is refreshed. It closes with `4002` 60 s after
the last token ran out, and with `4010` when the session ends.

**Heartbeat.** The server pings a socket after 25 s of silence and drops it when nothing came for 10 s more.
"""


@cache
def asyncapi_document() -> dict[str, Any]:
    """The whole document; not to be changed by who reads it."""
    schemas = component_schemas()
    messages: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for channel in CHANNELS:
        of_channel: dict[str, str] = {}
        for action, is_v1, spoken in directions(channel):
            keys = []
            for frame in spoken:
                key = message_key(channel, frame)
                messages.setdefault(key, message(frame, is_base=is_base(key)))
                of_channel[key] = f"#/components/messages/{key}"
                keys.append(key)
            if keys:
                name = f"{action}{channel.key.capitalize()}{'V1' if is_v1 else ''}"
                operations[name] = operation(channel, action, keys, is_v1=is_v1)
        channels[channel.key] = route(channel, of_channel)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Duologue sockets",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "MIT"},
            "tags": [
                {"name": "base", "description": "Spoken by every socket; frozen."},
                {"name": SUBPROTOCOL, "description": f"Spoken with the subprotocol {SUBPROTOCOL} alone."},
            ],
        },
        "defaultContentType": "application/json",
        "servers": {
            "duologue": {
                "host": "localhost:4000",
                "protocol": "ws",
                "protocolVersion": "13",
                "description": "The port of the HTTP API; `wss` behind a proxy that ends TLS.",
                "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in SECURITY],
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas, "securitySchemes": SECURITY},
        "x-close-codes": [
            {
                "code": code,
                "meaning": meaning,
                **({"reason": {"$ref": SCHEMAS + CLOSE_REASON[code].__name__}} if code in CLOSE_REASON else {}),
            }
            for code, meaning in sorted(CLOSE_MEANING.items())
        ],
        "x-error-codes": [
            {
                "code": code.value,
                "status": STATUS[code],
                "meaning": meaning,
                **({"closeCode": CLOSE[code]} if code in CLOSE else {}),
            }
            for code, meaning in MEANING.items()
        ],
    }


SECURITY: Final = {
    "cookie": {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "accessToken",
        "description": "First: set by signing in; HttpOnly.",
    },
    "query": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": "Second: for browsers' own sockets.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Third: for programs."},
}


def directions(channel: Channel) -> Iterator[tuple[str, bool, Iterable[Event | Command]]]:
    """What is spoken on a channel: action of the server, whether it takes `duologue.v1`, frames."""
    yield "send", False, channel.sends
    yield "send", True, channel.v1_sends
    yield "receive", False, channel.receives
    yield "receive", True, channel.v1_receives


def message_key(channel: Channel, frame: Event | Command) -> str:
    """The name of a message among the components."""
    if isinstance(frame, Event):
        return frame.name
    if not frame.name:
        return "message"
    return f"{channel.key}.{frame.name}" if frame.names_room else f"command.{frame.name}"


@cache
def base_keys() -> frozenset[str]:
    """The messages that sockets without a subprotocol speak too."""
    events = {event.name for channel in CHANNELS for event in channel.sends}
    return frozenset(events | {message_key(channel, each) for channel in CHANNELS for each in channel.receives})


def is_base(key: str) -> bool:
    """Whether the message is spoken without a subprotocol."""
    return key in base_keys()


def operation(channel: Channel, action: str, keys: list[str], *, is_v1: bool) -> dict[str, Any]:
    """One direction of a channel, base or `duologue.v1`."""
    who = "The server says" if action == "send" else "The client may say"
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel.key}"},
        "summary": f"{who} on {channel.address}" + (f", with {SUBPROTOCOL} in addition" if is_v1 else ""),
        "tags": [{"name": SUBPROTOCOL if is_v1 else "base"}],
        "messages": [{"$ref": f"#/channels/{channel.key}/messages/{key}"} for key in keys],
    }


def route(channel: Channel, messages: dict[str, str]) -> dict[str, Any]:
    """A socket route."""
    only_v1 = not channel.sends
    query = {each.name: {"type": each.kind, "description": each.description} for each in channel.query}
    for each in query.values():
        if each["type"] == "integer":
            each["minimum"] = 0  # type: ignore[assignment]
    binding: dict[str, Any] = {"method": "GET", "query": {"type": "object", "properties": query}}
    if only_v1:
        binding["headers"] = {
            "type": "object",
            "properties": {"Sec-WebSocket-Protocol": {"const": SUBPROTOCOL}},
            "required": ["Sec-WebSocket-Protocol"],
        }
    made: dict[str, Any] = {
        "address": channel.address,
        "title": channel.summary,
        "description": channel.description,
        "messages": {key: {"$ref": reference} for key, reference in messages.items()},
        "tags": [{"name": SUBPROTOCOL if only_v1 else "base"}],
        "bindings": {"ws": binding},
    }
    if "{roomId}" in channel.address:
        made["parameters"] = {"roomId": {"description": "The room's id, as `GET /msg/room` names it."}}
    return made


def message(frame: Event | Command, *, is_base: bool) -> dict[str, Any]:
    """One kind of frame."""
    name = frame.name or "message"
    return {
        "name": name,
        "title": name,
        "summary": frame.summary if isinstance(frame, Command) else first_line(frame.struct),
        "tags": [{"name": "base" if is_base else SUBPROTOCOL}],
        "payload": {"$ref": SCHEMAS + frame.struct.__name__} if isinstance(frame, Event) else command_payload(frame),
        "examples": [{"payload": example(frame)}],
    }


def example(frame: Event | Command) -> Any:
    """A frame of its kind, as JSON values."""
    if isinstance(frame, Event) or not frame.name:
        return msgspec.to_builtins(frame.example)
    data = {} if frame.example is None else {"data": msgspec.to_builtins(frame.example)}
    return {"type": frame.name} | data


def command_payload(command: Command) -> dict[str, Any]:
    """What a client may say: `frames.Command` with its `type` and the Struct of its data, or `frames.Incoming`."""
    if not command.name:
        _, schemas = msgspec.json.schema_components([frames.Incoming], ref_template=SCHEMAS + "{name}")
        bare = schemas["Incoming"]["properties"]
        return {
            "type": "object",
            "properties": {name: bare[name] for name in ("content", "clientId")},
            "required": ["content"],
            "not": {"required": ["type"]},
        }
    properties: dict[str, Any] = {"type": {"const": command.name}}
    required = ["type"]
    if command.data is not None:
        data: dict[str, Any] = {"$ref": SCHEMAS + command.data.__name__}
        properties["data"] = {"allOf": [data, {"required": ["roomId"]}]} if command.names_room else data
        required.append("data")
    return {"type": "object", "properties": properties, "required": required}


def first_line(struct: type[Wire]) -> str:
    """What a Struct says of itself."""
    return (struct.__doc__ or "").strip().splitlines()[0]


def structs() -> Iterator[type[Wire]]:
    """Every Struct that the channels name, but for what is around commands."""
    yield from CLOSE_REASON.values()
    for channel in CHANNELS:
        for _, _, spoken in directions(channel):
            for frame in spoken:
                struct = frame.struct if isinstance(frame, Event) else frame.data
                if struct is not None:
                    yield struct


def component_schemas() -> dict[str, Any]:
    """The JSON Schemas of all of them, and of what they contain."""
    named = list(dict.fromkeys(structs()))
    _, schemas = msgspec.json.schema_components(named, ref_template=SCHEMAS + "{name}")
    # What the server sends is complete: a default is sent like any other value.
    for struct in sent_structs():
        schema = schemas[struct.__name__]
        fields = msgspec.structs.fields(struct)
        given = {field.encode_name for field in fields if field.default is not msgspec.UNSET}
        schema["required"] = [name for name in schema["properties"] if name in given or name in schema["required"]]
    return dict(sorted(schemas.items()))


def sent_structs() -> Iterator[type[Wire]]:
    """The Structs of events, with their data."""
    seen: set[type[Wire]] = set()
    for channel in CHANNELS:
        for event in (*channel.sends, *channel.v1_sends):
            for struct in (event.struct, *(type(part) for part in parts(event.example))):
                if struct not in seen:
                    seen.add(struct)
                    yield struct


def parts(value: Wire) -> Iterator[Wire]:
    """The Structs inside one, from its example."""
    for name in value.__struct_fields__:
        inside = getattr(value, name)
        for part in inside if isinstance(inside, list) else [inside]:
            if isinstance(part, Wire):
                yield part
                yield from parts(part)
