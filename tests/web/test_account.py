"""Devices, security events, the password and the look, in a browser."""

import re

import pytest
from playwright.async_api import expect

from tests.harness.people import PASSWORD
from tests.web.visitor import Visitor

pytestmark = pytest.mark.xdist_group("web-story")


async def test_a_device_is_signed_out_from_another_one(new_visitor, alice):
    here: Visitor = await new_visitor(alice)
    there: Visitor = await new_visitor()
    await there.sign_in(alice.email)
    await expect(there.page.get_by_role("searchbox")).to_be_visible()

    await here.page.get_by_role("link", name="Your account").click()
    devices = here.page.locator(".card")
    await expect(devices).to_have_count(2)
    await here.page.get_by_role("button", name="Sign out Chrome").click()
    await here.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await expect(devices).to_have_count(1)
    await expect(devices).to_contain_text("this device")
    await expect(there.page.get_by_text("You were signed out on this device.")).to_be_visible()
    await expect(there.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(here.page.get_by_text("this device")).to_be_visible()


async def test_signing_out_ends_every_tab_of_the_browser(new_visitor, alice):
    visitor: Visitor = await new_visitor(alice)
    other = await visitor.new_page()
    await expect(other.get_by_role("searchbox")).to_be_visible()
    await visitor.page.get_by_role("link", name="Your account").click()
    await visitor.page.get_by_role("button", name="Sign out", exact=True).click()
    for page in (visitor.page, other):
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert not {cookie["name"] for cookie in await visitor.context.cookies()} & {"accessToken", "refreshToken"}


@pytest.mark.thorough
async def test_the_password_is_changed_and_the_history_says_so(new_visitor, alice):
    visitor: Visitor = await new_visitor(alice)
    page = visitor.page
    await page.goto("/#/password")
    await page.get_by_label("Present password", exact=True).fill("not this one")
    await page.get_by_label("New password", exact=True).fill("another short sentence")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_label("Present password", exact=True)).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Present password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_text("Your password is changed; your other devices are signed out.")).to_be_visible()

    await page.get_by_role("link", name="Security events").click()
    events = page.locator(".events h3")
    await expect(events.first).to_have_text(re.compile("Password changed"))
    assert "Somebody tried a wrong password" in await events.all_inner_texts()


@pytest.mark.thorough
async def test_the_look_follows_the_system_until_one_is_chosen_which_a_reload_keeps(new_visitor, alice):
    visitor: Visitor = await new_visitor(alice, color_scheme="dark")
    page = visitor.page
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = await visitor.evaluate(paper)
    await page.goto("/#/appearance")
    await page.get_by_text("Light", exact=True).click()
    light = await visitor.evaluate(paper)
    assert light != dark
    await page.reload()
    assert await visitor.evaluate(paper) == light
    await page.get_by_text("As the system").click()
    assert await visitor.evaluate(paper) == dark
