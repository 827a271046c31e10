"""The docs site as it is built: complete, fetching nothing from elsewhere, and read by whoever cannot see colours."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from playwright.async_api import expect

from duologue.cli import app
from duologue.client import Duologue
from duologue.config import VARIABLES
from duologue.errors import Code
from tests.harness.node import ROOT
from tests.web.looks import LOOKS, looked_at
from tests.web.visitor import Visitor

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("web-site")]

DOCS = ROOT / "docs"


class Links(HTMLParser):
    """What a page refers to, and what it has to be fetched with it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids.add(values.get("id", ""))
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])
        elif tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.fetched.add(values.get("href", ""))
        elif tag in ("script", "img", "iframe", "source", "video") and values.get("src"):
            self.fetched.add(values["src"])


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `./run docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)),
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert (process.returncode, said.decode()) == (0, "")
    return folder


def read(page: Path) -> Links:
    links = Links()
    links.feed(page.read_text("utf-8"))
    return links


def test_it_is_built_without_a_warning_and_has_every_page(site):
    made = {str(path.relative_to(site)) for path in site.rglob("*.html")}
    written = {str(path.relative_to(DOCS).with_suffix(".html")) for path in DOCS.rglob("*.md")}
    assert {name.replace("README", "index") for name in written} <= made
    assert {
        f"reference/{name}.html" for name in ("http", "protocol", "python", "javascript", "configuration", "commands")
    } <= made


def test_nothing_is_fetched_from_elsewhere_and_every_link_leads_somewhere(site):
    pages = {path: read(path) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        for address in page.fetched | page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                assert address in page.links - page.fetched, f"{path.name} fetches {address}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path.name} links to {address}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, f"{path.name} links to {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?https?:", style.read_text("utf-8")), f"{style.name} fetches from elsewhere"


async def test_the_reference_has_every_request_frame_variable_and_command(site, client):
    shown = {path.stem: path.read_text("utf-8") for path in (site / "reference").glob("*.html")}
    described = (await client.get("/openapi.json")).json()
    for path, operations in described["paths"].items():
        for method in operations:
            if not path.startswith("/dev/"):
                assert f"<code>{method.upper()} {path}</code>" in shown["http"], (method, path)
    for code in Code:
        assert f"<code>{code}</code>" in shown["protocol"]
    for variable in VARIABLES:
        assert f"<code>{variable.name}</code>" in shown["configuration"]
    for command in app.registered_commands:
        assert f'id="{command.callback.__name__}"' in shown["commands"]
    for name in (name for name in vars(Duologue) if not name.startswith("_")):
        assert name in shown["python"]
        assert "openRoom" in shown["javascript"]


# As it is read


class Pages(SimpleHTTPRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=site)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_wrong_with_pages_of_each_kind(new_visitor, axe, address, look):
    visitor: Visitor = await new_visitor(base=address, viewport=LOOKS[look])
    page = visitor.page
    against = []
    for name in ("404", "tutorial", "reference/commands", "index"):
        await page.goto(f"/{name}.html")
        against += await looked_at(page, axe, f"site-{name.replace('/', '-')}", look)
    if look == "phone":
        await page.locator("header label[for=__drawer]").click()
        against += await looked_at(page, axe, "site-drawer", look)
        await page.reload()
        await page.locator("label.md-header__button[for=__search]").click()
    await page.get_by_role("textbox", name="Search").press_sequentially("outbox")
    await expect(page.locator(".md-search-result__link").first).to_be_visible()
    against += await looked_at(page, axe, "site-search", look)
    assert "\n".join(against) == ""


@pytest.mark.long
@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_wrong_with_any_page(new_visitor, axe, site, address, look):
    visitor: Visitor = await new_visitor(base=address, viewport=LOOKS[look])
    against = []
    for path in sorted(site.rglob("*.html")):
        await visitor.page.goto(f"/{path.relative_to(site)}")
        against += await looked_at(visitor.page, axe, f"site-{path.stem}", look)
    assert "\n".join(against) == ""


async def test_a_table_too_wide_for_a_phone_is_scrolled_with_the_keyboard(new_visitor, address, phone):
    visitor: Visitor = await new_visitor(base=address, **phone)
    page = visitor.page
    await page.goto("/reference/commands.html")
    table = page.locator(".md-typeset__scrollwrap[tabindex]").first
    await table.focus()
    await expect(table).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await page.wait_for_function("() => document.activeElement.scrollLeft > 0")
