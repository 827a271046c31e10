"""Fixtures: one Chromium a module, and visitors with browsers of their own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, async_playwright

from tests.clients.tools import MODULES, chromium, missing, node_program
from tests.harness.node import Node
from tests.harness.people import Person
from tests.web.visitor import Visitor

HOST = "127.0.0.1"
NewVisitor = Callable[..., Awaitable[Visitor]]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all; --no-sandbox, which root and containers do not have."""
    async with async_playwright() as playwright:
        try:
            started = await playwright.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
        except Error as error:
            missing(f"Chromium does not start here: {error.message}")
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def new_visitor(server: Node, browser: Browser) -> AsyncIterator[NewVisitor]:
    """Opens a browser of its own: signed in as that person, or as nobody. At the end none has complained."""
    async with AsyncExitStack() as stack:
        visitors: list[Visitor] = []

        async def make(person: Person | None = None, *, base: str = server.url, **options: object) -> Visitor:
            context = await browser.new_context(base_url=base, locale="en-GB", timezone_id="UTC", **options)
            stack.push_async_callback(context.close)
            visitor = Visitor(context, base, person)
            visitors.append(visitor)
            if person is not None:
                await context.add_cookies(
                    [
                        {
                            "name": each.name,
                            "value": each.value or "",
                            "domain": HOST,
                            "path": each.path,
                            "httpOnly": True,
                        }
                        for each in person.http.cookies.jar
                    ]
                )
            await visitor.start()
            return visitor

        yield make
        complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
        assert complaints == []


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def axe() -> str:
    """The script of axe-core."""
    await node_program()
    script = MODULES / "axe-core" / "axe.min.js"
    if not script.exists():
        missing("axe-core is not installed")
    return script.read_text("utf-8")


@pytest.fixture
def phone() -> dict[str, object]:
    """Options of a small touch screen."""
    return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
