"""`GET /msg/search`: words of one's own rooms, however young or old the message."""

import asyncio

import asyncpg
import pytest

from tests.harness.joining import delete, edit, send


async def found(person, q, **query):
    answer = await person.http.get("/msg/search", params={"q": q, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def contents(person, q, **query):
    return sorted(each["message"]["content"] for each in (await found(person, q, **query))["results"])


async def indexed(database, room):
    """Wait until the words of the room's messages are written down."""
    connection = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(10):
            while await connection.fetchval(
                "SELECT last_seq > coalesce((SELECT indexed_seq FROM search_progress WHERE room_id = id), 0) "
                "FROM rooms WHERE id = $1",
                room,
            ):
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


@pytest.fixture(params=["young", "old"])
def settled(request, database):
    """Both ways to a message: before its words are written down, and after."""

    async def settle(room):
        if request.param == "old":
            await indexed(database, room)

    return settle


async def test_both_members_find_a_message_and_nobody_else(alice, bob, room, new_user, settled):
    carol = await new_user()
    await carol.open_room(alice)
    message = await send(alice, room, "the zebra crosses")
    await settled(room)
    for person, peer in ((alice, bob), (bob, alice)):
        [result] = (await found(person, "zebra"))["results"]
        assert result["message"] == message
        assert result["peer"]["id"] == peer.id
    assert await contents(carol, "zebra") == []


async def test_somebody_without_a_room_finds_nothing(alice):
    assert await found(alice, "anything") == {"results": [], "cursor": None}


async def test_all_words_must_be_there_and_the_last_may_be_a_beginning(alice, bob, room, settled):
    for text in ("green apples and pears", "green grass", "apple pie"):
        await send(alice, room, text)
    await settled(room)
    assert await contents(alice, "green apples") == ["green apples and pears"]
    assert await contents(alice, "green app") == ["green apples and pears"]
    assert await contents(alice, "appl") == ["apple pie", "green apples and pears"]
    assert await contents(alice, "appl green") == []
    assert await contents(alice, "GREEN") == ["green apples and pears", "green grass"]
    assert await contents(alice, "pears, green!") == ["green apples and pears"]


WRITTEN = [
    ("Grüße aus Köln", "grüße köl"),
    ("привет мир", "Привет"),
    ("नमस्ते दुनिया", "नमस्ते"),
    ("你好 世界", "你好"),
    ("γειά σου Κόσμε", "κόσμε"),
    ("İstanbul", "İstanbul"),
    ("write to bob.smith+x@example.com please", "bob.smith+x@example.com"),
    ("write to bob@example.com please", "bob@exam"),
    ("see https://example.com/a/path?x=1", "example.com"),
    ("version 3.14.15 is out", "3.14"),
    ("the file /etc/hosts.conf", "hosts.conf"),
    ("the file /etc/hosts.conf", "/etc/ho"),
    ("snake_case_name", "snake_case"),
    ("a state-of-the-art thing", "state-of-the-art"),
    ("don't panic", "don't"),
    ("it costs 1,000.50 euros", "1,000.50"),
    ("👍 great", "great 👍"),
]


async def test_what_was_written_is_found_as_it_was_written(alice, room, settled):
    texts = {text for text, _ in WRITTEN}
    for text in texts:
        await send(alice, room, text)
    await settled(room)
    answers = {query: (text, await contents(alice, query, limit=50)) for text, query in WRITTEN}
    assert {query: answer for query, (text, answer) in answers.items() if text not in answer or len(answer) > 3} == {}


async def test_a_deleted_message_is_not_found(alice, bob, room, settled):
    message = await send(alice, room, "secret walrus")
    await settled(room)
    await delete(alice, room, message["id"])
    assert await contents(alice, "walrus") == []
    assert await contents(bob, "walrus") == []


async def test_an_edited_message_is_found_by_its_new_words_alone(alice, bob, room, settled):
    message = await send(alice, room, "old giraffe")
    await settled(room)
    await edit(alice, room, message["id"], "new rhino")
    assert await contents(bob, "giraffe") == []
    [result] = (await found(bob, "rhino"))["results"]
    assert result["message"]["editedAt"]
    await settled(room)
    assert await contents(bob, "rhino") == ["new rhino"]


async def test_the_words_of_what_was_taken_away_stay_nowhere(alice, room, database):
    """Edits and deletions at the very moment when the words are written down."""
    connection = await asyncpg.connect(database)
    try:
        for number in range(3):
            messages = [await send(alice, room, f"quokka {number} {each}") for each in range(8)]
            await asyncio.gather(
                *(delete(alice, room, each["id"]) for each in messages[::2]),
                *(edit(alice, room, each["id"], f"wombat {number}") for each in messages[1::2]),
            )
        await indexed(database, room)
        words = await connection.fetch("SELECT words::text FROM message_search WHERE room_id = $1", room)
        assert not [row for row in words if "quokka" in row["words"]]
        assert len([row for row in words if "wombat" in row["words"]]) == 12
    finally:
        await connection.close()
    assert len(await contents(alice, "wombat", limit=50)) == 12


async def test_an_edit_beats_the_indexer_that_read_the_message_before(alice, room, database):
    """The same race, with the indexer's transaction held open in between."""
    from duologue.chat.search_store import INDEX

    message = await send(alice, room, "antelope")
    await indexed(database, room)
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("DELETE FROM search_progress WHERE room_id = $1", room)
        await connection.execute("DELETE FROM message_search WHERE room_id = $1", room)
        change = connection.transaction()
        await change.start()
        await connection.fetch("SELECT * FROM message_change($1, $2, $3, $4)", room, message["id"], alice.id, "buffalo")
        other = await asyncpg.connect(database)
        indexing = asyncio.create_task(other.fetch(INDEX, [room], 500))
        async with asyncio.timeout(10):
            while not await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'",
                other.get_server_pid(),
            ):
                await asyncio.sleep(0.01)
        await change.commit()
        await indexing
        await other.close()
        words = await connection.fetchval("SELECT words::text FROM message_search WHERE room_id = $1", room)
        assert "buffalo" in words
        assert "antelope" not in words
    finally:
        await connection.close()
    assert await contents(alice, "buffalo") == ["buffalo"]


HOSTILE = [
    "zebra'", "'zebra'", '"zebra"', "zebra\\", "\\'zebra", "zebra & | ! ( )", "!zebra", "(zebra", "zebra:*", "zebra:A",
    "zebra <-> ", "<2> zebra", "zebra;--", "zebra%", "zebra\0", "zebra\n\t", "$1 zebra",
    "zebra '; DROP TABLE rooms; --",
    "{zebra}", "zebra''''", "*zebra*",
]  # fmt: skip


async def test_operators_and_quotes_are_no_syntax(alice, room, settled):
    await send(alice, room, "zebra 1 DROP TABLE rooms A 2")
    await settled(room)
    for query in HOSTILE:
        assert (query, await contents(alice, query)) == (query, ["zebra 1 DROP TABLE rooms A 2"])


@pytest.mark.parametrize("query", ["", " ", "!!!", "'", "\0", ":*", "_", "👍", "x" * 201])
async def test_a_question_without_a_word_or_too_long_is_refused(alice, query):
    answer = await alice.http.get("/msg/search", params={"q": query})
    assert answer.status_code == 400
    assert answer.json()["details"][0]["field"] == "q"


async def test_two_hundred_letters_and_a_hundred_words_are_a_question(alice):
    for query in ("x" * 200, "x " * 100, "a_" * 100, "1." * 100, "@." * 50 + "word", "ʼx"):
        assert await contents(alice, query) == []


async def test_the_words_that_mark_rooms_find_nothing(alice, bob, room, new_user, settled):
    """Rooms are words of the index: nobody can ask for them."""
    carol = await new_user()
    await carol.open_room(alice)
    await send(alice, room, "private")
    await settled(room)
    word = "room" + room.replace("-", "")
    for person in (alice, carol):
        assert await contents(person, word) == []
        assert await contents(person, word[:8]) == []


async def test_pages_follow_each_other_without_a_gap_or_a_double(alice, room, settled):
    for number in range(25):
        await send(alice, room, f"llama {number}")
    await settled(room)
    cursor, results = None, []
    while True:
        page = await found(alice, "llama", limit=10, **({"cursor": cursor} if cursor else {}))
        results += page["results"]
        cursor = page["cursor"]
        if cursor is None:
            break
        assert len(page["results"]) == 10
    assert sorted(int(each["message"]["content"].split()[1]) for each in results) == list(range(25))


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 51}, {"limit": "x"}, {"cursor": "x"}, {"cursor": "-1"}])
async def test_a_page_that_is_none_is_refused(alice, query):
    assert (await alice.http.get("/msg/search", params={"q": "a", **query})).status_code == 400


async def test_a_message_after_many_is_found_at_once(alice, room):
    for number in range(30):
        await send(alice, room, f"heron {number}")
        assert f"heron {number}" in await contents(alice, f"heron {number}")
