"""Where the JavaScript client runs: in Node, and in Chromium."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.clients.browser import Browser
from tests.clients.script import Node, Runtime, client_page
from tests.clients.tools import missing, program

StartBrowser = Callable[[], Awaitable[Browser]]


@pytest.fixture(scope="package")
async def browsers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StartBrowser]:
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


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A process of Node."""
    node = await Node.start()
    yield node
    await node.stop()


@pytest.fixture(params=["node", "chromium"])
def where(request: pytest.FixtureRequest) -> str:
    """Once in each."""
    return request.param


@pytest.fixture
async def runtimes(browsers: StartBrowser, where: str) -> AsyncIterator[Callable[[int], Awaitable[Runtime]]]:
    """Makes a place where scripts run, as a person's own device; a page comes from the server at that port."""
    processes: list[Node] = []

    async def make(port: int) -> Runtime:
        if where == "chromium":
            return await client_page(await browsers(), port)
        processes.append(await Node.start())
        return processes[-1]

    yield make
    for each in processes:
        await each.stop()


@pytest.fixture
async def runtime(runtimes: Callable[[int], Awaitable[Runtime]], server) -> Runtime:
    """One of them, beside the worker's server."""
    return await runtimes(server.port)
