"""Request bodies: JSON, decoded strictly into the wire's types; every invalid field is named."""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
from litestar.dto import AbstractDTO
from litestar.typing import FieldDefinition

from duologue.errors import AppError, Code, Detail

__all__ = ["JsonBody", "invalid_fields"]


class JsonBody(AbstractDTO[Any]):
    """Litestar's own conversion takes `"5"` for 5 and stops at the first fault; this does neither.

    Set once on the application, it serves every handler that has a `data` parameter.
    """

    decoders: ClassVar[dict[str, msgspec.json.Decoder[Any]]] = {}

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: object = None
    ) -> None:
        """Called by Litestar for each handler that takes a body."""
        cls.decoders[handler_id] = msgspec.json.Decoder(field_definition.annotation)

    def decode_bytes(self, value: bytes) -> Any:
        """The body as the handler's type, or `AppError` INVALID_JSON or INVALID_INPUT."""
        decoder = self.decoders[self.asgi_connection.route_handler.handler_id]
        try:
            try:
                return decoder.decode(value)
            except msgspec.ValidationError:
                body = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise AppError(Code.INVALID_JSON, "The body is not valid JSON.") from None
        details = list(invalid_fields(decoder.type, body))
        words = "; ".join(f"{detail['field']} {detail['message']}".strip() for detail in details)
        raise AppError(Code.INVALID_INPUT, words, details=details)

    @classmethod
    def create_openapi_schema(cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any) -> Any:
        """The type's own schema."""
        return schema_creator.for_field_definition(field_definition)


def invalid_fields(struct: type[msgspec.Struct], body: object) -> Iterator[Detail]:
    """Every invalid field of a body, where msgspec itself stops at the first."""
    if not isinstance(body, dict):
        yield Detail("", "the body must be a JSON object")
        return
    for field in msgspec.structs.fields(struct):
        if field.encode_name not in body:
            if field.required:
                yield Detail(field.encode_name, "is missing")
            continue
        try:
            msgspec.convert(body[field.encode_name], field.type)
        except msgspec.ValidationError as error:
            yield Detail(field.encode_name, f"is invalid: {str(error)[:1].lower()}{str(error)[1:]}")
