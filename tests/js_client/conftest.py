"""Where the JavaScript client runs: in Node, and in Chromium."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.clients.browser import Browser, Page
from tests.clients.script import Node, Runtime, bare_page, load_client

StartBrowser = Callable[[], Awaitable[Browser]]


@pytest.fixture(scope="package")
async def browsers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StartBrowser]:
    """Starts one Chromium for all, when the first asks."""
    started: list[Browser] = []

    async def browser() -> Browser:
        if not started:
            started.append(await Browser.start(tmp_path_factory.mktemp("chromium")))
        return started[0]

    yield browser
    for each in started:
        await each.stop()


@pytest.fixture(scope="package")
async def processes() -> AsyncIterator[list[Node]]:
    """Processes of Node that nobody uses at the moment."""
    idle: list[Node] = []
    yield idle
    for each in idle:
        await each.stop()


@pytest.fixture(scope="package")
def pages() -> list[Page]:
    """Likewise, pages of the browser."""
    return []


@pytest.fixture
async def node(processes: list[Node]) -> AsyncIterator[Node]:
    """A process of Node."""
    node = processes.pop() if processes else await Node.start()
    yield node
    await node.forget()
    processes.append(node)


@pytest.fixture(params=["node", pytest.param("chromium", marks=pytest.mark.thorough)])
def where(request: pytest.FixtureRequest) -> str:
    """Once in each; the web client is the same code in Chromium."""
    return request.param


@pytest.fixture
async def runtimes(
    browsers: StartBrowser, processes: list[Node], pages: list[Page], where: str
) -> AsyncIterator[Callable[[int], Awaitable[Runtime]]]:
    """Makes a place where scripts run, as a person's own device; a page comes from the server at that port."""
    nodes_in_use: list[Node] = []
    pages_in_use: list[Page] = []

    async def make(port: int) -> Runtime:
        if where == "node":
            nodes_in_use.append(processes.pop() if processes else await Node.start())
            return nodes_in_use[-1]
        page = pages.pop() if pages else await bare_page(await browsers())
        pages_in_use.append(page)
        await load_client(page, port)
        return page

    yield make
    for node in nodes_in_use:
        await node.forget()
    for page in pages_in_use:
        await page.forget()
    processes += nodes_in_use
    pages += pages_in_use


@pytest.fixture
async def runtime(runtimes: Callable[[int], Awaitable[Runtime]], server) -> Runtime:
    """One of them, beside the worker's server."""
    return await runtimes(server.port)
