"""The reference of the sockets, from the channels that AsyncAPI is made from."""

import json

import msgspec

from duologue.errors import CLOSE_MEANING, MEANING
from duologue.wire.asyncapi import asyncapi_document
from duologue.wire.channels import CHANNELS, Command, Event
from manual.table import table

__all__ = ["page"]

INTRODUCTION = """# Sockets

Every frame, from the channels that the server speaks; a running server shows the same at `/protocol`, and at
`/asyncapi.json` for tools. Frames are JSON text. The access token is taken from the cookie `accessToken`, else from
`?token=`, else from `Authorization: Bearer`. What is marked **v1** is spoken with the subprotocol `duologue.v1` alone.

"""


def page() -> str:
    """Markdown."""
    asyncapi_document()  # the same source; it fails here if the one of both cannot be made
    parts = [INTRODUCTION]
    for channel in CHANNELS:
        parts.append(f"## `{channel.address}`\n\n**{channel.summary}.** {channel.description}\n\n")
        if channel.query:
            parts.append(table(["Query", "Meaning"], [[f"`{each.name}`", each.description] for each in channel.query]))
        said = [(each, False) for each in channel.sends] + [(each, True) for each in channel.v1_sends]
        if said:
            parts.append("### " + channel.address + ": the server says\n\n")
            parts += [_event(event, is_v1=is_v1) for event, is_v1 in said]
        taken = [(each, False) for each in channel.receives] + [(each, True) for each in channel.v1_receives]
        if taken:
            parts.append("### " + channel.address + ": the client says\n\n")
            parts += [_command(command, is_v1=is_v1) for command, is_v1 in taken]
    parts.append("## Close codes\n\n")
    parts.append(table(["Code", "Meaning"], [[f"`{code}`", meaning] for code, meaning in CLOSE_MEANING.items()]))
    parts.append("## Error codes\n\n")
    parts.append(table(["Code", "Meaning"], [[f"`{code}`", meaning] for code, meaning in MEANING.items()]))
    return "".join(parts)


def _event(event: Event, *, is_v1: bool) -> str:
    about = (event.struct.__doc__ or "").strip()
    return f"`{event.name}`{' **v1**' if is_v1 else ''}: {about}\n\n{_json(event.example)}"


def _command(command: Command, *, is_v1: bool) -> str:
    example = msgspec.to_builtins(command.example) if command.example is not None else None
    frame = example if not command.name else {"type": command.name} | ({"data": example} if example else {})
    return f"`{command.name or 'a bare message'}`{' **v1**' if is_v1 else ''}: {command.summary}\n\n{_json(frame)}"


def _json(value: object) -> str:
    return f"```json\n{json.dumps(msgspec.to_builtins(value), ensure_ascii=False)}\n```\n\n"
