"""The commands of `duologue.v1`: what a frame says, and who does it."""

from typing import Any, Final

import msgspec

from duologue.errors import AppError, Code, Detail
from duologue.realtime.subscription import Subscription
from duologue.wire.frames import (
    Command,
    DeleteData,
    EditData,
    ReadData,
    RoomData,
    SendData,
    SubscribeData,
)

__all__ = ["parse", "perform"]

decode_command = msgspec.json.Decoder(Command).decode
DATA: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "SEND": msgspec.json.Decoder(SendData),
    "TYPING": msgspec.json.Decoder(RoomData),
    "READ": msgspec.json.Decoder(ReadData),
    "EDIT": msgspec.json.Decoder(EditData),
    "DELETE": msgspec.json.Decoder(DeleteData),
    "PING": msgspec.json.Decoder(RoomData),
    "SUBSCRIBE": msgspec.json.Decoder(SubscribeData),
    "UNSUBSCRIBE": msgspec.json.Decoder(RoomData),
}


def parse(text: str) -> tuple[str, Any]:
    """A frame's command and its data; `{"content": ...}` alone is a SEND. Raises `AppError`."""
    try:
        command = decode_command(text)
        if command.type is msgspec.UNSET:
            if command.content is msgspec.UNSET:
                raise AppError(
                    Code.EMPTY_CONTENT, "type or content is missing.", details=[Detail("type", "is missing")]
                )
            return "SEND", SendData(command.content, command.client_id)
        decoder = DATA.get(command.type)
        if decoder is None:
            raise AppError(Code.UNKNOWN_TYPE, f"There is no command {command.type[:40]!r}.")
        return command.type, decoder.decode(b"{}" if command.data is msgspec.UNSET else command.data)
    except msgspec.ValidationError as error:
        raise AppError(Code.INVALID_INPUT, str(error)) from None
    except msgspec.DecodeError as error:
        raise AppError(Code.INVALID_JSON, f"Not JSON: {error}") from None


def perform(subscription: Subscription, kind: str, data: Any) -> None:
    """Do what a command says in its room. Raises `AppError`."""
    if kind == "SEND":
        subscription.say(data.content, data.client_id)
    elif kind == "TYPING":
        subscription.typing()
    elif kind == "READ":
        subscription.read(data.seq)
    elif kind == "EDIT":
        subscription.edit(data.id, data.content, data.client_id)
    elif kind == "DELETE":
        subscription.delete(data.id, data.client_id)
    else:
        raise AppError(Code.UNKNOWN_TYPE, f"{kind} belongs on /ws.")
