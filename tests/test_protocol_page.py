"""`/protocol`: everything the sockets speak, to read, without scripts and without other servers."""

import re

import pytest

from duologue.errors import Close, Code
from duologue.wire.asyncapi import asyncapi_document

ANCHOR = re.compile(r'href="#([^"]+)"')
TARGET = re.compile(r'id="([^"]+)"')


@pytest.fixture
async def page(client) -> str:
    """The page."""
    answer = await client.get("/protocol")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


async def test_the_page_names_every_frame_route_and_code(page):
    document = asyncapi_document()
    for key in document["components"]["messages"]:
        assert f'id="{key}"' in page
    for channel in document["channels"].values():
        assert channel["address"] in page
    for code in Code:
        assert f'id="code-{code.value}"' in page
    for number in (value for name, value in vars(Close).items() if name.isupper()):
        assert f"<code>{number}</code>" in page


async def test_every_link_within_the_page_leads_somewhere(page):
    anchors = set(ANCHOR.findall(page))
    assert anchors
    assert anchors - set(TARGET.findall(page)) == set()
    assert len(TARGET.findall(page)) == len(set(TARGET.findall(page)))


async def test_the_page_needs_no_script_and_nothing_from_elsewhere(client, page):
    policy = (await client.get("/protocol")).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src data:;")
    assert "script" not in page.lower()
    assert "style=" not in page
    for link in re.findall(r'(?:href|src)="([^"#]+)"', page):
        assert link.startswith(("/", "data:")), link
    for link in ("/protocol.css", "/asyncapi.json", "/docs"):
        assert f'"{link}"' in page
        assert (await client.get(link)).status_code == 200
    assert (await client.get("/protocol.css")).headers["content-type"].startswith("text/css")


async def test_what_a_browser_has_already_is_not_sent_again(client, page):
    tag = (await client.get("/protocol")).headers["etag"]
    assert (await client.get("/protocol", headers={"If-None-Match": f'W/{tag}, "other"'})).status_code == 304
    assert (await client.get("/protocol", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_the_page_is_linked_from_the_first_page_and_from_the_docs(client):
    assert 'href="/protocol"' in (await client.get("/")).text
    assert "(/protocol)" in (await client.get("/openapi.json")).json()["info"]["description"]
