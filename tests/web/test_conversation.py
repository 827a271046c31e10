"""What a conversation does in a browser, also on a bad day."""

import asyncio
import signal

import asyncpg
import pytest
from playwright.async_api import expect

from tests.web.figures import note
from tests.web.visitor import Visitor, name_of

pytestmark = pytest.mark.xdist_group("web-conversation")

SENTENCES = [f"Sentence {number}" for number in range(20)]


async def test_a_reload_in_the_middle_of_sending_loses_nothing_and_sends_nothing_twice(
    server, new_visitor, alice, bob, room
):
    visitor: Visitor = await new_visitor(alice)
    await visitor.open(room)
    async with bob.socket(f"/room/{room}") as socket:
        server.process.send_signal(
            signal.SIGSTOP
        )  # nothing is answered, and what the system has buffered arrives later
        try:
            for sentence in SENTENCES:
                await visitor.say(sentence)
            await visitor.sees(SENTENCES[-1], "Sending")
            reloading = asyncio.create_task(visitor.page.reload())
        finally:
            server.process.send_signal(signal.SIGCONT)
        await reloading
        heard = [(await socket.receive())["data"]["content"] for _ in SENTENCES]
    assert heard == SENTENCES
    await visitor.sees(SENTENCES[-1], "Delivered")
    assert await visitor.texts() == SENTENCES
    assert [message["content"] for message in await alice.history(room)] == SENTENCES


async def test_without_a_network_a_line_says_so_and_afterwards_everything_is_there(new_visitor, alice, bob, room):
    visitor: Visitor = await new_visitor(alice)
    await visitor.open(room)
    await visitor.say("Before the tunnel")
    await visitor.sees("Before the tunnel", "Sent")
    line = visitor.page.get_by_text("You are offline.")
    await expect(line).to_have_count(0)
    await visitor.context.set_offline(True)
    await expect(line).to_be_visible()
    await visitor.say("From the tunnel")
    await visitor.sees("From the tunnel", "Sending")
    answer = await bob.http.post(f"/msg/room/{room}/messages", json={"content": "While you were away"})
    assert answer.status_code == 201
    await visitor.context.set_offline(False)
    await expect(line).to_have_count(0)
    await visitor.sees("From the tunnel", "Sent")
    await visitor.sees("While you were away")
    assert await visitor.texts() == [message["content"] for message in await alice.history(room)]
    assert len(await visitor.texts()) == 3


async def test_two_tabs_of_one_user_refresh_at_once_and_both_stay_signed_in(new_visitor, alice):
    visitor: Visitor = await new_visitor(alice)
    tabs = [visitor.page, await visitor.new_page()]
    for tab in tabs:
        await expect(tab.get_by_role("searchbox")).to_be_visible()
    refreshes = []
    visitor.context.on("request", lambda request: request.url.endswith("/auth/refresh") and refreshes.append(request))
    await visitor.context.clear_cookies(name="accessToken")  # as after fifteen minutes
    await asyncio.gather(*(tab.evaluate("location.hash = '#/devices'") for tab in tabs))
    for tab in tabs:
        await expect(tab.get_by_text("this device")).to_be_visible()
    assert len(refreshes) == 1
    for tab in tabs:
        await tab.reload()
        await expect(tab.get_by_text("this device")).to_be_visible()


async def test_the_other_tab_shows_what_this_one_says_once(new_visitor, alice, bob, room):
    visitor: Visitor = await new_visitor(alice)
    other = await visitor.new_page()
    await visitor.open(room)
    await visitor.open(room, other)
    await visitor.say("Said in the first tab")
    await visitor.sees("Said in the first tab", "Sent", other)
    await visitor.say("And in the second", other)
    await visitor.sees("And in the second", "Sent")
    assert await visitor.texts() == await visitor.texts(other) == ["Said in the first tab", "And in the second"]


STRANGE = [
    "<script>document.title = 'broken'</script><img src=x onerror=alert(1)>",
    "שלום, איך הדרך הביתה? עשר דקות.",
    "مرحبا بالعالم",
    "👩‍👩‍👧‍👦🏳️‍🌈 e\u0301 \u202eright to left\u202c",
    "  two\n\n  lines, with  spaces",
    "wide" * 500,
    "🎉" * 7_990 + "0123456789",
]


async def test_strange_messages_are_shown_as_the_text_they_are(new_visitor, alice, bob, room):
    reader: Visitor = await new_visitor(bob)
    writer: Visitor = await new_visitor(alice)
    await reader.open(room)
    await writer.open(room)
    for number, text in enumerate(STRANGE, 1):
        await writer.say(text)
        for visitor in (writer, reader):
            shown = visitor.page.locator(f"article[data-seq='{number}'] .text")
            await expect(shown).to_have_count(1)
            assert await shown.evaluate("(each) => each.textContent") == text
    assert "broken" not in await reader.page.title()
    assert await reader.page.locator("article img, article script").count() == 0
    direction = "(each) => getComputedStyle(each.parentElement).direction"
    assert await reader.messages(STRANGE[1]).locator(".text").evaluate(direction) == "rtl"
    assert await reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
        "a long word breaks the page"
    )


@pytest.mark.thorough
async def test_more_than_8000_characters_can_not_be_sent_and_the_field_says_so(new_visitor, alice, bob, room):
    visitor: Visitor = await new_visitor(alice)
    await visitor.open(room)
    await visitor.field().fill("é" * 8_001)
    await expect(visitor.page.get_by_text("8,001 of 8,000 characters")).to_be_visible()
    await expect(visitor.page.get_by_role("button", name="Send")).to_be_disabled()
    await visitor.say("é" * 8_000)
    await expect(visitor.messages()).to_have_count(1)


async def test_a_message_is_edited_and_deleted_for_both(new_visitor, alice, bob, room):
    writer: Visitor = await new_visitor(alice)
    reader: Visitor = await new_visitor(bob)
    await writer.open(room)
    await reader.open(room)
    await writer.say("Hullo")
    await reader.sees("Hullo")
    await writer.sees("Hullo", "Read")  # one that is not known to be stored cannot be changed
    await writer.field().press("ArrowUp")
    field = writer.page.get_by_role("textbox", name="Edit the message")
    await expect(field).to_have_value("Hullo")
    await field.fill("Hello")
    await field.press("Enter")
    for visitor in (writer, reader):
        await visitor.sees("Hello")
        await expect(visitor.messages("Hello")).to_contain_text("edited")

    await writer.messages("Hello").hover()
    await writer.messages("Hello").get_by_role("button").click()
    await writer.page.get_by_role("menuitem", name="Delete").click()
    await writer.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for visitor in (writer, reader):
        await visitor.sees("This message was deleted.")
        assert await visitor.texts() == ["This message was deleted."]
    await reader.messages().hover()
    assert await reader.messages().get_by_role("button").count() == 0


@pytest.mark.thorough
async def test_whoever_is_blocked_reads_why_and_may_write_again_when_unblocked(new_visitor, alice, bob, room):
    visitor: Visitor = await new_visitor(alice)
    blocked: Visitor = await new_visitor(bob)
    await visitor.open(room)
    await blocked.open(room)
    await visitor.page.get_by_role("button", name=f"More about {name_of(bob)}").click()
    await visitor.page.get_by_role("menuitem", name="Block").click()
    await visitor.page.get_by_role("dialog").get_by_role("button", name="Block").click()
    await expect(visitor.page.get_by_text(f"You have blocked {name_of(bob)}.")).to_be_visible()
    await blocked.say("Do you hear me?")
    await blocked.sees("Do you hear me?", "Not sent")
    await expect(blocked.page.get_by_text("one of you has blocked the other")).to_be_visible()

    await visitor.page.goto("/#/blocked")
    await visitor.page.get_by_role("button", name=f"Unblock {name_of(bob)}").click()
    await blocked.page.get_by_role("button", name="Try again").click()
    await blocked.sees("Do you hear me?", "Sent")
    assert [message["content"] for message in await alice.history(room)] == ["Do you hear me?"]


COUNT = 1_000

SCROLL_UP = """async () => {
    const box = document.querySelector(".scroller");
    const frames = [];
    let most = 0, last = performance.now(), stuck = 0, top = 1;
    while (stuck < 60) {
        box.scrollBy(0, -160);  // 9,600 pixels a second: a hard flick
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - last);
        last = now;
        most = Math.max(most, document.querySelectorAll("article.message").length);
        stuck = box.scrollTop === top ? stuck + 1 : 0;
        top = box.scrollTop;
    }
    return { frames: frames.slice(2, -60), most };
}"""


async def fill(alice, room: str, count: int) -> None:
    """So many messages, numbered from 1."""
    async with alice.socket(f"/room/{room}") as socket:
        for number in range(1, count):
            await socket.say(f"Number {number}, {'and some more words ' * (number % 7)}")
        await socket.say(f"Number {count}", "last")
        await socket.receive_type("MESSAGE_SENT")


@pytest.mark.thorough
async def test_a_thousand_messages_are_scrolled_with_few_of_them_in_the_document(new_visitor, alice, bob, room):
    await fill(alice, room, COUNT)
    visitor: Visitor = await new_visitor(bob, viewport={"width": 1280, "height": 800})
    await visitor.open(room)
    await visitor.sees(f"Number {COUNT}")
    measured = await visitor.evaluate(SCROLL_UP)
    await expect(visitor.page.locator("article[data-seq='1']")).to_be_in_viewport()
    assert measured["most"] < COUNT / 5
    frames = sorted(measured["frames"])
    note(
        "scrolling",
        messages=COUNT,
        most_in_the_document=measured["most"],
        frames=len(frames),
        median_ms=frames[len(frames) // 2],
        p95_ms=frames[len(frames) * 95 // 100],
        longest_ms=frames[-1],
        frames_a_second=1000 * len(frames) / sum(frames),
    )
    order = [
        int(seq)
        for seq in await visitor.page.locator("article.message").evaluate_all("(all) => all.map((e) => e.dataset.seq)")
    ]
    assert order == list(range(1, len(order) + 1))


DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
IN_SIGHT = """() => {
    const top = (each) => each.getBoundingClientRect().top;
    const seen = [...document.querySelectorAll("article.message")].find((each) => top(each) > 200);
    return [seen.dataset.seq, top(seen)];
}"""


@pytest.mark.thorough
async def test_what_one_reads_above_stays_in_place_while_more_comes_in_below(new_visitor, alice, bob, room):
    await fill(alice, room, 120)
    visitor: Visitor = await new_visitor(bob)
    await visitor.open(room)
    await visitor.sees("Number 120")
    await visitor.evaluate("document.querySelector('.scroller').scrollBy(0, -1500)")
    end = visitor.page.get_by_role("button", name="To the newest message")
    await expect(end).to_be_visible()
    await visitor.evaluate(DRAWN)  # what came into sight is measured as it is drawn
    seq, before = await visitor.evaluate(IN_SIGHT)
    unread = visitor.page.get_by_role("link", name=name_of(alice)).locator(".badge")
    place = f"document.querySelector(\"article[data-seq='{seq}']\").getBoundingClientRect().top"
    async with alice.socket(f"/room/{room}") as socket:
        for number in range(121, 131):
            await socket.say(f"Number {number}, {'which is longer than the others ' * 12}", str(number))
            await socket.receive_type("MESSAGE_SENT")
            await expect(unread).to_have_text(f"{number - 120} unread")
            await visitor.evaluate(DRAWN)  # each by itself: what is lost to whole pixels does not add up
    assert abs(await visitor.evaluate(place) - before) <= 1
    await end.click()
    await expect(visitor.page.locator("article[data-seq='130']")).to_be_in_viewport()
    await expect(visitor.page.get_by_role("link", name=name_of(alice))).not_to_contain_text("unread")


@pytest.mark.thorough
async def test_a_search_leads_to_the_message_however_far_back_it_is(new_visitor, alice, bob, room):
    async with alice.socket(f"/room/{room}") as socket:
        await socket.say("The ferry leaves at seven forty from the northern pier")
    await fill(alice, room, 300)
    visitor: Visitor = await new_visitor(bob)
    await visitor.page.get_by_role("searchbox").fill("ferry northern")
    await visitor.page.get_by_role("link", name="northern pier").click()
    target = visitor.page.locator("article[data-seq='1']")
    await expect(target).to_be_in_viewport()
    await expect(target).to_be_focused()
    await expect(target).to_contain_text("The ferry leaves")


@pytest.mark.thorough
async def test_the_days_are_named_between_the_messages(new_visitor, alice, bob, room, database):
    await fill(alice, room, 2)
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "UPDATE messages SET created_at = created_at - interval '1 day' WHERE room_id = $1 AND seq = 1", room
        )
    finally:
        await connection.close()
    visitor: Visitor = await new_visitor(bob)
    await visitor.open(room)
    await visitor.sees("Number 2")
    assert await visitor.page.locator(".day").all_inner_texts() == ["Yesterday", "Today"]
