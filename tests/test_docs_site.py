"""The docs site builds, fetches nothing from elsewhere, says what there is, and every block of code in it works."""

import asyncio
import inspect
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest

import duologue.client
from duologue.cli import app
from duologue.client import Duologue
from duologue.config import VARIABLES
from duologue.database.running import running_dsn
from duologue.demo.script import PASSWORD
from duologue.errors import Code
from tests.clients.browser import Browser
from tests.clients.devserver import DevServer, dev_server
from tests.clients.prose import Block, blocks
from tests.clients.shell import Shell
from tests.clients.tools import missing, output_of, program
from tests.harness.folder import passable_folder
from tests.harness.node import ROOT, Node, clean_environment

pytestmark = pytest.mark.xdist_group("docs")

DOCS = ROOT / "docs"
DRAWN = ("", "mermaid")  # diagrams, which nobody runs
PAGES = sorted(
    str(path.relative_to(DOCS))
    for path in DOCS.rglob("*.md")
    if any(block.language not in DRAWN for block in blocks(path.read_text("utf-8")))
)
CLIENT = (ROOT / "clients/js/duologue.js").read_text("utf-8")
MADE = ("http", "protocol", "python", "javascript", "configuration", "commands")
TYPES = {".html": "text/html", ".js": "text/javascript"}
SECONDS = 30.0


class Place:
    """A server with the people of the demonstration, a page server of a developer's, and a browser."""

    def __init__(self, node: Node, pages: DevServer, browser: Browser, folder: Path) -> None:
        self.node = node
        self.pages = pages
        self.browser = browser
        self.folder = folder

    def told(self, text: str) -> str:
        """What a page says, with the ports and the programs of this place."""
        ports = text.replace("localhost:4000", f"localhost:{self.node.port}")
        ports = ports.replace("localhost:8000", f"localhost:{self.pages.port}")
        return ports.replace("./run ", f"{ROOT}/run ").replace(".venv/bin/python", sys.executable)

    @property
    def environment(self) -> Mapping[str, str]:
        """Of a terminal in it."""
        return clean_environment({"DATA_DIR": str(self.folder / "data")})


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Everything a reader has after the first page."""
    chromium = program("chromium", "chromium-browser", "google-chrome")
    try:
        browser = await Browser.start(chromium, tmp_path_factory.mktemp("chromium"))
    except (RuntimeError, TimeoutError) as error:
        missing(f"Chromium does not start here: {error}")
    with passable_folder() as folder:
        async with dev_server({"/duologue.js": (TYPES[".js"], CLIENT)}) as pages:
            origin = f"http://localhost:{pages.port}"
            node = Node(
                {"DATA_DIR": str(folder / "data"), "CLIENT_URL": origin, "RATE_LIMITS": "off"}, folder, measured=False
            )
            await node.start()
            place = Place(node, pages, browser, folder)
            await output_of(sys.executable, "-m", "duologue", "demo", environment=dict(place.environment))
            yield place
            await node.stop()
    await browser.stop()


class Reader:
    """Does what a page says, block by block."""

    def __init__(self, place: Place, shell: Shell, folder: Path) -> None:
        self._place = place
        self._shell = shell
        self._folder = folder
        self._printed = ""

    async def follow(self, block: Block) -> None:
        """One block: saved, run, or compared with what the one before has printed."""
        text = self._place.told(block.text)
        if block.language in DRAWN:
            return
        if block.language == "json":
            json.loads(text)
        elif block.language == "sql":
            await self._try_statement(text)
        elif block.language == "text":
            for line in filter(None, map(str.strip, text.splitlines())):
                assert line in self._printed, f"{line!r} is not in what was printed:\n{self._printed}"
        elif block.language == "sh" and block.title.endswith("terminal"):
            started = re.findall(r"(\S+/run \w+|http\.server|\S+python \S+\.py)", text)
            assert started, f"nothing that the tests start: {block.text}"  # the server, the page server, a program
        elif block.language == "sh":
            self._printed = await self._shell.paste(text)
        elif block.title:
            path = self._folder / block.title
            path.write_text(text, "utf-8")
            self._place.pages.pages[f"/{path.name}"] = (TYPES.get(path.suffix, "text/plain"), text)
        elif block.language == "python":
            path = self._folder / "block.py"
            path.write_text(text, "utf-8")
            environment = dict(self._place.environment)
            self._printed = await output_of(sys.executable, str(path), cwd=self._folder, environment=environment)
        elif block.language == "js":
            self._printed = await self._in_browser(text)
        else:
            raise AssertionError(f"nobody runs {block.language!r}: give the block another form, or a test")

    async def _try_statement(self, text: str) -> None:
        dsn = running_dsn(self._place.folder / "data")
        assert dsn is not None
        connection = await asyncpg.connect(dsn)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(text)
            await transaction.rollback()
        finally:
            await connection.close()

    async def _in_browser(self, script: str) -> str:
        self._place.pages.pages |= {
            "/block": ("text/html", '<title>running</title><script type="module" src="block.js"></script>'),
            "/block.js": (TYPES[".js"], script + "\nconsole.log('the block is over');\n"),
        }
        page = await self._place.browser.new_page()
        await page.go(f"http://localhost:{self._place.pages.port}/block")
        lines: list[str] = []
        while (line := await page.logged()) != "the block is over":
            assert "Error" not in line, line
            lines.append(line)
        return "\n".join(lines)


@pytest.mark.parametrize("name", PAGES)
async def test_every_block_of_code_works(place, tmp_path, name):
    shell = await Shell.open(tmp_path, place.environment)
    try:
        reader = Reader(place, shell, tmp_path)
        for block in blocks((DOCS / name).read_text("utf-8")):
            await reader.follow(block)
    finally:
        await shell.close()


async def test_the_chat_of_the_tutorial_talks_and_outlives_a_restart(place, tmp_path):
    """The page as it is saved, in two browsers' worth of cookies; the bot beside it."""
    saved = {block.title: place.told(block.text) for block in blocks((DOCS / "tutorial.md").read_text("utf-8"))}
    place.pages.pages |= {
        "/": (TYPES[".html"], saved["my-chat/index.html"]),
        "/chat.js": (TYPES[".js"], saved["my-chat/chat.js"]),
    }
    ada, ben = [await window(place, name) for name in ("ada", "ben")]
    await choose(ada, "Ben Okafor")
    await choose(ben, "Ada Nowak")
    await write(ada, "On your screen <b>at once</b>")
    await shown(ben, "On your screen <b>at once</b>")

    await place.node.stop()
    await write(ada, "While it was away")
    assert await ada.run("document.querySelector('.sending')?.textContent") == "While it was away"
    await place.node.start()
    await shown(ben, "While it was away")
    assert await ada.run("document.querySelectorAll('.sending').length") == 0

    bot = tmp_path / "bot.py"
    bot.write_text(saved["bot.py"], "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(bot), env=dict(place.environment), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            assert await process.stdout.readline() == b"listening\n"
        await choose(ada, "Kofi Mensah")
        await write(ada, "Count this")
        await shown(ada, "That is 10 characters long.")
    finally:
        process.kill()
        await process.wait()


async def window(place, name):
    """A private window in which somebody has signed in."""
    page = await place.browser.new_page()
    await page.go(f"http://localhost:{place.pages.port}/")
    await page.run(
        f"""const form = document.getElementById('sign-in');
        form.elements.email.value = '{name}@demo.example';
        form.elements.password.value = '{PASSWORD}';
        form.requestSubmit();"""
    )
    return page


async def when(page, condition):
    """Wait until something is so on the page."""
    seen = await page.run(
        f"""await new Promise((done) => {{
            const look = () => ({condition}) ? done(true) : requestAnimationFrame(look);
            setTimeout(() => done(document.body.innerText), {int(SECONDS * 500)});
            look();
        }})"""
    )
    assert seen is True, f"not so: {condition}\n{seen}"


async def choose(page, name):
    """Open somebody's room."""
    button = f"[...document.querySelectorAll('#rooms button')].find((each) => each.textContent.startsWith('{name}'))"
    await when(page, button)
    await page.run(f"void {button}.click()")
    await when(page, "!document.getElementById('say').hidden")


async def write(page, text):
    """Say something."""
    await page.run(
        f"""document.getElementById('say').elements.text.value = {json.dumps(text)};
        document.getElementById('say').requestSubmit();"""
    )
    await when(page, f"document.getElementById('messages').innerText.includes({json.dumps(text)})")


async def shown(page, text):
    """Wait for it, as a stored message."""
    await when(
        page, f"[...document.querySelectorAll('.stored')].some((each) => each.textContent === {json.dumps(text)})"
    )


async def test_the_example_of_the_python_client_works(place, tmp_path):
    """It stands in the package's docstring, and so in the reference; Gita and Hannah have not talked before."""
    example = inspect.getdoc(duologue.client).split("\n\n")[1]
    example = place.told(example.replace("ann@example.com", "gita@demo.example").replace("ben@", "hannah@"))
    names = "import asyncio\nfrom duologue.client import Duologue, NewMessage\n"
    script = tmp_path / "example.py"
    script.write_text(f"{names}async def main():\n{example}\nasyncio.run(main())\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", str(script), env=dict(place.environment), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            assert await process.stdout.readline() == b"Hello, Ben!\n"
    finally:
        process.kill()
        await process.wait()


# The built site


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
