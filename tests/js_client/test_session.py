"""How the JavaScript client stays signed in, and how it learns that it is not: a server here, with a clock to move."""

import asyncio

import pytest
import pytest_asyncio

from tests.clients.script import client_page, do, enter, sign_in, until
from tests.harness.joining import send
from tests.harness.people import PASSWORD, log_in
from tests.harness.postgres import migrated_database
from tests.harness.site import site_on

pytestmark = pytest.mark.xdist_group("js-client")

COUNTING = """fetch: async (url, init) => {
    const answer = await fetch(url, init);
    if (url.endsWith('/refresh')) console.log('refresh');
    return answer;
}"""
"""A refresh is told of when it is done: before that, tests do not move the time on."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def dsn(postgres_dsn, worker_id):
    """A database of its own: its mails and limits have their own time."""
    return await migrated_database(postgres_dsn, f"js_session_{worker_id}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(dsn, tmp_path_factory):
    """A server whose clock stands still until it is moved: forward, so that each test finds a present of its own."""
    async with site_on(dsn, tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def new_user(site, dsn):
    """Makes signed-in people, there."""
    people = []

    async def make():
        people.append(await log_in(site.application.public_url, dsn))
        return people[-1]

    yield make
    for person in people:
        await person.http.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def runtime(runtimes, site):
    """Where the client runs."""
    return await runtimes(site.port)


async def refreshed(runtime):
    """How often the tokens were swapped so far."""
    await runtime.run("console.log('so far')")
    count = 0
    while await runtime.logged() != "so far":
        count += 1
    return count


async def test_a_token_that_ran_out_is_renewed_once_for_all_requests_of_a_moment(runtime, site, alice):
    await sign_in(runtime, site.port, alice, COUNTING)
    site.move(minutes=15, seconds=1)
    ids = await runtime.run("await Promise.all(Array.from({ length: 10 }, async () => (await chat.profile()).id))")
    assert ids == [alice.id] * 10
    assert await refreshed(runtime) == 1


async def test_a_socket_that_outlived_its_token_comes_back_with_a_new_one(runtime, site, alice, bob, room):
    await sign_in(runtime, site.port, alice, COUNTING)
    await enter(runtime, room)
    await runtime.run("chat.close()")
    site.move(minutes=20)
    await bob.http.post("/auth/refresh")
    await send(bob, room, "Are you back?")
    await runtime.run("chat.connect()")
    assert [await runtime.logged() for _ in range(2)] == ["refresh", "1 Are you back?"]
    await runtime.run("chat.close()")


async def test_an_open_socket_is_kept_by_refreshing_in_time(runtime, site, alice, bob, room):
    await sign_in(runtime, site.port, alice, COUNTING)
    await enter(runtime, room)
    await runtime.run("chat.on('connection', (state) => console.log(state))")
    for _ in range(3):
        site.move(minutes=14, seconds=30)
        assert await runtime.logged() == "refresh"
        await bob.http.post("/auth/refresh")
        await send(bob, room, "still there?")
        assert (await runtime.logged()).endswith("still there?")
    await runtime.run("chat.close()")


async def test_a_browser_that_has_forgotten_the_access_cookie_is_still_signed_in(browsers, site, alice, bob, room):
    page = await client_page(await browsers(), site.port)
    await sign_in(page, site.port, alice, COUNTING)
    forget = {"name": "accessToken", "url": f"http://localhost:{site.port}/"}
    await page.call("Network.deleteCookies", **forget)
    assert (await page.run("await chat.profile()"))["id"] == alice.id
    await page.call("Network.deleteCookies", **forget)
    await enter(page, room)
    await send(bob, room, "Hello")
    assert [await page.logged() for _ in range(3)] == ["refresh", "refresh", "1 Hello"]
    await page.run("chat.close()")


async def test_a_session_that_ran_out_is_told_and_nothing_is_tried_any_more(runtime, site, alice, room):
    await sign_in(runtime, site.port, alice)
    await enter(runtime, room)
    await runtime.run("chat.on('signedOut', (error) => console.log('out', error.code))")
    await runtime.run("chat.close()")
    site.move(days=8)
    refused = "await chat.rooms().catch((error) => [error.code, error.status])"
    assert await runtime.run(refused) == ["TOKEN_EXPIRED", 401]
    assert await runtime.logged() == "out TOKEN_EXPIRED"
    assert await runtime.run("[chat.user, chat.connection]") == [None, "offline"]


async def test_signing_out_elsewhere_ends_the_socket_and_is_told(runtime, site, alice, bob, room):
    await sign_in(runtime, site.port, alice)
    await enter(runtime, room)
    await runtime.run("chat.on('signedOut', (error) => console.log('out', error.code))")
    await runtime.run("void (globalThis.waiting = chat.conversation('nowhere').open().catch((error) => error.code))")
    await alice.http.delete("/auth/sessions")
    assert await runtime.logged() == "out SESSION_ENDED"
    assert await runtime.run("[chat.user, chat.connection]") == [None, "offline"]
    assert await runtime.run("await room.send('x').catch((error) => error.code)") == "SESSION_ENDED"
    assert await runtime.run("await room.open().catch((error) => error.code)") == "SESSION_ENDED"
    await runtime.run(f"void (await chat.signIn('{alice.email}', '{PASSWORD}'))")
    await enter(runtime, room)
    await send(bob, room, "Welcome back")
    assert await runtime.logged() == "1 Welcome back"
    await runtime.run("chat.close()")


async def test_a_device_sees_the_others_and_signs_them_out(runtime, site, alice):
    await sign_in(runtime, site.port, alice)
    sessions = await runtime.run("await chat.sessions()")
    assert sorted(each["current"] for each in sessions) == [False, True]
    other = next(each["id"] for each in sessions if not each["current"])
    await runtime.run(f"await chat.endSession('{other}')")
    assert (await alice.http.get("/auth/profile")).json()["code"] == "SESSION_ENDED"
    assert await runtime.run("await chat.endOtherSessions()") == 0
    await runtime.run("await chat.signOut()")


async def test_a_new_password_is_set_with_the_code_from_the_mail(runtime, site, alice):
    await sign_in(runtime, site.port, alice)
    await runtime.run(f"await chat.changePassword('{PASSWORD}', 'another long one 17')")
    await runtime.run(f"await chat.resetPassword('{alice.email}')")
    async with asyncio.timeout(10):
        while not (mails := [each for each in (await mailbox(alice)) if each.get("code")]):
            await asyncio.sleep(0.02)
    await runtime.run(f"await chat.setNewPassword('{alice.email}', '{mails[0]['code']}', 'a third long one 18')")
    await runtime.run(f"void (await chat.signIn('{alice.email}', 'a third long one 18'))")
    await runtime.run("await chat.signOut()")


async def mailbox(person):
    return (await person.http.get("/dev/mailbox.json", params={"to": person.email})).json()


async def test_two_tabs_refresh_once(browsers, site, alice):
    first = await client_page(await browsers(), site.port)
    await sign_in(first, site.port, alice, COUNTING)
    second = await client_page(await browsers(), site.port, beside=first)
    await do(second, f"globalThis.chat = new Duologue({{ {COUNTING} }}); await chat.profile();")
    for _ in range(3):
        site.move(minutes=15, seconds=1)
        both = "await Promise.all([chat.profile(), chat.rooms(), chat.sessions()]); undefined"
        await asyncio.gather(first.run(both), second.run(both))
        assert await refreshed(first) + await refreshed(second) == 1


async def test_what_one_tab_signs_the_other_hears(browsers, site, alice, bob, room):
    first = await client_page(await browsers(), site.port)
    second = await client_page(await browsers(), site.port, beside=first)
    for tab in (first, second):
        await do(
            tab,
            """globalThis.chat = new Duologue();
            chat.on('signedIn', (user) => console.log('in', user.email));
            chat.on('signedOut', (error) => console.log('out', error ? error.code : 'by itself'));
            chat.connect();""",
        )
        assert await tab.logged() == "out NO_TOKEN"
    await first.run(f"void (await chat.signIn('{alice.email}', '{PASSWORD}'))")
    assert [await tab.logged() for tab in (first, second)] == [f"in {alice.email}"] * 2
    await second.run(until("chat.connection === 'online'"))
    await second.run(f"void (await chat.signIn('{bob.email}', '{PASSWORD}'))")
    assert [await second.logged() for _ in range(2)] == ["out SIGNED_OUT", f"in {bob.email}"]
    assert [await first.logged() for _ in range(2)] == ["out SIGNED_OUT", f"in {bob.email}"]
    await first.run("await chat.signOut()")
    assert await first.logged() == "out by itself"
    assert (await second.logged()).startswith("out S")  # by its socket or by the other tab, whichever is first
    assert await second.run("chat.user") is None
