"""Chromium, headless, over its DevTools protocol: a page to go somewhere with, run JavaScript in, and listen to."""

import asyncio
import atexit
import base64
import contextlib
import itertools
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import websockets

from tests.clients.tools import chromium, missing

SECONDS = 40.0  # a cold start of Chromium beside other tests
FLAGS = (
    "--headless",
    "--no-sandbox",  # which root and containers do not have
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
LISTENING = re.compile(rb"DevTools listening on (ws://\S+)")


class Browser:
    """One process; each page has cookies of its own, like a person's own browser."""

    def __init__(self, process: asyncio.subprocess.Process, connection: websockets.ClientConnection) -> None:
        self._process = process
        self._connection = connection
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._reading = asyncio.create_task(self._read())
        self._draining = asyncio.create_task(drain(process.stderr))

    @classmethod
    async def start(cls, folder: Path) -> "Browser":
        """Start it with a profile in `folder`; a machine may not have it, or not what it needs."""
        try:
            return await cls._start(chromium(), folder)
        except (RuntimeError, TimeoutError) as error:
            missing(f"Chromium does not start here: {error}")

    @classmethod
    async def _start(cls, executable: str, folder: Path) -> "Browser":
        process = await asyncio.create_subprocess_exec(
            executable,
            *FLAGS,
            f"--user-data-dir={folder}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for the tests
        )
        atexit.register(kill_left, process)
        assert process.stderr is not None
        said = b""
        async with asyncio.timeout(SECONDS):
            while not (found := LISTENING.search(said)):
                line = await process.stderr.readline()
                if not line:
                    raise RuntimeError(said.decode(errors="replace"))
                said += line
        connection = await websockets.connect(found[1].decode(), max_size=None, compression=None)
        return cls(process, connection)

    async def stop(self) -> None:
        """Close it, and wait for its end."""
        # It may be gone before it has answered.
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.call("Browser.close")
            await self._connection.close()
            await self._reading
        async with asyncio.timeout(SECONDS):
            await self._draining
            await self._process.wait()

    async def new_page(self, beside: "Page | None" = None) -> "Page":
        """An empty page without cookies, or another tab of the same person's browser."""
        context = beside.context if beside else (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = self._pages[session["sessionId"]] = Page(self, session["sessionId"], context, target["targetId"])
        await page.call("Page.enable")
        await page.call("Runtime.enable")
        return page

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol; its result."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        to = {"sessionId": session} if session else {}
        await self._connection.send(json.dumps({"id": number, "method": method, "params": params} | to))
        async with asyncio.timeout(SECONDS):
            said = await answer
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']['message']}")
        return said["result"]

    async def _read(self) -> None:
        async for frame in self._connection:
            said = json.loads(frame)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif page := self._pages.get(said.get("sessionId", "")):
                page.hear(said["method"], said["params"])


def kill_left(process: asyncio.subprocess.Process) -> None:
    """End a browser that nobody has stopped, as after a Ctrl-C."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


async def drain(stream: asyncio.StreamReader | None) -> None:
    """Throw away what Chromium says: a full pipe would stop it."""
    while stream is not None and await stream.read(65_536):
        pass


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str, context: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self.context = context
        """Whose cookies and storage it has."""
        self._console: asyncio.Queue[str] = asyncio.Queue()
        self._loaded = asyncio.Event()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol on this page."""
        return await self._browser.call(method, self._session, **params)

    async def go(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self._loaded.clear()
        answer = await self.call("Page.navigate", url=url)
        if "errorText" in answer:
            raise RuntimeError(f"{url}: {answer['errorText']}")
        async with asyncio.timeout(SECONDS):
            await self._loaded.wait()

    async def forget(self) -> None:
        """Be as a new one, without cookies and storage."""
        await self.run("localStorage.clear()")
        await self.go("about:blank")
        await self.call("Network.clearBrowserCookies")
        self._console = asyncio.Queue()

    async def close(self) -> None:
        """As a person closes a tab."""
        await self._browser.call("Target.closeTarget", targetId=self._target)

    async def run(self, script: str) -> Any:
        """Run it as the console would, `await` and all; its value."""
        answer = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, replMode=True
        )
        if failure := answer.get("exceptionDetails"):
            raise RuntimeError(failure.get("exception", {}).get("description", failure["text"]))
        return answer["result"].get("value")

    async def logged(self) -> str:
        """The next line of the page's console."""
        async with asyncio.timeout(SECONDS):
            return await self._console.get()

    async def screenshot(self, path: Path, width: int, height: int) -> None:
        """Keep what it looks like, as PNG."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        answer = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))

    def hear(self, event: str, params: dict[str, Any]) -> None:
        """Something happened on the page."""
        if event == "Page.loadEventFired":
            self._loaded.set()
        elif event == "Runtime.consoleAPICalled":
            words = [str(arg.get("value", arg.get("description", ""))) for arg in params["args"]]
            self._console.put_nowait(" ".join(words))
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self._console.put_nowait(details.get("exception", {}).get("description", details["text"]))
