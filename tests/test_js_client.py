"""The JavaScript client, in Node and in Chromium, as a page or a program uses it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.clients.browser import Browser
from tests.clients.script import Node, Runtime, client_page
from tests.clients.tools import MODULES, missing, node_program, output_of, program
from tests.harness.node import ROOT
from tests.harness.people import PASSWORD, Person

pytestmark = pytest.mark.xdist_group("js-client")

CLIENT = ROOT / "clients" / "js"


@pytest.fixture(scope="module")
async def browsers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callable[[], Awaitable[Browser]]]:
    """Starts one Chromium for all, when the first asks."""
    started: list[Browser] = []

    async def browser() -> Browser:
        if not started:
            chromium = program("chromium", "chromium-browser", "google-chrome")
            try:
                started.append(await Browser.start(chromium, tmp_path_factory.mktemp("chromium")))
            except (RuntimeError, TimeoutError) as error:
                missing(f"Chromium does not start here: {error}")
        return started[0]

    yield browser
    for each in started:
        await each.stop()


@pytest.fixture(params=["node", "chromium"])
async def runtime(request: pytest.FixtureRequest, browsers, server) -> AsyncIterator[Runtime]:
    """Where the client runs."""
    if request.param == "node":
        node = await Node.start()
        yield node
        await node.stop()
    else:
        yield await client_page(await browsers(), server.port)


async def sign_in(runtime: Runtime, port: int, person: Person, name: str = "chat") -> None:
    """A global variable for this person's client."""
    await runtime.run(
        f"""await (async () => {{
            globalThis.{name} = new Duologue({{ url: 'http://localhost:{port}', WebSocket }});
            await {name}.signIn('{person.email}', '{PASSWORD}');
        }})()"""
    )


async def test_two_people_talk(runtime, server, alice, bob, room):
    await sign_in(runtime, server.port, alice)
    await runtime.run(
        f"""await (async () => {{
            globalThis.room = chat.conversation('{room}');
            room.on('message', (message) => console.log(message.content));
            await room.open();
        }})()"""
    )
    async with bob.socket(f"/room/{room}") as socket:
        stored = await runtime.run("await room.send('Hello, Bob!')")
        heard = await socket.receive()
        assert heard["data"] == {key: stored[key] for key in heard["data"]}
        await socket.say("Hello, Alice!")
        assert [await runtime.logged() for _ in range(2)] == ["Hello, Bob!", "Hello, Alice!"]
    shown = await runtime.run("room.messages.map((message) => [message.seq, message.content])")
    assert shown == [[1, "Hello, Bob!"], [2, "Hello, Alice!"]]
    assert await runtime.run("room.pending") == []
    await runtime.run("chat.close()")


async def test_the_server_has_the_module_for_every_page(server):
    async with httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.get("/client/duologue.js")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.content == (CLIENT / "duologue.js").read_bytes()
        assert int(answer.headers["content-length"]) < 12 * 1024
        plain = await http.get("/client/duologue.js", headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
        known = await http.get("/client/duologue.js", headers={"If-None-Match": answer.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")


async def test_what_is_shipped_is_made_from_the_sources_and_its_types_hold(tmp_path):
    node = await node_program()
    await output_of(str(MODULES / ".bin" / "tsc"), "-p", str(CLIENT))
    await output_of(node, str(CLIENT / "build.mjs"), str(tmp_path))
    for name in ("duologue.js", "duologue.d.ts"):
        assert (tmp_path / name).read_text() == (CLIENT / name).read_text(), f"{name}: npm run build"


async def test_the_package_holds_the_module_its_types_and_its_licence():
    await node_program()
    packed = json.loads(await output_of(program("npm"), "pack", "--dry-run", "--json", "--offline", cwd=CLIENT))
    names = {file["path"] for file in packed[0]["files"]}
    assert names == {"duologue.js", "duologue.d.ts", "package.json", "README.md", "LICENSE"}
    described = json.loads((CLIENT / "package.json").read_text())
    assert Path(described["exports"]["."]["default"]).name in names
    assert described.get("dependencies") is None
