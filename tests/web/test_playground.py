"""The playground: what its buttons do is seen in its frames."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.harness.http import plain_client
from tests.harness.node import Node, free_port
from tests.web.visitor import Visitor

pytestmark = pytest.mark.xdist_group("web-playground")


async def opened(new_visitor, person=None) -> tuple[Visitor, Locator, Locator]:
    """The page, and its two panes when both sockets are open."""
    visitor: Visitor = await new_visitor(person)
    await visitor.page.goto("/playground")
    panes = [visitor.page.get_by_role("region", name=name, exact=True) for name in ("Ada", "Ben")]
    for pane in panes:
        await expect(pane.get_by_role("status")).to_have_text("open")
        await expect(pane.get_by_text("RESUMED")).to_have_count(1)
    return (visitor, *panes)


async def say(pane: Locator, text: str) -> None:
    await pane.get_by_role("textbox").fill(text)
    await pane.get_by_role("textbox").press("Enter")


def talk(pane: Locator) -> Locator:
    return pane.get_by_role("log").first


def frames(pane: Locator, kind: str) -> Locator:
    return pane.locator(".frame").filter(has=pane.page.locator("b").get_by_text(kind, exact=True))


async def test_two_people_talk_in_one_window_and_every_frame_can_be_read(new_visitor):
    _, ada, ben = await opened(new_visitor)
    await say(ada, "Hello, Ben")
    await expect(talk(ben)).to_contain_text("Hello, Ben")
    await expect(frames(ada, "SEND")).to_have_count(1)
    await expect(frames(ada, "MESSAGE_SENT")).to_have_count(1)
    await expect(frames(ada, "READ")).to_have_count(1)
    frame = frames(ben, "NEW_MESSAGE")
    await frame.get_by_role("button").click()
    await expect(frame.locator("pre")).to_contain_text('"content": "Hello, Ben"')


@pytest.mark.thorough
async def test_a_killed_socket_comes_back_with_what_was_said_meanwhile(new_visitor):
    _, ada, ben = await opened(new_visitor)
    await ben.get_by_role("button", name="Kill the socket").click()
    await say(ada, "While you were away")
    await expect(talk(ben)).to_contain_text("While you were away")
    await expect(frames(ben, "closed 4999")).to_have_count(1)
    await expect(frames(ben, "RESUMED")).to_have_count(2)


@pytest.mark.thorough
async def test_what_is_sent_twice_is_stored_and_heard_once(new_visitor):
    _, ada, ben = await opened(new_visitor)
    await ada.get_by_role("button", name="Send twice").click()
    await expect(frames(ada, "SEND")).to_have_count(2)
    await expect(frames(ada, "MESSAGE_SENT")).to_have_count(2)
    receipts = [
        re.sub(r"\d\d:\d\d:\d\d\.\d+", "", each) for each in await frames(ada, "MESSAGE_SENT").all_inner_texts()
    ]
    assert receipts[0] == receipts[1]
    await say(ada, "After it")
    await expect(talk(ben)).to_contain_text("After it")
    await expect(frames(ben, "NEW_MESSAGE")).to_have_count(2)


@pytest.mark.thorough
async def test_an_expired_token_is_refused_and_the_next_one_is_taken(new_visitor):
    _, ada, ben = await opened(new_visitor)
    await ada.get_by_role("button", name="Expire the token").click()
    await expect(frames(ada, "closed 4002")).to_have_count(1)
    await expect(frames(ada, "token renewed")).to_have_count(1)
    await expect(frames(ada, "RESUMED")).to_have_count(2)
    await say(ada, "Back again")
    await expect(talk(ben)).to_contain_text("Back again")


@pytest.mark.thorough
async def test_a_slow_reader_is_let_go_and_the_room_does_not_notice(new_visitor):
    _, ada, ben = await opened(new_visitor)
    await ben.get_by_role("button", name="Slow reader").click()
    await expect(ben.get_by_text("stops reading")).to_be_visible()
    await say(ada, "Meanwhile")
    await expect(talk(ben)).to_contain_text("Meanwhile")
    closed = frames(ben, "closed 4008")
    await expect(closed).to_have_count(1, timeout=60_000)
    await expect(closed).to_contain_text("none missing in between")


async def test_somebody_who_is_signed_in_is_led_to_the_other_name_of_the_machine(new_visitor, alice, server: Node):
    visitor, ada, ben = await opened(new_visitor, alice)
    assert visitor.page.url == f"http://localhost:{server.port}/playground#moved"
    await say(ada, "Hello")
    await expect(talk(ben)).to_contain_text("Hello")
    assert {cookie["domain"] for cookie in await visitor.context.cookies()} == {"127.0.0.1"}


async def test_a_guests_token_is_renewed_and_nobody_elses(server: Node, alice):
    async with plain_client(base_url=server.url) as http:
        guest = (await http.post("/dev/guests", json={"name": "ada"})).json()
        renewed = await http.post("/dev/guests/token", json={"token": guest["token"], "seconds": 60})
        assert renewed.status_code == 200
        bearer = {"Authorization": f"Bearer {renewed.json()['token']}"}
        profile = await http.get("/auth/profile", headers=bearer)
        assert profile.json()["user"]["id"] == guest["user"]["id"]
        for token in (alice.token, "nonsense", guest["token"][:-4] + "AAAA"):
            answer = await http.post("/dev/guests/token", json={"token": token, "seconds": 60})
            assert answer.status_code in (401, 403)
        for body in ({"name": "Ada"}, {"name": "a@b"}, {"name": ""}, {}):
            assert (await http.post("/dev/guests", json=body)).status_code == 400
        foreign = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        assert (await http.post("/dev/guests", json={"name": "eve"}, headers=foreign)).status_code == 403


async def test_in_production_there_is_no_playground_and_no_guest(database, tmp_path):
    node = Node(
        {
            "DATABASE_URL": database,
            "ENVIRONMENT": "production",
            "JWT_SECRET": "the access secret of production 1",
            "JWT_REFRESH_SECRET": "the refresh secret of production",
            "SMTP_HOST": "localhost",
            "EMAIL_FROM": "chat@example.com",
            "DATA_DIR": str(tmp_path / "data"),
        },
        tmp_path,
        port=free_port(),
    )
    await node.start()
    try:
        async with plain_client(base_url=node.url) as http:
            assert (await http.get("/playground")).status_code == 404
            assert (await http.post("/dev/guests", json={"name": "ada"})).status_code == 404
            assert (await http.post("/dev/guests/token", json={"token": "x", "seconds": 1})).status_code == 404
            page = await http.get("/")
            assert page.status_code == 200
            assert 'data-stage="production"' in page.text
    finally:
        await node.stop()
