"""Where JavaScript runs in the tests of the client: a process of Node, or a page of Chromium. Both are driven alike."""

import asyncio
import itertools
import json
import os
from typing import Any, Protocol

from tests.clients.browser import SECONDS, Browser, Page
from tests.clients.tools import FOLDER, node_program
from tests.harness.people import PASSWORD, Person

LINE = 1 << 24


class Runtime(Protocol):
    """Has what the client exports in its global scope."""

    async def run(self, script: str) -> Any:
        """The value of an expression, `await` and all."""

    async def logged(self) -> str:
        """The next line that `console.log` printed."""


class Node:
    """A process of Node."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._console: asyncio.Queue[str] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, speed: int = 1) -> "Node":
        """Start one, with the packages of tests/clients; its time goes so many times faster."""
        process = await asyncio.create_subprocess_exec(
            await node_program(),
            str(FOLDER / "evaluate.mjs"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE,
            env=os.environ | {"SPEED": str(speed)},
        )
        return cls(process)

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(SECONDS):
            await self._reading
            await self._process.wait()

    async def run(self, script: str) -> Any:
        """Run it; its value."""
        assert self._process.stdin is not None
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "script": script}).encode() + b"\n")
        async with asyncio.timeout(SECONDS):
            return await answer

    async def logged(self) -> str:
        """The next line of its console."""
        async with asyncio.timeout(SECONDS):
            return await self._console.get()

    async def forget(self) -> None:
        """Leave nothing of this test to the next."""
        await self.run("globalThis.chat?.close()")
        await self.run("console.log('forgotten')")
        while await self.logged() != "forgotten":
            pass

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "logged" in said:
                self._console.put_nowait(said["logged"])
            elif "error" in said:
                self._answers.pop(said["id"]).set_exception(RuntimeError(said["error"]))
            else:
                self._answers.pop(said["id"]).set_result(said.get("value"))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(RuntimeError("Node has ended"))


async def bare_page(browser: Browser, beside: Page | None = None) -> Page:
    """A page on which any script may run."""
    page = await browser.new_page(beside)
    await page.call("Page.setBypassCSP", enabled=True)
    return page


async def client_page(browser: Browser, port: int, beside: Page | None = None) -> Page:
    """A page of the server without scripts of its own, with the client loaded."""
    page = await bare_page(browser, beside)
    await load_client(page, port)
    return page


async def load_client(page: Page, port: int) -> None:
    """Go there, or there once more."""
    await page.go(f"http://localhost:{port}/protocol")
    await page.run("Object.assign(globalThis, await import('/client/duologue.js')); undefined")


async def do(runtime: Runtime, script: str) -> Any:
    """Run statements; what they return."""
    return await runtime.run(f"await (async () => {{ {script} }})()")


async def sign_in(runtime: Runtime, port: int, person: Person, options: str = "", name: str = "chat") -> None:
    """A global variable with this person's client."""
    await do(
        runtime,
        f"""globalThis.{name} = new Duologue({{ url: 'http://localhost:{port}', WebSocket, {options} }});
        await {name}.signIn('{person.email}', '{PASSWORD}');""",
    )


async def enter(runtime: Runtime, room: str, options: str = "{}", *, chat: str = "chat", name: str = "room") -> None:
    """A global variable with an open conversation, which tells every message on the console."""
    await do(
        runtime,
        f"""globalThis.{name} = {chat}.conversation('{room}');
        {name}.on('message', (message) => console.log(message.seq, message.content));
        await {name}.open({options});""",
    )


def until(condition: str) -> str:
    """Script: waits until it is true, looking again whenever the script's turn comes."""
    return f"await (async () => {{ while (!({condition})) await new Promise((go) => setTimeout(go, 5)); }})()"
