"""Every block of code in the docs works, and so does the chat that the tutorial builds."""

import asyncio
import inspect
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg
import pytest

import duologue.client
from duologue.database.running import running_dsn
from duologue.demo.script import PASSWORD
from tests.clients.browser import Browser
from tests.clients.devserver import DevServer, dev_server
from tests.clients.prose import Block, blocks
from tests.clients.shell import Shell
from tests.clients.tools import output_of
from tests.harness.folder import passable_folder
from tests.harness.node import ROOT, Node, clean_environment

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("docs")]

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
    browser = await Browser.start(tmp_path_factory.mktemp("chromium"))
    with passable_folder() as folder:
        async with dev_server({"/duologue.js": (TYPES[".js"], CLIENT)}) as pages:
            origin = f"http://localhost:{pages.port}"
            node = Node({"DATA_DIR": str(folder / "data"), "CLIENT_URL": origin, "RATE_LIMITS": "off"}, folder)
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
