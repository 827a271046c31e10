"""Every page as it is delivered and as it looks: what axe-core finds, what it weighs, how soon it is there."""

import re

import pytest
import pytest_asyncio
from playwright.async_api import Response, expect

from duologue.mail.render import KINDS, render
from tests.clients.tools import MODULES, node_program, output_of
from tests.harness.http import plain_client
from tests.harness.node import ROOT, Node
from tests.harness.people import PASSWORD, Person, unused_address
from tests.mail.test_render import everything
from tests.web.figures import note
from tests.web.looks import LOOKS, looked_at
from tests.web.visitor import Visitor, name_of

pytestmark = pytest.mark.xdist_group("web-pages")

STATIC = ROOT / "src" / "duologue" / "web" / "static"
SCRIPT_BUDGET = 60_000  # bytes over the wire, for all of `/`


@pytest_asyncio.fixture(loop_scope="session")
async def lively(alice: Person, bob: Person, room: str, new_user) -> str:
    """A room with a conversation in it, and another one; the first one's id."""
    carol = await new_user()
    other = await carol.open_room(alice)
    await carol.http.post(f"/msg/room/{other}/messages", json={"content": "Lunch on Thursday?"})
    async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
        await hers.say("Are you there?")
        await his.say("Yes! Tell me everything.")
        await his.say("And bring cake 🎂")
        await hers.say("It skipped the 7:40 whenever the clocks changed. A one-line fix, and a very long evening.")
        await hers.say("https://example.com/ferry has the details.", "last")
        await hers.receive_type("MESSAGE_SENT")
    return room


PAGES = {
    "sign-in": "/#/sign-in",
    "register": "/#/register",
    "reset": "/#/reset",
    "playground": "/playground",
    "protocol": "/protocol",
    "mailbox": "/dev/mailbox",
}
OWN_PAGES = {
    "conversations": "/#/",
    "people": "/#/people",
    "devices": "/#/devices",
    "security": "/#/security",
    "password": "/#/password",
    "blocked": "/#/blocked",
    "appearance": "/#/appearance",
}


@pytest.mark.thorough
@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_wrong_before_signing_in(new_visitor, axe, look):
    visitor: Visitor = await new_visitor(viewport=LOOKS[look])
    against = []
    for name, path in PAGES.items():
        await visitor.page.goto(path)
        await expect(visitor.page.locator("h1")).to_be_visible()
        if name == "playground":
            await expect(visitor.page.get_by_text("RESUMED")).to_have_count(2)
        against += await looked_at(visitor.page, axe, name, look)
    assert "\n".join(against) == ""


@pytest.mark.thorough
@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_wrong_with_the_mailbox_and_what_is_in_it(new_visitor, axe, look):
    visitor: Visitor = await new_visitor(viewport=LOOKS[look])
    page, email = visitor.page, unused_address()
    await page.request.post("/auth/register", data={"email": email, "password": PASSWORD})
    await visitor.mailed(email)
    await page.goto(f"/dev/mailbox?to={email}")
    await page.get_by_text("Read the mail").click()
    await page.get_by_text("Plain part").click()
    await expect(page.frame_locator("iframe").get_by_role("heading")).to_be_visible()
    against = await looked_at(page, axe, "mailbox-mail", look)
    await page.goto("about:blank")  # without the policy of a page
    for kind in KINDS:
        await page.set_content(render(kind, everything(kind), "https://chat.example").html)
        against += await looked_at(page, axe, f"mail-{kind}", look)
    assert "\n".join(against) == ""


@pytest.mark.thorough
@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_wrong_when_signed_in(new_visitor, axe, alice, bob, lively, look):
    visitor: Visitor = await new_visitor(alice, viewport=LOOKS[look])
    page = visitor.page
    against = []
    for name, path in OWN_PAGES.items():
        await page.goto(path)
        await expect(page.get_by_text("One moment…")).to_have_count(0)
        await expect(page.locator(".entry:visible, .sheet:visible").first).to_be_visible()
        against += await looked_at(page, axe, name, look)
    await visitor.open(lively)
    await visitor.sees("Are you there?")
    against += await looked_at(page, axe, "conversation", look)
    await page.get_by_role("button", name=f"More about {name_of(bob)}").click()
    against += await looked_at(page, axe, "conversation-menu", look)
    await page.get_by_role("menuitem").click()
    against += await looked_at(page, axe, "conversation-question", look)
    await page.keyboard.press("Escape")
    if look == "desktop":
        await page.get_by_role("searchbox").fill("cake")
        await expect(page.locator("mark")).to_have_count(1)
        against += await looked_at(page, axe, "search", look)
    await visitor.context.set_offline(True)
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    against += await looked_at(page, axe, "offline", look)
    assert "\n".join(against) == ""


async def test_a_conversation_is_held_with_the_keyboard_alone(new_visitor, alice, bob, lively):
    visitor: Visitor = await new_visitor(alice)
    page, press = visitor.page, visitor.page.keyboard.press
    await expect(page.get_by_role("link", name=re.compile(name_of(bob)))).to_be_visible()
    await press("Control+k")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    for _ in range(6):
        await press("Tab")
        if name_of(bob) in await page.evaluate("document.activeElement.textContent"):
            break
    await press("Enter")
    await expect(visitor.field()).to_be_focused()
    await page.keyboard.type("By hand")
    await press("Enter")
    await visitor.sees("By hand", "Sent")
    for _ in range(4):  # past the link in a message, and what else there is at the moment
        await press("Shift+Tab")
        if await page.evaluate("document.activeElement.classList.contains('scroller')"):
            break
    await expect(page.get_by_role("region", name=f"Messages with {name_of(bob)}")).to_be_focused()
    await press("ArrowUp")
    await expect(visitor.messages("By hand")).to_be_focused()
    await press("Enter")
    await expect(page.get_by_role("menuitem", name="Copy text")).to_be_focused()
    await press("ArrowDown")
    await press("Enter")
    field = page.get_by_role("textbox", name="Edit the message")
    await expect(field).to_be_focused()
    await page.keyboard.type(", and edited")
    await press("Enter")
    await visitor.sees("By hand, and edited")


async def test_the_scripts_of_the_first_page_stay_within_their_budget(new_visitor):
    visitor: Visitor = await new_visitor()
    page = visitor.page
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    await page.goto("about:blank")
    await page.goto("/")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    scripts = [answer for answer in answers if answer.request.resource_type == "script"]
    assert scripts
    async with plain_client(headers={"Accept-Encoding": "gzip"}) as http:
        weights = {}
        for url in {answer.url for answer in scripts}:
            async with http.stream("GET", url) as answer:
                assert answer.headers["content-encoding"] == "gzip", url
                weights[url] = sum([len(chunk) async for chunk in answer.aiter_raw()])
    note("first_page", scripts=len(weights), script_bytes=sum(weights.values()), first_contentful_paint_ms=paint)
    assert sum(weights.values()) < SCRIPT_BUDGET


async def test_the_page_and_its_files_say_how_long_they_may_be_kept(server: Node):
    async with plain_client(base_url=server.url, headers={"Accept-Encoding": "gzip"}) as http:
        page = await http.get("/")
        assert page.headers["cache-control"] == "no-cache"
        known = {"If-None-Match": page.headers["etag"]}
        assert (await http.get("/", headers=known)).status_code == 304
        links = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)
        assert len(links) > 20
        for link in set(links):
            file = await http.get(link)
            assert file.status_code == 200, link
            assert "immutable" in file.headers["cache-control"]
            assert file.headers["x-content-type-options"] == "nosniff"
            assert ("content-encoding" in file.headers) != link.endswith(".woff2")
            plain = await http.get(link, headers={"Accept-Encoding": "identity"})
            assert plain.content == file.content
        root = links[0].split("/static/")[0]
        for other in (
            f"{root}/static/app/nothing.js",
            f"{root}/vendor/preact/LICENSE",
            f"{root}/../pages.py",
            f"{root}/static/app/index.html",
            "/assets/000000000000/static/app/main.js",
            f"{root}/vendor/preact/preact.d.ts",
        ):
            assert (await http.get(other)).status_code == 404, other


async def test_the_policy_of_the_page_lets_no_foreign_and_no_inline_script_run(new_visitor, server: Node):
    visitor: Visitor = await new_visitor()
    async with plain_client(base_url=server.url) as http:
        page = await http.get("/")
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"<script[^>]*>[^<]|<style| style=| on\w+=", page.text)
    refused = """() => new Promise((done) => {
        addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective), { once: true });
        const script = document.createElement("script");
        script.append("document.title = 'run'");
        document.body.append(script);
    })"""
    assert (await visitor.evaluate(refused)).startswith(("script-src", "require-trusted-types-for"))
    assert await visitor.page.title() != "run"
    visitor.complaints.clear()  # Chromium has written down what it refused


async def test_the_types_of_the_pages_scripts_hold():
    await node_program()
    await output_of(str(MODULES / ".bin" / "tsc"), "-p", str(STATIC))
