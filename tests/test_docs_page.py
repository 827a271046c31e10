"""`/docs` and `/openapi.json`, served for real by an application of three routes."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar, Request, Response, get, post
from litestar.params import FromPath, JSONBody
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from duologue.errors import AppError
from duologue.web import docs
from duologue.wire.rooms import Message, SendRequest
from tests.mail.serving import http_client

LINK = re.compile(r"""(?:src|href)=["']([^"']+)""")


@get("/healthz", security=[{}], sync_to_thread=False)
def healthz() -> dict[str, bool]:
    """Alive."""
    return {"ok": True}


@get("/msg/whoami", sync_to_thread=False)
def whoami(request: Request) -> dict[str, str | None]:
    """Who is asking."""
    return {"token": request.cookies.get("accessToken")}


@post("/msg/room/{room_id:str}/messages", tags=["Messaging"], sync_to_thread=False)
def send(room_id: FromPath[str], data: JSONBody[SendRequest]) -> Message:
    """Say something."""
    return Message("1", room_id, 1, data.content, "2026-01-01T00:00:00.000Z", 1)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = Litestar(
        [healthz, whoami, send, docs.docs_router()],
        openapi_config=docs.openapi_config(),
        exception_handlers={AppError: lambda _, error: Response(error.message, status_code=error.status)},
        logging_config=None,
    )
    async with http_client(app) as client:
        yield client


async def test_the_page_refers_to_nothing_outside(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in page.text
    links = LINK.findall(page.text)
    assert links
    assert all(link.startswith("/") for link in links)


async def test_everything_the_page_links_to_is_there_with_its_type(http: httpx.AsyncClient) -> None:
    for link in LINK.findall((await http.get("/docs")).text):
        answer = await http.get(link)
        assert answer.status_code == 200, link
        assert answer.headers["x-content-type-options"] == "nosniff"
        if link.endswith(".js"):
            assert answer.headers["content-type"].startswith("text/javascript")
            assert "immutable" in answer.headers["cache-control"]
        if link.endswith(".css"):
            assert answer.headers["content-type"].startswith("text/css")


async def test_the_script_comes_compressed_where_that_is_understood_and_plain_elsewhere(
    http: httpx.AsyncClient,
) -> None:
    link = next(link for link in LINK.findall((await http.get("/docs")).text) if link.endswith("bundle.js"))
    packed = await http.get(link, headers={"Accept-Encoding": "gzip"})
    plain = await http.get(link, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["vary"] == "Accept-Encoding"


async def test_the_pages_policy_allows_no_script_but_our_files(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert not re.search(r"<script[^>]*>[^<]", page.text)
    assert " on" not in re.sub(r">[^<]*<", "><", page.text).replace('"', " ")


@pytest.mark.parametrize("path", ["/", "/docs/openapi.json", "/docs/assets", "/openapi.yaml", "/schema", "/nothing"])
async def test_no_address_beside_the_two_answers(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("name", ["..%2Fdocs.py", "README.md", "docs.py", "..%2f..%2f..%2fetc%2fpasswd"])
async def test_only_the_pages_own_files_are_served(http: httpx.AsyncClient, name: str) -> None:
    folder = next(link for link in LINK.findall((await http.get("/docs")).text)).rpartition("/")[0]
    assert (await http.get(f"{folder}/{name}")).status_code == 404
    assert (await http.get("/docs/assets/000000000000/docs.js")).status_code == 404


async def test_the_description_is_valid_openapi_3_1(http: httpx.AsyncClient) -> None:
    answer = await http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    spec = answer.json()
    assert spec["openapi"].startswith("3.1")
    OPENAPI_31_VALIDATOR.validate(spec)
    assert sorted(spec["paths"]) == ["/healthz", "/msg/room/{room_id}/messages", "/msg/whoami"]


async def test_the_description_names_both_ways_to_sign_in(http: httpx.AsyncClient) -> None:
    spec = (await http.get("/openapi.json")).json()
    schemes = spec["components"]["securitySchemes"]
    assert (schemes["cookie"]["in"], schemes["cookie"]["name"]) == ("cookie", "accessToken")
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    assert spec["security"] == [{"cookie": []}, {"bearer": []}]
    assert spec["paths"]["/healthz"]["get"]["security"] == [{}]
    assert "security" not in spec["paths"]["/msg/whoami"]["get"]
    assert spec["info"]["title"] == "Duologue"


async def test_requests_from_the_page_carry_cookies_and_go_only_to_this_server(http: httpx.AsyncClient) -> None:
    script = (await http.get(next(k for k in LINK.findall((await http.get("/docs")).text) if "docs.js" in k))).text
    assert "withCredentials: true" in script
    assert "validatorUrl: null" in script  # else every page view asks somebody else's server
    page = await http.get("/docs")
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    servers = (await http.get("/openapi.json")).json()["servers"]
    assert servers == [{"url": "/"}]
