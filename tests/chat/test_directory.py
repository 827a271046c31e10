"""`GET /users`, and who sees whom where the directory is closed."""

import asyncio

import asyncpg
import pytest
import pytest_asyncio

from tests.harness.node import Node
from tests.harness.people import log_in
from tests.harness.postgres import migrated_database


async def page(person, **query):
    answer = await person.http.get("/users", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def everybody(person, **query):
    users, cursor = [], None
    while True:
        got = await page(person, **query, **({"cursor": cursor} if cursor else {}))
        users += got["users"]
        cursor = got["cursor"]
        if cursor is None:
            return users


async def test_pages_hold_everybody_once_in_the_order_of_ids(alice, bob, new_user):
    people = [alice, bob, *[await new_user() for _ in range(5)]]
    users = await everybody(alice, limit=3)
    ids = [user["id"] for user in users]
    assert ids == sorted(set(ids))
    assert {person.id for person in people} <= set(ids)
    assert len((await page(alice, limit=3))["users"]) == 3


async def test_a_query_is_part_of_an_address_or_a_name_and_no_pattern(alice, bob, database):
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("UPDATE users SET display_name = 'Zoë O''Neil_' WHERE id = $1", bob.id)
    finally:
        await connection.close()
    for query in (bob.email, bob.email.upper()):
        assert [user["id"] for user in await everybody(alice, query=query)] == [bob.id]
    for query in ("zoë", "O'NEIL", "neil_"):
        assert bob.id in [user["id"] for user in await everybody(alice, query=query)]
    for query in ("%", "z_ë", "nobody at all", "';--"):
        assert await everybody(alice, query=query) == []


async def test_who_is_online_is_in_it(alice, bob):
    async with bob.socket("/rooms") as lobby:
        await lobby.receive()
        [found] = (await page(alice, query=bob.email))["users"]
        assert found["online"] is True
        assert found["isVerified"] is True


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "x"},
        {"cursor": "x"},
        {"cursor": "-1"},
        {"query": "x" * 201},
        {"query": "\0"},
    ],
)
async def test_a_page_that_is_none_is_refused(alice, query):
    answer = await alice.http.get("/users", params=query)
    assert answer.status_code == 400
    assert answer.json()["code"] == "INVALID_INPUT"


async def test_any_cursor_within_the_ids_is_taken(alice):
    assert await page(alice, cursor="2147483647") == {"users": [], "cursor": None}


async def test_it_is_for_signed_in_people(client):
    assert (await client.get("/users")).status_code == 401


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def closed(postgres_dsn, worker_id, tmp_path_factory):
    """A server whose people see only those they talk to, and its database."""
    dsn = await migrated_database(postgres_dsn, f"contacts_{worker_id}")
    folder = tmp_path_factory.mktemp("contacts")
    settings = {"DATABASE_URL": dsn, "DIRECTORY": "contacts", "RATE_LIMITS": "off", "DATA_DIR": str(folder / "data")}
    node = Node(settings, folder)
    await node.start()
    yield node, dsn
    await node.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def three(closed):
    """Alice and Bob share a room, Carol knows nobody."""
    node, dsn = closed
    people = [await log_in(node.url, dsn) for _ in range(3)]
    await people[0].open_room(people[1])
    yield people
    for person in people:
        await person.http.aclose()


def ids(users):
    return [user["id"] for user in users]


async def test_people_see_themselves_and_those_they_share_a_room_with(three):
    alice, bob, carol = three
    for person, seen in ((alice, [alice.id, bob.id]), (bob, [alice.id, bob.id]), (carol, [carol.id])):
        assert ids(await everybody(person)) == seen
        async with person.socket("/users") as board:
            assert ids((await board.receive())["data"]) == seen
    assert await everybody(carol, query=alice.email) == []


async def test_the_coming_of_a_stranger_is_not_told(three):
    alice, bob, carol = three
    async with alice.socket("/users") as hers, carol.socket("/users") as stranger:
        await hers.receive_type("ALL_USERS")
        await stranger.receive_type("ALL_USERS")
        async with bob.socket("/rooms"):
            while (await hers.receive_type("USER_STATUS"))["data"]["id"] != bob.id:
                pass
        while True:
            data = (await hers.receive_type("USER_STATUS"))["data"]
            assert data["id"] in (alice.id, bob.id)
            if data["id"] == bob.id and not data["online"]:
                break
        # Hers came last: what was to be told of Bob has been told.
        while not await stranger.nothing_more():
            pass


async def told_before(board, person):
    """The ids told until that person's."""
    seen = []
    while person.id not in seen:
        seen.append((await board.receive_type("USER_STATUS"))["data"]["id"])
    return seen


async def test_a_new_room_makes_two_people_see_each_other(three):
    alice, bob, carol = three
    async with alice.socket("/users") as hers, carol.socket("/users") as stranger, bob.socket("/users") as his:
        for board in (hers, stranger, his):
            await board.receive_type("ALL_USERS")
        await carol.open_room(alice)
        assert carol.id in await told_before(hers, carol)
        assert bob.id not in await told_before(stranger, alice)
        assert ids(await everybody(carol)) == [alice.id, carol.id]
        assert ids(await everybody(bob)) == [alice.id, bob.id]
        await carol.http.post(f"/users/{alice.id}/block")
        async with carol.socket("/rooms"):
            await asyncio.gather(hers.sync(), his.sync())


async def test_a_room_opened_while_the_list_is_read_is_not_missed(closed):
    node, dsn = closed
    for _ in range(15):
        alice, bob = await log_in(node.url, dsn), await log_in(node.url, dsn)
        async with alice.socket("/users") as board, bob.socket("/rooms") as lobby:
            await lobby.receive_type("ROOMS_LIST")
            await alice.open_room(bob)
            seen = ids((await board.receive_type("ALL_USERS"))["data"])
            if bob.id not in seen:
                await told_before(board, bob)
        await alice.http.aclose()
        await bob.http.aclose()


async def test_an_open_directory_is_not_told_of_rooms(alice, bob, new_user):
    carol = await new_user()
    async with bob.socket("/rooms") as lobby, alice.socket("/users") as board:
        await lobby.receive()
        await board.receive_type("ALL_USERS")
        await alice.open_room(bob)
        async with carol.socket("/rooms"):
            seen = await told_before(board, carol)
            assert not {alice.id, bob.id} & set(seen)


async def test_of_more_than_the_list_holds_those_who_are_online_and_the_newest_are_in_it(database, alice, bob):
    connection = await asyncpg.connect(database)
    await connection.execute(
        "INSERT INTO users (email, password_hash, created_at) "
        "SELECT format('crowd.%s.%s@example.com', $1::int, n), '', now() FROM generate_series(1, 600) n",
        alice.id,
    )
    await connection.close()
    async with bob.socket("/rooms") as lobby, alice.socket("/users") as users:
        await lobby.receive()
        listed = (await users.receive())["data"]
    ids = [user["id"] for user in listed]
    assert len(ids) == 500
    assert ids == sorted(ids)
    assert {alice.id, bob.id} <= set(ids)
    assert f"crowd.{alice.id}.600@example.com" in {user["email"] for user in listed}
