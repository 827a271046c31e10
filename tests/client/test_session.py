"""How the Python client stays signed in: refreshed in time, once for all, and told when it is over."""

import asyncio

import asyncpg
import pytest
import pytest_asyncio

from duologue.client import Backoff, Duologue, Phase, SignedOut
from tests.client.hearing import phase
from tests.harness.fault_proxy import FaultProxy, Plan
from tests.harness.people import log_in
from tests.harness.site import site_on


@pytest_asyncio.fixture(loop_scope="session")
async def site(database, tmp_path):
    async with site_on(database, tmp_path) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def pair(site, database):
    """Two people there, and their room."""
    people = [await log_in(site.url, database) for _ in range(2)]
    yield (*people, await people[0].open_room(people[1]))
    for person in people:
        await person.http.aclose()


async def test_a_session_is_refreshed_before_its_token_runs_out_and_the_socket_stays(site, pair, client_of):
    alice, _, room = pair
    duologue = await client_of(alice)
    conversation = await duologue.conversation(room)
    await conversation.live()
    before = duologue.session.http.cookies.get("accessToken")
    site.move(minutes=14, seconds=30)  # SESSION_EXPIRING
    async with asyncio.timeout(10):
        while duologue.session.http.cookies.get("accessToken") == before:
            await asyncio.sleep(0.01)
    site.move(minutes=10)
    assert (await conversation.send("still here")).seq == 1
    assert duologue._link.number == 1


async def test_a_token_that_ran_out_is_replaced_and_the_link_comes_back(site, pair, client_of):
    alice, _, room = pair
    duologue = await client_of(alice)
    conversation = await duologue.conversation(room)
    await conversation.live()
    duologue._link.cut()
    site.clock.move(minutes=20)  # asleep, and both the socket and the token are gone
    assert (await conversation.send("awake")).seq == 1
    site.clock.move(minutes=20)
    assert (await duologue.people(alice.email)).users[0].id == alice.id  # HTTP does the same by itself


async def test_a_socket_whose_session_ran_out_in_its_sleep_is_closed_with_4002_and_replaced(site, pair, client_of):
    alice, _, room = pair
    duologue = await client_of(alice)
    conversation = await duologue.conversation(room)
    await conversation.live()
    refresh, duologue._link._refresh = duologue._link._refresh, lambda: None  # the timers of a sleeping machine
    again = asyncio.ensure_future(phase(duologue, Phase.CONNECTING))
    await asyncio.sleep(0)
    site.move(minutes=17)
    await again
    duologue._link._refresh = refresh
    assert (await conversation.send("awake")).seq == 1
    assert duologue._link.number == 2


async def test_many_that_want_a_token_at_once_cause_one_refresh(site, pair, client_of):
    alice, *_ = pair
    duologue = await client_of(alice)
    http = duologue.session.http
    asked, request = [], http.request

    async def counting(method, path, *more):
        asked.append(path)
        return await request(method, path, *more)

    http.request = counting
    site.clock.move(minutes=16)
    profiles = await asyncio.gather(*(duologue.profile() for _ in range(10)))
    assert {each.id for each in profiles} == {alice.id}
    assert asked.count("/auth/refresh") == 1


async def test_a_refresh_whose_answer_is_lost_is_asked_for_again(server, client_of, alice):
    lost = iter([Plan(down=0), Plan(down=0)])  # nothing comes back, twice
    async with FaultProxy(server.port, lambda rng: next(lost, Plan())) as proxy:
        duologue = Duologue(f"http://127.0.0.1:{proxy.port}", backoff=Backoff(0.02, 0.1))
        async with duologue:
            duologue.session.http.cookies.set("refreshToken", alice.http.cookies["refreshToken"], "/auth")
            await duologue.session.refresh()
            assert (await duologue.session.profile()).id == alice.id


async def test_a_session_that_is_over_is_signed_out_and_not_asked_for_ever(site, pair, client_of):
    alice, *_ = pair
    duologue = await client_of(alice)
    await duologue.online()
    duologue._link.cut()
    site.clock.move(days=40)
    assert (await phase(duologue, Phase.SIGNED_OUT)).why
    with pytest.raises(SignedOut):
        await duologue.profile()


async def test_a_server_that_is_busy_is_asked_again(site, pair, client_of, database, monkeypatch):
    alice, bob, room = pair
    monkeypatch.setattr("duologue.chat.journal.QUEUE_ROWS", 2)
    duologue = await client_of(alice, window=8)
    conversation = await duologue.conversation(room)
    await conversation.live()
    connection = await asyncpg.connect(database)
    refused = asyncio.Event()
    hold, duologue._line.hold = duologue._line.hold, lambda seconds: (refused.set(), hold(seconds))
    async with connection.transaction():
        await connection.execute("SELECT FROM rooms WHERE id = $1::uuid FOR UPDATE", room)  # nothing can be stored
        sending = [asyncio.ensure_future(conversation.send(str(number))) for number in range(8)]
        await refused.wait()
    await connection.close()
    stored = await asyncio.gather(*sending)
    assert sorted(each.seq for each in stored) == list(range(1, 9))
    assert len(await bob.whole_history(room)) == 8
