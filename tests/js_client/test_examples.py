"""The examples and the client's own README do what they say."""

import asyncio
import json
import re

import pytest

from tests.clients.browser import Page
from tests.clients.devserver import dev_server
from tests.clients.tools import FOLDER, MODULES, node_program, output_of
from tests.harness.node import ROOT
from tests.harness.people import PASSWORD

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("js-client")]

CLIENT = ROOT / "clients" / "js"
EXAMPLES = ROOT / "examples"
START = """
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Duologue } from "duologue";
import { Chat } from "./Chat.jsx";

const chat = new Duologue();
await chat.profile();
const [room] = await chat.rooms();
createRoot(document.getElementById("root")).render(<StrictMode><Chat chat={chat} roomId={room.id} /></StrictMode>);
"""
SHOWN = "[...document.querySelectorAll('li')].map((line) => line.textContent)"


async def signed_in(page: Page, port: int, person) -> None:
    """As a page's own form would."""
    await page.go(f"http://localhost:{port}/blank")
    credentials = json.dumps({"email": person.email, "password": PASSWORD})
    headers = "{ 'Content-Type': 'application/json' }"
    options = f"{{ method: 'POST', headers: {headers}, body: JSON.stringify({credentials}) }}"
    assert await page.run(f"(await fetch('/auth/login', {options})).status") == 200


async def shows(page: Page, *lines: str) -> None:
    """Wait until the page's list is exactly that."""
    wanted = json.dumps(list(lines))
    await page.run(
        f"""await new Promise((done) => {{
            const look = () => JSON.stringify({SHOWN}) === JSON.stringify({wanted}) && done();
            new MutationObserver(look).observe(document, {{ childList: true, subtree: true, characterData: true }});
            look();
        }})"""
    )


async def named(page: Page, name: str) -> None:
    """Wait until the page says whom one talks to."""
    await page.run(
        f"""await new Promise((done) => {{
            const look = () => document.querySelector("h1").textContent === {json.dumps(name)}
                ? done() : requestAnimationFrame(look);
            look();
        }})"""
    )


async def type_and_send(page: Page, text: str) -> None:
    """As somebody at the keyboard."""
    await page.run("document.querySelector('input').focus()")
    await page.call("Input.insertText", text=text)
    await page.run("document.querySelector('button').click()")


async def test_the_react_hook_draws_a_conversation_as_it_happens(browsers, server, tmp_path, alice, bob, room):
    await node_program()
    (tmp_path / "start.jsx").write_text(START)
    for name in ("useConversation.js", "Chat.jsx"):
        (tmp_path / name).write_text((EXAMPLES / "react-hook" / name).read_text())
    script = await output_of(
        str(MODULES / ".bin" / "esbuild"),
        *("start.jsx", "--bundle", "--jsx=automatic", "--format=esm", '--define:process.env.NODE_ENV="development"'),
        f"--alias:duologue={CLIENT / 'duologue.js'}",
        cwd=tmp_path,
        environment={"NODE_PATH": str(MODULES)},
    )
    pages = {
        "/blank": ("text/html", "<title>Signing in</title>"),
        "/chat": ("text/html", '<div id="root"></div><script type="module" src="/chat.js"></script>'),
        "/chat.js": ("text/javascript", script),
    }
    async with dev_server(pages) as dev, bob.socket(f"/room/{room}", v1=True) as his:
        dev.api_port = server.port
        await his.receive_type("RESUMED")
        await his.command("SEND", content="Are you there?", clientId="1")
        page = await (await browsers()).new_page()
        await signed_in(page, dev.port, alice)
        await page.go(f"http://localhost:{dev.port}/chat")
        await shows(page, "Are you there?")
        await named(page, bob.email)
        await type_and_send(page, "Here I am.")
        assert (await his.receive_type("TYPING"))["data"]["userId"] == alice.id
        assert (await his.receive_type("NEW_MESSAGE"))["data"]["content"] == "Here I am."
        await his.command("SEND", content="Good to see you.", clientId="2")
        await shows(page, "Are you there?", "Here I am.", "Good to see you.")
        await page.close()


async def test_the_types_of_the_react_example_hold(tmp_path):
    await node_program()
    options = {
        "allowJs": True,
        "checkJs": True,
        "strict": True,
        "noEmit": True,
        "jsx": "react-jsx",
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "types": [],
        "typeRoots": [str(MODULES / "@types")],
        "paths": {
            "duologue": [str(CLIENT / "duologue.d.ts")],
            "react": [str(MODULES / "@types" / "react")],
            "react/jsx-runtime": [str(MODULES / "@types" / "react" / "jsx-runtime.d.ts")],
        },
    }
    files = [str(EXAMPLES / "react-hook" / name) for name in ("useConversation.js", "Chat.jsx")]
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": files}))
    await output_of(str(MODULES / ".bin" / "tsc"), "-p", str(tmp_path))
    lines = (EXAMPLES / "react-hook" / "useConversation.js").read_text().splitlines()
    assert len(lines) <= 30, "a hook of thirty lines"


async def test_the_bare_websocket_talks_in_a_browser(browsers, server, alice, bob, room):
    folder = EXAMPLES / "bare-websocket"
    pages = {
        "/blank": ("text/html", "<title>Signing in</title>"),
        "/bare": ("text/html", (folder / "index.html").read_text()),
        "/talk.js": ("text/javascript", (folder / "talk.js").read_text()),
    }
    async with dev_server(pages) as dev, bob.socket(f"/room/{room}") as his:
        dev.api_port = server.port
        await his.say("Are you there?", "1")
        await his.receive_type("MESSAGE_SENT")
        page = await (await browsers()).new_page()
        await signed_in(page, dev.port, alice)
        await page.go(f"http://localhost:{dev.port}/bare")
        await shows(page, "Are you there?")
        await type_and_send(page, "Here I am.")
        assert (await his.receive_type("NEW_MESSAGE"))["data"]["content"] == "Here I am."
        await his.say("Good to see you.")
        await shows(page, "Are you there?", "Here I am.", "Good to see you.")
        await page.close()


async def test_the_bare_websocket_talks_in_node(server, alice, bob, room):
    node = await node_program()
    async with bob.socket(f"/room/{room}") as his:
        program = str(EXAMPLES / "bare-websocket" / "talk.mjs")
        arguments = (server.url, alice.email, PASSWORD, "Hello, Bob!")
        script = asyncio.create_task(output_of(node, f"--require={FOLDER / 'websocket.cjs'}", program, *arguments))
        assert (await his.receive(20))["data"]["content"] == "Hello, Bob!"
        await his.say("Hello, Alice!")
        assert await script == "Hello, Alice!\n"


async def test_the_clients_readme_runs_from_top_to_bottom_and_ends(server, tmp_path, alice, bob):
    node = await node_program()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "ws").symlink_to(MODULES / "ws")
    (tmp_path / "node_modules" / "duologue").symlink_to(CLIENT)
    text = (CLIENT / "README.md").read_text()
    script = "\n".join(re.findall(r"^```js\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for written, meant in (
        ("localhost:4000", f"localhost:{server.port}"),
        ("alice@example.com", alice.email),
        ("two people talk", PASSWORD),
        ("bob@", bob.email),
    ):
        assert written in script
        script = script.replace(written, meant)
    (tmp_path / "readme.mjs").write_text(script)
    printed = await output_of(node, "readme.mjs", cwd=tmp_path)
    assert "1 Hello, Bob!" in printed.splitlines()
    [message] = await bob.history((await bob.http.get("/msg/room")).json()["rooms"][0]["id"])
    assert message["content"] == "Hello, Bob and all!"
