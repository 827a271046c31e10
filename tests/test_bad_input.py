"""For every route: whatever is wrong, the answer is a clear 4xx in the error format, and nothing is stored."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.harness.people import arrive
from tests.harness.schemas import openapi

HUGE = b'{"content": "' + b"x" * (1 << 20) + b'"}'
JSON = {"Content-Type": "application/json"}
NOTHING = str(uuid.UUID(int=0))


def assert_error(answer: httpx.Response, status: int | tuple[int, ...], code: str | None = None) -> dict:
    statuses = (status,) if isinstance(status, int) else status
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert body["message"]
    assert body["code"] == code or code is None
    assert body["requestId"] == answer.headers["x-request-id"]
    return body


NOT_SAID = {"/auth/login", "/auth/refresh"}  # 401 for another reason than a missing token


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every route there is; a new one is in these tables by itself."""
    for path, methods in sorted(openapi()["paths"].items()):
        for method, operation in methods.items():
            yield method.upper(), path, operation


def sound_body(operation: dict[str, Any]) -> dict[str, Any]:
    """Every required field, with a value of its type."""
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = openapi()["components"]["schemas"][reference.rpartition("/")[2]]
    values = {"email": "a@example.com", "otp": "000000"}
    sample = {"string": "long enough 1", "integer": 1}
    return {name: values.get(name, sample.get(schema["properties"][name].get("type"))) for name in schema["required"]}


BODIES = {f"{method} {path}": sound_body(each) for method, path, each in operations() if "requestBody" in each}
SIGNED_IN = [f"{method} {path}" for method, path, each in operations() if "401" in each["responses"]]
FIELDS = [(route, field) for route, body in BODIES.items() for field in body]
INTEGERS = {(route, field) for route, field in FIELDS if BODIES[route][field] == 1}
WRONG_TYPES = (5, True, None, [], {}, 1.5, "\ud800")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def two(server, database):
    """Two people and their room: what is refused changes nothing for the next test."""
    people = [await arrive(server.url, database) for _ in range(2)]
    yield (*people, await people[0].open_room(people[1]))
    for person in people:
        await person.http.aclose()


@pytest.fixture
def alice(two):
    """One of them."""
    return two[0]


@pytest.fixture
def room(two):
    """The id of their room."""
    return two[2]


@pytest.fixture
async def stored(alice, room):
    """Runs after the test: the room is still empty."""
    yield
    assert await alice.history(room) == []


async def ask(http: httpx.AsyncClient, route: str, room: str, **options: Any) -> httpx.Response:
    """Call a route of the description; its room is this one, what else it names does not exist."""
    method, _, path = route.partition(" ")
    path = re.sub(r"{\w+}", NOTHING, path.replace("{room_id}", room))
    return await http.request(method, path, **options)


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize("body", [b"{", b"", b"nonsense", b'{"email": ', b"\xff\xfe", b"[", b'{"a": NaN}'])
async def test_broken_json(alice, room, stored, route, body):
    assert_error(await ask(alice.http, route, room, content=body, headers=JSON), 400)


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize("body", [[], "text", 5, None, True])
async def test_json_that_is_no_object(alice, room, stored, route, body):
    assert_error(await ask(alice.http, route, room, content=json.dumps(body), headers=JSON), 400)


@pytest.mark.parametrize(("route", "field"), FIELDS)
async def test_a_missing_field_is_named(alice, room, stored, route, field):
    body = {name: value for name, value in BODIES[route].items() if name != field}
    error = assert_error(await ask(alice.http, route, room, json=body), 400, "INVALID_INPUT")
    assert [detail["field"] for detail in error["details"]] == [field]


@pytest.mark.parametrize("route", BODIES)
async def test_every_missing_field_is_named(alice, room, stored, route):
    error = assert_error(await ask(alice.http, route, room, json={}), 400, "INVALID_INPUT")
    assert sorted(detail["field"] for detail in error["details"]) == sorted(BODIES[route])


@pytest.mark.parametrize(("route", "field"), FIELDS)
async def test_a_wrong_type_is_named(alice, room, stored, route, field):
    for wrong in WRONG_TYPES:
        if wrong == 5 and (route, field) in INTEGERS:
            continue
        body = json.dumps(BODIES[route] | {field: wrong})
        error = assert_error(await ask(alice.http, route, room, content=body, headers=JSON), 400)
        if wrong != "\ud800":
            assert field in [detail["field"] for detail in error["details"]], (wrong, error)


@pytest.mark.parametrize("route", BODIES)
async def test_a_body_of_a_megabyte_is_too_large(alice, room, stored, route):
    assert_error(await ask(alice.http, route, room, content=HUGE, headers=JSON), 413, "TOO_LARGE")


@pytest.mark.parametrize("route", BODIES)
async def test_what_is_no_json_is_refused(alice, room, stored, route):
    assert_error(await ask(alice.http, route, room, data=BODIES[route]), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("route", [each for each in SIGNED_IN if each.partition(" ")[2] not in NOT_SAID])
async def test_without_a_token_it_says_so(client, room, stored, route):
    options: dict[str, Any] = {"params": {"q": "x"}} | ({"json": BODIES[route]} if route in BODIES else {})
    assert_error(await ask(client, route, room, **options), 401, "NO_TOKEN")
    bad = {"Authorization": "Bearer nonsense"}
    assert_error(await ask(client, route, room, headers=bad, **options), 401, "INVALID_TOKEN")


def test_the_tables_hold_the_routes_of_the_contract():
    assert {"POST /auth/register", "POST /msg/room", "PATCH /msg/room/{room_id}/messages/{message_id}"} <= set(BODIES)
    assert {"GET /auth/profile", "GET /msg/room", "GET /msg/search", "POST /users/{user_id}/block"} <= set(SIGNED_IN)
    assert ("POST /msg/room", "otherUserId") in INTEGERS


@pytest.mark.parametrize("room_id", ["x", "1", NOTHING, NOTHING.replace("0", "A"), "%00", "..%2f..", "🎉"])
async def test_an_unknown_room_is_404(alice, room_id):
    assert_error(await alice.http.get(f"/msg/room/{room_id}/messages"), 404)
    assert_error(await alice.http.post(f"/msg/room/{room_id}/messages", json={"content": "x"}), 404)


async def test_someone_elses_room_is_403(room, stored, new_user):
    eve = await new_user()
    assert_error(await eve.http.get(f"/msg/room/{room}/messages"), 403, "ACCESS_DENIED")
    assert_error(await eve.http.post(f"/msg/room/{room}/messages", json={"content": "x"}), 403, "ACCESS_DENIED")


@pytest.mark.parametrize("other", [2**31 - 1, 2**31, 2**63, 2**64, 10**40, 0, -1, "1", 1.5])
async def test_an_unknown_user_has_no_room(alice, other):
    answer = await alice.http.post("/msg/room", json={"otherUserId": other})
    assert_error(answer, (400, 404))


async def test_nobody_has_a_room_with_oneself(alice):
    assert_error(await alice.http.post("/msg/room", json={"otherUserId": alice.id}), 400, "OWN_ROOM")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=-1", "before=x", "before=-1", "after=", "after=9" * 30,
     "before=1&after=1", "limit=%00"],
)  # fmt: skip
async def test_a_wrong_page_is_refused(alice, room, query):
    assert_error(await alice.http.get(f"/msg/room/{room}/messages?{query}"), 400, "INVALID_INPUT")


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "EMPTY_CONTENT"), (" \n", "EMPTY_CONTENT"), ("x" * 8001, "CONTENT_TOO_LONG"), ("a\0b", "INVALID_INPUT")],
)
async def test_content_that_cannot_be_stored_is_refused(alice, room, stored, content, code):
    assert_error(await alice.http.post(f"/msg/room/{room}/messages", json={"content": content}), 400, code)


@pytest.mark.parametrize("client_id", ["", "x" * 65, 5, "a\0", []])
async def test_a_client_id_is_at_most_64_characters(alice, room, stored, client_id):
    body = {"content": "x", "clientId": client_id}
    assert_error(await alice.http.post(f"/msg/room/{room}/messages", json=body), 400, "INVALID_INPUT")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("no-at-sign", "long enough 1"),
        ("a@", "long enough 1"),
        ("@example.com", "long enough 1"),
        ("a b@example.com", "long enough 1"),
        ("a@example.com\r\nBcc: b@example.com", "long enough 1"),
        ("a@exam\0ple.com", "long enough 1"),
        ("x" * 300 + "@example.com", "long enough 1"),
        ("a@example.com", "short"),
        ("a@example.com", "x" * 257),
        ("a@example.com", ""),
    ],
)
async def test_a_bad_address_or_a_short_password_is_400(client, email, password):
    assert_error(await client.post("/auth/register", json={"email": email, "password": password}), 400)


async def test_an_unknown_address_is_404_and_a_wrong_method_405(client):
    assert_error(await client.get("/nothing/here"), 404, "NOT_FOUND")
    assert_error(await client.get("/auth/login"), 405, "METHOD_NOT_ALLOWED")
    assert_error(await client.delete("/msg/room"), 405, "METHOD_NOT_ALLOWED")


async def test_bytes_that_are_no_http_are_400(server):
    import asyncio

    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
