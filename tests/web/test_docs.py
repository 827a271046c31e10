"""`/docs` as it is read and tried: by sight in both themes, by keyboard, by screen reader."""

import json

import pytest
from playwright.async_api import Locator, Page, expect

from tests.harness.people import PASSWORD, Person
from tests.web.looks import LOOKS, looked_at
from tests.web.visitor import Visitor

pytestmark = [pytest.mark.xdist_group("web-pages"), pytest.mark.thorough]

TOO_WIDE = """() => [...document.querySelectorAll("#docs *")]
    .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map((each) => each.outerHTML.slice(0, 160))"""


def request_of(page: Page, method: str, path: str) -> Locator:
    """Its block on the page."""
    return page.locator(f".opblock-{method}").filter(has=page.locator(f'[data-path="{path}"]'))


async def opened(page: Page, method: str, path: str) -> Locator:
    """A request of the page, unfolded."""
    request = request_of(page, method, path)
    await request.get_by_role("button").first.click()
    await expect(request.get_by_role("button", name="Execute")).to_be_visible()
    return request


async def executed(request: Locator, status: int) -> None:
    await request.get_by_role("button", name="Execute").click()
    await expect(request.locator(".live-responses-table .response-col_status").last).to_contain_text(str(status))


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_wrong_in_whatever_is_opened(new_visitor, axe, alice: Person, look):
    visitor: Visitor = await new_visitor(viewport=LOOKS[look])
    page = visitor.page
    await page.goto("/docs")
    await expect(request_of(page, "post", "/auth/login")).to_be_visible()
    against = await looked_at(page, axe, "docs", look)

    login = await opened(page, "post", "/auth/login")
    credentials = {"email": alice.email, "password": PASSWORD}
    await login.get_by_role("textbox", name="Request body").fill(json.dumps(credentials, indent=1))
    await executed(login, 200)
    profile = await opened(page, "get", "/auth/profile")
    await executed(profile, 200)
    await expect(profile.locator(".live-responses-table")).to_contain_text(alice.email)
    search = await opened(page, "get", "/msg/search")
    await search.get_by_role("button", name="Execute").click()
    await expect(search.get_by_text("Please correct the following")).to_be_visible()
    await opened(page, "delete", "/auth/sessions/{session_id}")
    edit = await opened(page, "patch", "/msg/room/{room_id}/messages/{message_id}")
    for tab in await edit.get_by_role("tab", name="Schema").all():
        await tab.click()
    await page.get_by_role("button", name="Schemas").click()
    schema = page.get_by_role("button", name="Message fields", exact=True)
    await schema.click()
    await expect(schema).to_have_attribute("aria-expanded", "true")
    against += await looked_at(page, axe, "docs-opened", look)
    assert await page.evaluate(TOO_WIDE) == []

    await page.reload()
    await page.get_by_role("button", name="Authorize").click()
    dialog = page.get_by_role("dialog", name="Available authorizations")
    await dialog.get_by_label("Value").last.fill("a token")
    await dialog.get_by_role("button", name="Authorize").last.click()
    await expect(dialog.get_by_text("Authorized", exact=True)).to_be_visible()
    against += await looked_at(page, axe, "docs-authorize", look)
    await dialog.get_by_role("button", name="Close").first.click()

    await page.get_by_placeholder("Filter by tag or path").fill("nothing like it")
    await expect(page.get_by_text("No operations defined")).to_be_visible()
    against += await looked_at(page, axe, "docs-nothing", look)
    assert "\n".join(against) == ""


async def test_a_request_is_tried_with_the_keyboard_alone(new_visitor, alice: Person):
    visitor: Visitor = await new_visitor()
    page, press = visitor.page, visitor.page.keyboard.press
    await page.goto("/docs")
    await request_of(page, "post", "/auth/login").get_by_role("button").first.focus()
    await press("Enter")
    field = page.get_by_role("textbox", name="Request body")
    await expect(field).to_be_visible()
    await until(page, field)
    await press("Control+a")
    await page.keyboard.type(json.dumps({"email": alice.email, "password": PASSWORD}))
    await until(page, page.get_by_role("button", name="Execute"))
    await press("Enter")
    await expect(page.locator(".live-responses-table")).to_contain_text(alice.email)


async def test_the_dialog_takes_the_focus_keeps_it_and_gives_it_back(new_visitor):
    visitor: Visitor = await new_visitor()
    page, press = visitor.page, visitor.page.keyboard.press
    await page.goto("/docs")
    opener = page.get_by_role("button", name="Authorize")
    dialog = page.get_by_role("dialog", name="Available authorizations")
    await opener.focus()
    for end in ("Escape", "Enter"):  # Enter is pressed on its first button, which closes it
        await press("Enter")
        await expect(dialog.get_by_role("button", name="Close").first).to_be_focused()
        await until(page, dialog.get_by_label("Value").last)
        await press("Shift+Tab")
        assert await dialog.evaluate("(each) => each.contains(document.activeElement)")
        if end == "Enter":
            await until(page, dialog.get_by_role("button", name="Close").first, "Shift+Tab")
        await press(end)
        await expect(dialog).to_have_count(0)
        await expect(opener).to_be_focused()


async def until(page: Page, place: Locator, key: str = "Tab") -> None:
    """Press the key until that has the focus."""
    for _ in range(12):
        if await place.evaluate("(each) => each === document.activeElement"):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {place}")
