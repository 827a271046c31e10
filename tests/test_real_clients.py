"""A client written against the seed works unchanged: in Chromium, in Node, in Python."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import websockets

from tests.clients.browser import Browser, Page
from tests.clients.devserver import DevServer, dev_server
from tests.clients.readme import code
from tests.clients.tools import FOLDER, MODULES, node_major, node_program, output_of
from tests.harness.node import Node
from tests.harness.people import PASSWORD, Person, Socket, sign_up
from tests.harness.sessions import SECRETS

pytestmark = pytest.mark.xdist_group("clients")

SEED_PAGE = (FOLDER / "seed.html").read_text("utf-8")
SEED_SCRIPT = SEED_PAGE.split('<script type="module">')[1].split("</script>")[0]


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """One Chromium for all."""
    browser = await Browser.start(tmp_path_factory.mktemp("chromium"))
    yield browser
    await browser.stop()


async def sign_in(page: Page, person: Person) -> None:
    """As a page's own form would: the cookies are the browser's."""
    status = await page.run(
        f"""(await fetch('/auth/login', {{
            method: 'POST',
            headers: {{ 'Content-Type': 'application/json' }},
            body: JSON.stringify({{ email: '{person.email}', password: '{PASSWORD}' }}),
        }})).status"""
    )
    assert status == 200
    assert await page.run("document.cookie") == ""  # the tokens are HttpOnly


async def talk_with(page: Page, bob: Person, room: str) -> None:
    """What the seed's example sends arrives; what the other one sends is logged; its own message does not come back."""
    async with bob.socket(f"/room/{room}", after=0) as socket:
        assert await page.logged() == "Connected!"
        heard = await socket.receive()
        assert heard["type"] == "NEW_MESSAGE"
        assert heard["data"]["content"] == "Hello!"
        await socket.say("Hello from the other side!")
        assert await page.logged() == "New message from others: Hello from the other side!"


async def test_the_seeds_react_steps_work_on_a_page_of_the_server(server, browser, alice, bob, room):
    page = await browser.new_page()
    await page.go(f"http://localhost:{server.port}/")
    await sign_in(page, alice)
    await page.run(SEED_SCRIPT.replace("4000", str(server.port)))
    await talk_with(page, bob, room)
    assert [message["content"] for message in await alice.history(room)] == ["Hello!", "Hello from the other side!"]


@pytest.fixture(scope="module")
async def developer(
    database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[DevServer, Node, Person, Person, str]]:
    """What a React developer has: a page server, the API behind it, Alice, Bob and their room."""
    folder = tmp_path_factory.mktemp("developer")
    async with dev_server({"/": ("text/html", "<title>Signing in</title>")}) as dev:
        origin = f"http://localhost:{dev.port}"
        # The worker's server sends the mails of this database too: both have to read them.
        settings = SECRETS | {"DATABASE_URL": database, "CLIENT_URL": origin, "RATE_LIMITS": "off"}
        node = Node(settings, folder)
        await node.start()
        dev.api_port = node.port
        alice, bob = await sign_up(node.url), await sign_up(node.url)
        yield dev, node, alice, bob, await alice.open_room(bob)
        await alice.http.aclose()
        await bob.http.aclose()
        await node.stop()


async def test_the_seeds_page_works_unchanged_on_a_react_developers_own_server(browser, developer):
    dev, node, alice, bob, room = developer
    dev.pages["/app"] = ("text/html", SEED_PAGE.replace("4000", str(node.port)))
    page = await browser.new_page()
    await page.go(f"http://localhost:{dev.port}/")
    await sign_in(page, alice)
    await page.go(f"http://localhost:{dev.port}/app")
    await talk_with(page, bob, room)


async def test_a_page_of_client_url_calls_the_api_directly_with_its_cookies(browser, developer):
    dev, node, alice, _, room = developer
    page = await browser.new_page()
    await page.go(f"http://localhost:{dev.port}/")
    await sign_in(page, alice)
    rooms = await page.run(
        f"await (await fetch('http://localhost:{node.port}/msg/room', {{ credentials: 'include' }})).json()"
    )
    assert [each["id"] for each in rooms["rooms"]] == [room]


async def test_a_page_of_a_stranger_opens_no_socket(server, browser, alice, room):
    async with dev_server({"/": ("text/html", "<title>A stranger</title>")}) as dev:
        page = await browser.new_page()
        await page.go(f"http://localhost:{dev.port}/")
        assert await page.run(close_code(f"{server.ws_url}/room/{room}?token={alice.token}")) == 1006


@pytest.mark.parametrize(
    ("route", "code"),
    [
        ("/nowhere?token={token}", 4000),
        ("/users", 4001),
        ("/users?token=nonsense", 4002),
        ("/room/?token={token}", 4003),
        ("/room/00000000-0000-7000-8000-000000000000?token={token}", 4004),
    ],
)
async def test_a_browser_can_read_why_it_was_refused(server, browser, alice, route, code):
    page = await browser.new_page()
    await page.go(f"http://localhost:{server.port}/")
    url = f"ws://localhost:{server.port}{route.format(token=alice.token)}"
    assert await page.run(close_code(url)) == code


def close_code(url: str) -> str:
    """Script: the code with which that socket closes."""
    return f"await new Promise((done) => {{ new WebSocket('{url}').onclose = (event) => done(event.code); }})"


async def test_node_with_ws_talks_by_all_three_ways_to_pass_the_token(server, alice, bob, room):
    node = await node_program()
    async with bob.socket(f"/room/{room}") as socket:
        script = asyncio.create_task(output_of(node, str(FOLDER / "seed.mjs"), str(server.port), alice.email, PASSWORD))
        for way in ("query", "cookie", "header"):
            assert (await socket.receive(20))["data"]["content"] == f"Hello by {way}!"
            await socket.say(f"heard {way}")
        printed = (await script).splitlines()
    assert printed == [
        line for way in ("query", "cookie", "header") for line in (f"{way} NEW_MESSAGE heard {way}", f"{way} closed")
    ]


@pytest.mark.parametrize("way", ["query", "cookie", "header"])
async def test_the_python_client_talks_by_each_way_to_pass_the_token(server, alice, bob, room, way):
    url, token = f"{server.ws_url}/room/{room}", alice.token
    headers = {"cookie": {"Cookie": f"accessToken={token}"}, "header": {"Authorization": f"Bearer {token}"}}.get(way)
    async with (
        bob.socket(f"/room/{room}") as other,
        websockets.connect(f"{url}?token={token}" if way == "query" else url, additional_headers=headers) as connection,
    ):
        mine = Socket(connection)
        await mine.say("Hello!")
        assert (await other.receive())["data"]["content"] == "Hello!"
        await other.say("Hello to you!")
        assert (await mine.receive())["data"]["content"] == "Hello to you!"


CONSOLE, NODE = code("Clients", "js")
(REACT,) = code("Clients", "jsx")
REACT_PAGE = """<!DOCTYPE html><title>Chat</title><div id="root"></div><script src="/react.js"></script>"""
REACT_START = """
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './chat.jsx';
createRoot(document.getElementById('root')).render(<StrictMode><Chat /></StrictMode>);
"""


def as_typed_by(person: Person, script: str, port: int) -> str:
    """A script of the README with this person for Alice or Bob."""
    for name in ("alice@example.com", "bob@example.com"):
        script = script.replace(name, person.email)
    return script.replace("two people talk", PASSWORD).replace("localhost:4000", f"localhost:{port}")


async def test_the_readmes_lines_for_the_console_work_in_chromium(server, browser, alice, bob, room):
    page = await browser.new_page()
    await page.go(f"http://localhost:{server.port}/")
    async with alice.socket(f"/room/{room}") as socket:
        await page.run(as_typed_by(bob, CONSOLE, server.port))
        assert (await socket.receive())["data"]["content"] == "Hello from a browser"
        assert json.loads(await page.logged())["type"] == "MESSAGE_SENT"
        await socket.say("Hello to a browser")
        assert json.loads(await page.logged())["data"]["content"] == "Hello to a browser"


async def test_the_readmes_script_for_node_works(server, tmp_path, alice, bob, room):
    node = await node_program()
    script = tmp_path / "talk.mjs"
    script.write_text(as_typed_by(alice, NODE, server.port))
    # Before 22, Node has no WebSocket of its own.
    options = {"NODE_OPTIONS": f"--require={FOLDER / 'websocket.cjs'}"} if await node_major(node) < 22 else {}
    async with bob.socket(f"/room/{room}") as socket:
        printed = await output_of(node, str(script), cwd=tmp_path, environment=options)
        assert (await socket.receive())["data"]["content"] == "Hello from Node"
    assert json.loads(printed)["type"] == "MESSAGE_SENT"


async def test_the_readmes_react_component_works_in_chromium(browser, developer, tmp_path):
    dev, node, _, bob, _ = developer
    carol = await sign_up(node.url)
    room = await carol.open_room(bob)
    dev.pages |= {"/react": ("text/html", REACT_PAGE), "/react.js": ("text/javascript", await bundled(tmp_path, node))}
    async with bob.socket(f"/room/{room}") as socket:
        await socket.say("Are you there?", "1")
        assert (await socket.receive())["type"] == "MESSAGE_SENT"
        page = await browser.new_page()
        await page.go(f"http://localhost:{dev.port}/")
        await sign_in(page, carol)
        await page.go(f"http://localhost:{dev.port}/react")
        await page.run(until_shown("Are you there?"))
        await page.run("document.querySelector('input').focus()")
        await page.call("Input.insertText", text="Here I am.")
        await page.run("document.querySelector('button').click()")
        assert (await socket.receive())["data"]["content"] == "Here I am."
        await socket.say("Good to see you.")
        await page.run(until_shown("Good to see you."))
        shown = "[...document.querySelectorAll('li')].map((line) => line.textContent)"
        assert await page.run(shown) == ["Are you there?", "Here I am.", "Good to see you."]
    await carol.http.aclose()


async def bundled(folder: Path, node: Node) -> str:
    """The README's component with React, for a browser."""
    await node_program()
    (folder / "chat.jsx").write_text(REACT.replace("localhost:4000", f"localhost:{node.port}"))
    (folder / "start.jsx").write_text(REACT_START)
    return await output_of(
        str(MODULES / ".bin" / "esbuild"),
        *("start.jsx", "--bundle", "--jsx=automatic", '--define:process.env.NODE_ENV="development"'),
        cwd=folder,
        environment={"NODE_PATH": str(MODULES)},
    )


def until_shown(text: str) -> str:
    """Script: done when the page shows that text in a line of its list."""
    return f"""await new Promise((done) => {{
        const look = () => [...document.querySelectorAll('li')].some((line) => line.textContent === '{text}') && done();
        new MutationObserver(look).observe(document, {{ childList: true, subtree: true, characterData: true }});
        look();
    }})"""
