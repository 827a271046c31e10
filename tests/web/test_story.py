"""From the first page to being read, in two browsers."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.harness.node import ROOT
from tests.harness.people import PASSWORD, unused_address
from tests.web.visitor import Visitor

pytestmark = pytest.mark.xdist_group("web-story")


async def test_two_people_register_find_each_other_and_read_what_the_other_says(new_visitor, phone):
    ada: Visitor = await new_visitor()
    ben: Visitor = await new_visitor(**phone)
    her, his = unused_address("ada.story"), unused_address("ben.story")
    await ada.register(her)
    await ben.register(his)

    await ada.page.get_by_role("link", name="People", exact=True).first.click()
    line = ada.page.get_by_role("button").filter(has_text=his)
    await expect(line).to_contain_text("online")
    await line.click()
    await ada.say("Are you there?")
    await ada.sees("Are you there?", "Sent")

    room = ben.page.get_by_role("link", name=re.compile("Ada Story"))
    await expect(room).to_contain_text("Are you there?")
    await expect(room).to_contain_text("1 unread")
    await room.click()
    await ben.sees("Are you there?")
    await ada.sees("Are you there?", "Read")

    await ben.field().press_sequentially("Yes")
    await expect(ada.page.get_by_text("is typing…")).to_be_visible()
    await ben.page.get_by_role("button", name="Send").click()
    await ada.sees("Yes")
    await expect(ada.page.get_by_text("is typing…")).to_have_count(0)
    await ben.sees("Yes", "Read")

    await ben.page.get_by_role("link", name="Back to the conversations").click()
    await expect(room).to_contain_text("You: Yes")
    await expect(room).not_to_contain_text("unread")


async def test_the_first_message_is_as_many_clicks_away_as_the_readme_says(new_visitor):
    clicks = 0

    async def click(place: Locator) -> None:
        nonlocal clicks
        clicks += 1
        await place.click()

    async def window(email: str) -> Visitor:
        nonlocal clicks
        visitor: Visitor = await new_visitor(permissions=["clipboard-read", "clipboard-write"])
        page = visitor.page
        await click(page.get_by_role("link", name="Create an account"))
        await click(page.get_by_label("E-mail address"))
        await page.keyboard.type(email)
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        async with visitor.context.expect_page() as opened:
            await click(page.get_by_role("link", name="/dev/mailbox"))
        mailbox = await opened.value
        await mailbox.bring_to_front()
        await click(mailbox.get_by_role("button", name="Copy").first)
        await expect(mailbox.get_by_text("Copied")).to_be_visible()
        code = await mailbox.evaluate("navigator.clipboard.readText()")
        clicks += 1  # on the tab, to come back
        await page.bring_to_front()
        await page.keyboard.insert_text(code)  # which is what pasting does; the field has the focus
        await expect(page.get_by_role("searchbox")).to_be_visible()
        return visitor

    one, two = await window(unused_address("ada.path")), await window(his := unused_address("ben.path"))
    await click(one.page.get_by_role("link", name="People", exact=True).first)
    await click(one.page.get_by_role("button").filter(has_text=his))
    await expect(one.field()).to_be_focused()
    await one.page.keyboard.type("Hello!")
    await one.page.keyboard.press("Enter")
    await expect(two.page.get_by_role("link", name=re.compile("Ada Path"))).to_contain_text("Hello!")
    said = re.search(r"three commands and\s(\w+) clicks", (ROOT / "README.md").read_text("utf-8"))
    assert said is not None
    assert said[1] == {10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen"}[clicks]


async def test_a_reload_stays_in_the_conversation_and_signed_in(new_visitor, alice, bob, room):
    visitor: Visitor = await new_visitor(alice)
    await visitor.open(room)
    await visitor.say("Before the reload")
    await visitor.sees("Before the reload", "Sent")
    await visitor.page.reload()
    await visitor.sees("Before the reload", "Sent")


async def test_scripts_of_the_page_can_not_read_the_cookies(new_visitor, alice):
    visitor: Visitor = await new_visitor(alice)
    await expect(visitor.page.get_by_role("searchbox")).to_be_visible()
    names = {cookie["name"] for cookie in await visitor.context.cookies()}
    assert names >= {"accessToken", "refreshToken"}
    assert await visitor.evaluate("document.cookie") == ""
    assert await visitor.evaluate("cookieStore.getAll().then((all) => all.length)") == 0
    kept = await visitor.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "eyJ" not in kept, "a token lies in the storage of the page"


async def test_a_forgotten_password_is_replaced_by_mail(new_visitor, alice):
    visitor: Visitor = await new_visitor()
    page = visitor.page
    await visitor.follow("Forgot it?", "A new password")
    await page.get_by_label("E-mail address").fill(alice.email)
    await page.get_by_role("button", name="Mail me a code").click()
    await page.get_by_label("Code").fill(await visitor.mailed(alice.email))
    await page.get_by_label("New password", exact=True).fill("another short sentence")
    await page.get_by_role("button", name="Change it").click()
    await expect(page.get_by_text("Your password is changed.")).to_be_visible()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await visitor.sign_in(alice.email, "another short sentence")
    await expect(page.get_by_role("searchbox")).to_be_visible()


async def test_what_is_wrong_in_a_form_is_said_beside_its_field_and_focused(new_visitor):
    visitor: Visitor = await new_visitor()
    page = visitor.page
    await visitor.follow("Create an account", "Create an account")
    await page.get_by_label("E-mail address").fill(unused_address())
    await page.get_by_label("Password", exact=True).fill("short")
    await page.get_by_role("button", name="Continue").click()
    field = page.get_by_label("Password", exact=True)
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description(re.compile("at least 8 characters"))
    await expect(field).to_be_focused()


async def test_a_wrong_password_and_a_wrong_code_are_said_in_words(new_visitor, alice):
    visitor: Visitor = await new_visitor()
    page = visitor.page
    await visitor.sign_in(alice.email, "not the password")
    await expect(page.get_by_role("alert")).to_contain_text("The address or the password is wrong.")
    await visitor.follow("Create an account", "Create an account")
    await page.get_by_label("E-mail address").fill(email := unused_address())
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Continue").click()
    right = await visitor.mailed(email)
    await page.get_by_label("Code").fill("000000" if right != "000000" else "111111")
    await expect(page.get_by_role("alert")).to_contain_text("wrong")
    await page.get_by_label("Code").fill(right)
    await expect(page.get_by_role("searchbox")).to_be_visible()


async def test_somebody_who_never_confirmed_is_led_to_the_code(new_visitor):
    visitor: Visitor = await new_visitor()
    page = visitor.page
    email = unused_address()
    await visitor.follow("Create an account", "Create an account")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_label("Code")).to_be_visible()
    await page.goto("/#/sign-in")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await visitor.sign_in(email)
    await page.get_by_label("Code").fill(await visitor.mailed(email))
    await expect(page.get_by_role("searchbox")).to_be_visible()
