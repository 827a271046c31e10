"""Somebody at the web client, who sees and does what a person can."""

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.harness.people import PASSWORD, Person, mailed_code
from tests.harness.schemas import checked_client

expect.set_options(timeout=30_000)

# What Chromium itself writes about answers that are meant: nobody is signed in, a form is refused, there is no network,
# axe-core asks a mail about itself, which is in a sandbox.
EXPECTED = re.compile(
    r"Failed to load resource: .*(4(0[0134]|29)|ERR_INTERNET_DISCONNECTED|ERR_NETWORK)"
    r"|WebSocket connection to .* failed"
    r"|Failed to execute 'postMessage' on 'DOMWindow': .* does not match the recipient window's origin \('null'\)"
)


def name_of(person: Person) -> str:
    """What the client makes of the address: `person.12.3@example.com` is Person 12 3."""
    words = re.split(r"[._+-]+", person.email.split("@")[0])
    return " ".join(word[:1].upper() + word[1:] for word in words)


@dataclass
class Visitor:
    """A browser context with one page open."""

    context: BrowserContext
    base: str
    person: Person | None
    complaints: list[str] = field(default_factory=list)
    page: Page = field(init=False)

    async def start(self) -> None:
        """Open the page."""
        self.page = await self.new_page()

    async def new_page(self, path: str = "/") -> Page:
        """Another tab."""
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{error}"))
        page.on("console", self._hear)
        await page.goto(path)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not EXPECTED.search(message.text):
            self.complaints.append(message.text)

    # Signing in

    async def register(self, email: str, password: str = PASSWORD) -> None:
        """From the first page to the first view of the conversations."""
        page = self.page
        await self.follow("Create an account", "Create an account")
        await page.get_by_label("E-mail address").fill(email)
        await page.get_by_label("Password", exact=True).fill(password)
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_label("Code").fill(await self.mailed(email))
        await expect(page.get_by_role("searchbox")).to_be_visible()

    async def follow(self, link: str, heading: str) -> None:
        """From one form to another, which has fields of the same names."""
        await self.page.get_by_role("link", name=link).click()
        await expect(self.page.get_by_role("heading", name=heading)).to_be_visible()

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """On the page of signing in."""
        await self.page.get_by_label("E-mail address").fill(email)
        await self.page.get_by_label("Password", exact=True).fill(password)
        await self.page.get_by_role("button", name="Sign in").click()

    async def mailed(self, email: str) -> str:
        """The newest code mailed to that address."""
        async with checked_client(self.base) as http:
            return await mailed_code(http, email)

    # Conversations

    async def open(self, room: str, page: Page | None = None) -> None:
        """The conversation of that id, ready to be written in."""
        page = page or self.page
        await page.goto(f"/#/room/{room}")
        await expect(self.field(page)).to_be_visible()

    def field(self, page: Page | None = None) -> Locator:
        """Where one writes."""
        return (page or self.page).get_by_role("textbox", name=re.compile("^Message to"))

    async def say(self, text: str, page: Page | None = None) -> None:
        """Write and send."""
        await self.field(page).fill(text)
        await self.field(page).press("Enter")

    def messages(self, text: str | None = None, page: Page | None = None) -> Locator:
        """Messages in sight, of that text."""
        articles = (page or self.page).locator("article.message")
        if text is None:
            return articles
        return articles.filter(has=(page or self.page).locator(".text").get_by_text(text, exact=True))

    async def texts(self, page: Page | None = None) -> list[str]:
        """What stands in the messages that are drawn, from above."""
        return await (page or self.page).locator("article.message .text").all_inner_texts()

    async def sees(self, text: str, mark: str | None = None, page: Page | None = None) -> None:
        """Wait for that message, once; with `mark`, for how far it has come."""
        message = self.messages(text, page)
        await expect(message).to_have_count(1)
        if mark:
            await expect(message.locator(".mark")).to_have_attribute("title", mark)

    async def evaluate(self, script: str, argument: Any = None) -> Any:
        """Run it on the page."""
        return await self.page.evaluate(script, argument)
