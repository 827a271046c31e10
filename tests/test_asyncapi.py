"""`/asyncapi.json` says what the sockets speak: all of it, and by the official schema."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from duologue.errors import CLOSE_MEANING, MEANING, Close, Code
from duologue.wire import frames
from duologue.wire.asyncapi import asyncapi_document
from duologue.wire.channels import CHANNELS

OFFICIAL = Path(__file__).parent / "vendor" / "asyncapi" / "3.0.0.json"


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """As it goes over the wire."""
    return json.loads(json.dumps(asyncapi_document()))


@pytest.fixture(scope="session")
def official() -> jsonschema_rs.Validator:
    """The schema of AsyncAPI 3.0.0."""
    return jsonschema_rs.validator_for(json.loads(OFFICIAL.read_text()))


def references(value: Any) -> Iterator[str]:
    """Every `$ref` inside."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def resolve(document: dict[str, Any], reference: str) -> Any:
    """What a `$ref` points to; KeyError when nothing is there."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def test_the_document_is_valid_asyncapi_3(document, official):
    assert [error.message for error in official.iter_errors(document)] == []


def test_the_official_schema_would_refuse_a_wrong_one(document, official):
    wrong = json.loads(json.dumps(document))
    wrong["operations"]["sendRoom"]["action"] = "shout"
    assert not official.is_valid(wrong)


def test_every_reference_leads_somewhere(document):
    found = set(references(document))
    assert found
    for reference in found:
        assert resolve(document, reference) is not None


def test_every_struct_of_the_frames_is_spoken_on_some_channel(document):
    ours = {
        name
        for name, value in vars(frames).items()
        if inspect.isclass(value) and issubclass(value, msgspec.Struct) and value.__module__ == frames.__name__
    }
    # These two are what the server decodes first; what may stand in them is in the messages.
    assert ours - set(document["components"]["schemas"]) == {"Command", "Incoming"}


def test_every_message_and_every_schema_of_the_document_is_used(document):
    used = {reference.rpartition("/")[2] for reference in references(document)}
    assert set(document["components"]["messages"]) - used == set()
    assert set(document["components"]["schemas"]) - used == set()


def test_every_example_is_what_its_message_says(document):
    for name, message in document["components"]["messages"].items():
        schema = {"allOf": [message["payload"]], "components": document["components"]}
        validator = jsonschema_rs.Draft7Validator(schema, validate_formats=True)
        for each in message["examples"]:
            assert [error.message for error in validator.iter_errors(each["payload"])] == [], name


def test_every_example_of_an_event_names_its_type(document):
    for channel in CHANNELS:
        for event in (*channel.sends, *channel.v1_sends):
            example = document["components"]["messages"][event.name]["examples"][0]["payload"]
            assert example["type"] == event.name


def test_base_sockets_and_duologue_v1_are_clearly_apart(document):
    def spoken(operation: str) -> set[str]:
        return {each["$ref"].rpartition("/")[2] for each in document["operations"][operation]["messages"]}

    frozen = {"NEW_MESSAGE", "MESSAGE_SENT", "ERROR"}
    assert spoken("sendRoom") == frozen
    assert spoken("receiveRoom") == {"message"}
    assert spoken("sendUsers") == {"ALL_USERS", "USER_STATUS", "ERROR"}
    assert spoken("sendRooms") == {"ROOMS_LIST", "ROOM_UPDATE", "ERROR"}
    assert spoken("sendRoomV1").isdisjoint(frozen)
    assert "sendWs" not in document["operations"]
    for operation in document["operations"].values():
        tags = {tag["name"] for tag in operation["tags"]}
        for reference in operation["messages"]:
            message = resolve(document, resolve(document, reference["$ref"])["$ref"])
            if tags == {"base"}:
                assert message["tags"] == [{"name": "base"}]


def test_every_error_code_and_every_close_code_has_a_meaning(document):
    assert list(MEANING) == list(Code)
    numbers = {value for name, value in vars(Close).items() if name.isupper()}
    assert set(CLOSE_MEANING) == numbers
    assert {each["code"] for each in document["x-close-codes"]} == numbers
    assert {each["code"] for each in document["x-error-codes"]} == {code.value for code in Code}


async def test_the_document_is_served_to_everybody_and_may_be_kept(client, document):
    answer = await client.get("/asyncapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == document
    assert "max-age" in answer.headers["cache-control"]
    again = await client.get("/asyncapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
