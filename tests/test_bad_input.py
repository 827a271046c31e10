"""For every route: whatever is wrong, the answer is a clear 4xx in the error format, and nothing is stored."""

import json
import uuid

import httpx
import pytest

HUGE = b'{"content": "' + b"x" * (1 << 20) + b'"}'
JSON = {"Content-Type": "application/json"}
UNKNOWN_ROOM = str(uuid.UUID(int=0))


def assert_error(answer: httpx.Response, status: int | tuple[int, ...], code: str | None = None) -> dict:
    statuses = (status,) if isinstance(status, int) else status
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert body["message"]
    assert body["code"] == code or code is None
    assert body["requestId"] == answer.headers["x-request-id"]
    return body


POSTS = {
    "/auth/register": {"email": "a@example.com", "password": "long enough 1"},
    "/auth/verify-otp": {"email": "a@example.com", "otp": "000000"},
    "/auth/resend-otp": {"email": "a@example.com"},
    "/auth/login": {"email": "a@example.com", "password": "long enough 1"},
    "/auth/reset-password": {"email": "a@example.com"},
    "/auth/set-new-password": {"email": "a@example.com", "otp": "000000", "newPassword": "long enough 2"},
    "/auth/change-password": {"password": "x", "newPassword": "long enough 2"},
    "/msg/room": {"otherUserId": 1},
    "/msg/room/{room}/messages": {"content": "hello"},
}
WRONG_TYPES = (5, True, None, [], {}, 1.5, "\ud800")


@pytest.fixture
async def stored(alice, room):
    """Runs after the test: the room is still empty."""
    yield
    assert await alice.history(room) == []


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [b"{", b"", b"nonsense", b'{"email": ', b"\xff\xfe", b"[", b'{"a": NaN}'])
async def test_broken_json(alice, room, stored, path, body):
    answer = await alice.http.post(path.format(room=room), content=body, headers=JSON)
    assert_error(answer, 400)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [[], "text", 5, None, True])
async def test_json_that_is_no_object(alice, room, stored, path, body):
    answer = await alice.http.post(path.format(room=room), content=json.dumps(body), headers=JSON)
    assert_error(answer, 400)


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, body in POSTS.items() for field in body])
async def test_a_missing_field_is_named(alice, room, stored, path, field):
    body = {name: value for name, value in POSTS[path].items() if name != field}
    error = assert_error(await alice.http.post(path.format(room=room), json=body), 400, "INVALID_INPUT")
    assert [detail["field"] for detail in error["details"]] == [field]


@pytest.mark.parametrize("path", POSTS)
async def test_every_missing_field_is_named(alice, room, stored, path):
    error = assert_error(await alice.http.post(path.format(room=room), json={}), 400, "INVALID_INPUT")
    assert sorted(detail["field"] for detail in error["details"]) == sorted(POSTS[path])


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, body in POSTS.items() for field in body])
async def test_a_wrong_type_is_named(alice, room, stored, path, field):
    for wrong in WRONG_TYPES:
        if isinstance(wrong, int) and not isinstance(wrong, bool) and field == "otherUserId":
            continue
        answer = await alice.http.post(
            path.format(room=room), content=json.dumps(POSTS[path] | {field: wrong}), headers=JSON
        )
        error = assert_error(answer, 400)
        if wrong != "\ud800":
            assert field in [detail["field"] for detail in error["details"]], (wrong, error)


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_of_a_megabyte_is_too_large(alice, room, stored, path):
    assert_error(await alice.http.post(path.format(room=room), content=HUGE, headers=JSON), 413, "TOO_LARGE")


@pytest.mark.parametrize("path", POSTS)
async def test_what_is_no_json_is_refused(alice, room, stored, path):
    body = POSTS[path]
    assert_error(await alice.http.post(path.format(room=room), data=body), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/profile"),
        ("GET", "/msg/room"),
        ("GET", "/msg/rooms"),
        ("POST", "/msg/room"),
        ("GET", "/msg/room/{room}/messages"),
        ("POST", "/msg/room/{room}/messages"),
    ],
)
async def test_without_a_token_it_says_so(client, room, stored, method, path):
    body = None if method == "GET" else POSTS[path]
    assert_error(await client.request(method, path.format(room=room), json=body), 401, "NO_TOKEN")
    bad = {"Authorization": "Bearer nonsense"}
    assert_error(await client.request(method, path.format(room=room), json=body, headers=bad), 401, "INVALID_TOKEN")


@pytest.mark.parametrize("room_id", ["x", "1", UNKNOWN_ROOM, UNKNOWN_ROOM.replace("0", "A"), "%00", "..%2f..", "🎉"])
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
