"""Which pages may call, what they may read, and the headers every answer wears: over HTTP, in both environments."""

import asyncio

import pytest
import pytest_asyncio
import websockets

from tests.harness.http import plain_client
from tests.harness.node import Node, free_port
from tests.harness.schemas import checked_client

pytestmark = pytest.mark.xdist_group("edge")  # one worker has the two servers

PAGE = "https://chat.example.com"
OTHER_PAGE = "http://localhost:5173"
FOREIGN = "https://evil.example"
CREDENTIALS = {"email": "nobody@example.com", "password": "not a password"}


async def serve(folder, database, **environment):
    """A server with two pages on its list."""
    settings = {
        "DATABASE_URL": database,
        "RATE_LIMITS": "off",
        "DATA_DIR": str(folder / "data"),
        "CLIENT_URL": f"{PAGE},{OTHER_PAGE}",
    }
    node = Node(settings | environment, folder, port=free_port())
    await node.start()
    return node


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def development(database, tmp_path_factory):
    """A server as developers have it."""
    node = await serve(tmp_path_factory.mktemp("development"), database)
    yield node
    await node.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def production(database, tmp_path_factory):
    """A server as it is deployed."""
    node = await serve(
        tmp_path_factory.mktemp("production"),
        database,
        ENVIRONMENT="production",
        JWT_SECRET="an access secret of more than 32 bytes",
        JWT_REFRESH_SECRET="a refresh secret of more than 32 bytes",
        SMTP_HOST="127.0.0.1",
        SMTP_PORT="9",
    )
    yield node
    await node.stop()


@pytest.fixture(params=["development", "production"])
def node(request):
    """Each of them."""
    return request.getfixturevalue(request.param)


async def ask(node, method, path, **options):
    """One request, without cookies."""
    async with checked_client(node.url, timeout=10) as http:
        return await http.request(method, path, **options)


async def sign_in(node, headers):
    """A login that gets as far as the password, or is refused before."""
    return await ask(node, "POST", "/auth/login", json=CREDENTIALS, headers=headers)


def own(node, scheme="http"):
    """The origin of the server's own pages."""
    return f"{scheme}://127.0.0.1:{node.port}"


WELCOME = {
    "no browser": lambda node: {},
    "its own page": lambda node: {"Origin": own(node), "Sec-Fetch-Site": "same-origin"},
    "its own page behind TLS": lambda node: {"Origin": own(node, "https"), "Sec-Fetch-Site": "same-origin"},
    "its own page in an old browser": lambda node: {"Origin": own(node)},
    "its own page, without an origin": lambda node: {"Sec-Fetch-Site": "same-origin"},
    "the address bar": lambda node: {"Sec-Fetch-Site": "none"},
    "a listed page": lambda node: {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"},
    "a listed page next door": lambda node: {"Origin": OTHER_PAGE, "Sec-Fetch-Site": "same-site"},
    "a listed page in an old browser": lambda node: {"Origin": PAGE},
}
REFUSED = {
    "a foreign page": lambda node: {"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site"},
    "a foreign page in an old browser": lambda node: {"Origin": FOREIGN},
    "a foreign form without an origin": lambda node: {"Sec-Fetch-Site": "cross-site"},
    "a neighbour without an origin": lambda node: {"Sec-Fetch-Site": "same-site"},
    "another port of this host": lambda node: {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    "our host in clear, seen from TLS": lambda node: {"Origin": own(node), "Sec-Fetch-Site": "cross-site"},
    "a sandboxed page": lambda node: {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    "a sandboxed page in an old browser": lambda node: {"Origin": "null"},
    "a file": lambda node: {"Origin": "file://"},
    "no origin at all, spelt out": lambda node: {"Origin": ""},
    "an origin that begins like a listed one": lambda node: {"Origin": f"{PAGE}.evil.example"},
    "an origin that ends like a listed one": lambda node: {"Origin": "https://evilchat.example.com"},
    "a listed host in clear": lambda node: {"Origin": PAGE.replace("https", "http")},
    "a listed host on another port": lambda node: {"Origin": f"{PAGE}:8443"},
    "our host as a user name": lambda node: {"Origin": f"http://127.0.0.1:{node.port}@evil.example"},
    "our host behind a user name": lambda node: {"Origin": f"http://evil@127.0.0.1:{node.port}"},
    "another scheme": lambda node: {"Origin": f"ftp://127.0.0.1:{node.port}"},
    "half an address": lambda node: {"Origin": "http://["},
    "an unknown Sec-Fetch-Site": lambda node: {"Sec-Fetch-Site": "elsewhere"},
}


@pytest.mark.parametrize("who", WELCOME)
async def test_these_may_call(node, who):
    answer = await sign_in(node, WELCOME[who](node))
    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("who", REFUSED)
async def test_these_may_not_call_not_even_to_sign_in(node, who):
    answer = await sign_in(node, REFUSED[who](node))
    assert (answer.status_code, answer.json()["code"]) == (403, "ORIGIN_NOT_ALLOWED")
    assert answer.json()["requestId"] == answer.headers["x-request-id"]


async def test_without_a_host_no_page_is_our_own(development):
    answer = await sign_in(development, {"Origin": "http://", "Host": ""})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/auth/register"),
        ("POST", "/auth/refresh"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/delete-account"),
        ("DELETE", "/auth/sessions"),
        ("POST", "/msg/room"),
        ("PATCH", "/msg/room/1/messages/1"),
        ("DELETE", "/msg/room/1/messages/1"),
        ("POST", "/users/1/block"),
        ("PUT", "/nothing"),
    ],
)
async def test_every_unsafe_method_asks_where_from(development, method, path):
    answer = await ask(development, method, path, headers={"Origin": FOREIGN})
    assert (answer.status_code, answer.json()["code"]) == (403, "ORIGIN_NOT_ALLOWED")


async def test_a_foreign_page_may_read_what_is_open_but_not_with_cookies(node):
    answer = await ask(node, "GET", "/healthz", headers={"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_form_can_send_is_no_json(node, media_type):
    body = b'{"email": "nobody@example.com", "password": "not a password"}'
    answer = await ask(node, "POST", "/auth/login", content=body, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_json_may_name_its_encoding(development):
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = await ask(development, "POST", "/auth/login", content=b"{}", headers=headers)
    assert answer.json()["code"] == "INVALID_INPUT"


async def test_a_body_in_pieces_is_a_body(development):
    async def pieces():
        yield b"email=a"

    answer = await ask(development, "POST", "/auth/login", content=pieces())
    assert answer.status_code == 415


async def preflight(node, origin, method="POST", path="/auth/login"):
    """What a browser asks before a request of another page."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    return await ask(node, "OPTIONS", path, headers=headers)


@pytest.mark.parametrize("origin", [PAGE, OTHER_PAGE])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_a_listed_page_may_ask_with_cookies(node, origin, method):
    answer = await preflight(node, origin, method)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    assert "content-type" in answer.headers["access-control-allow-headers"].split(", ")
    assert "*" not in str(answer.headers)
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("origin", [FOREIGN, "null", "*", "", f"{PAGE}.evil.example", "https://evil.example,https://x"])
async def test_no_other_page_may(node, origin):
    answer = await preflight(node, origin)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/healthz", "/auth/profile", "/nothing", "/auth/refresh", "/asyncapi.json"])
async def test_a_listed_page_may_read_every_answer_and_every_error(node, path):
    answer = await ask(node, "GET", path, headers={"Origin": PAGE})
    assert answer.headers.get_list("access-control-allow-origin") == [PAGE]
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "retry-after" in answer.headers["access-control-expose-headers"]
    assert "origin" in answer.headers["vary"].lower()


async def test_a_listed_page_may_read_that_its_body_was_no_json(node):
    answer = await ask(node, "POST", "/auth/login", content=b"x", headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (415, PAGE)


async def test_caches_know_that_answers_depend_on_the_page(node):
    answer = await ask(node, "GET", "/healthz")
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-origin" not in answer.headers


ANSWERS = [
    ("GET", "/healthz", 200),
    ("GET", "/", 200),
    ("GET", "/docs", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/auth/profile", 401),
    ("GET", "/msg/room", 401),
    ("GET", "/nothing", 404),
    ("GET", "/auth/login", 405),
    ("POST", "/auth/login", 400),
    ("POST", "/auth/refresh", 401),
    ("POST", "/auth/logout", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_every_answer_wears_the_security_headers(node, method, path, status):
    answer = await ask(node, method, path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-site"
    for directive in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "server" not in answer.headers
    hsts = answer.headers.get("strict-transport-security")
    assert hsts == ("max-age=63072000; includeSubDomains" if node.environment.get("ENVIRONMENT") else None)


async def test_a_refusal_at_the_door_wears_them_too(node):
    answer = await sign_in(node, {"Origin": FOREIGN})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/auth/profile", "/auth/nothing", "/msg/room", "/msg/search", "/users", "/healthz", "/nothing"]
)
async def test_nothing_personal_is_kept_by_a_cache(node, path):
    assert (await ask(node, "GET", path)).headers["cache-control"] == "no-store"


async def test_a_page_runs_no_script_that_is_not_its_own(node):
    for path in ("/", "/docs"):
        policy = (await ask(node, "GET", path)).headers["content-security-policy"]
        scripts = [part.strip() for part in policy.split(";") if part.strip().startswith("script-src")]
        assert scripts in ([], ["script-src 'self'"])


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/auth/login", {"POST", "OPTIONS"}),
        ("POST", "/auth/profile", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/msg/room", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("TRACE", "/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(node, method, path, allow):
    answer = await ask(node, method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["allow"].split(", ")) == allow


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/auth/sessions", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("/msg/room", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/auth/login", {"POST", "OPTIONS"}),
    ],
)
async def test_options_names_all_methods_of_an_address(node, path, allow):
    answer = await ask(node, "OPTIONS", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert set(answer.headers["allow"].split(", ")) == allow


async def test_options_of_nothing_is_nothing(node):
    answer = await ask(node, "OPTIONS", "/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/auth/profile", "/nothing"])
async def test_head_is_get_without_its_body(node, path):
    get, head = await ask(node, "GET", path), await ask(node, "HEAD", path)
    assert head.status_code == get.status_code
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_the_mailbox_is_for_development_alone(development, production):
    assert (await ask(development, "GET", "/dev/mailbox.json")).status_code == 200
    async with plain_client(base_url=production.url) as http:  # what is described is a development server
        for path in ("/dev/mailbox", "/dev/mailbox.json"):
            assert (await http.get(path)).status_code == 404


async def test_sockets_have_the_same_rule(node):
    for origin in (PAGE, OTHER_PAGE, own(node), own(node, "https")):
        async with websockets.connect(f"{node.ws_url}/users", origin=origin) as socket:
            await socket.wait_closed()
            assert socket.close_code == 4001
    for origin in (FOREIGN, "null", "http://[", f"{PAGE}.evil.example", PAGE.replace("https", "http")):
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await websockets.connect(f"{node.ws_url}/users", origin=origin)
        assert refusal.value.response.status_code == 403


SMUGGLED = "GET /auth/profile HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        f"Content-Length: {len(SMUGGLED)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"Transfer-Encoding: chunked\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n0\r\n\r\n",
        f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\nX: y\r\n\r\n",
    ],
)
async def test_a_request_whose_end_is_in_doubt_is_refused(development, framing):
    reader, writer = await asyncio.open_connection("127.0.0.1", development.port)
    writer.write(f"POST /auth/logout HTTP/1.1\r\nHost: x\r\n{framing}{SMUGGLED}".encode())
    writer.write_eof()
    answers = (await reader.read()).decode()
    writer.close()
    assert answers.startswith("HTTP/1.1 400 ")
    assert answers.count("HTTP/1.1 ") == 1
