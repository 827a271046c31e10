"""What people take along of their conversations."""

import asyncpg
import pytest

from duologue.auth.export import write_document
from duologue.chat.export import PAGE, ConversationExport
from duologue.chat.export_store import ExportStore
from duologue.wire.accounts import Export
from tests.harness.joining import delete, edit, send

FILL = """
INSERT INTO messages (room_id, seq, id, sender_id, content, created_at)
SELECT $1, seq, gen_random_uuid(), $2, 'line ' || seq, now() FROM generate_series($3::bigint, $4) AS seq
"""


@pytest.fixture
async def pool(database):
    """The server's database."""
    opened = await asyncpg.create_pool(database, min_size=1, max_size=2)
    yield opened
    await opened.close()


async def exported(person):
    """The document."""
    answer = await person.http.get("/auth/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="duologue-export.json"'
    return answer.json()


async def test_people_take_both_sides_of_their_conversations_along_and_nobody_elses(alice, bob, new_user):
    carol, dave = await new_user(), await new_user()
    with_bob, with_carol, without_alice = (
        await alice.open_room(bob),
        await carol.open_room(alice),
        await bob.open_room(dave),
    )
    first = await send(alice, with_bob, "first")
    second = await send(bob, with_bob, "second")
    await send(carol, with_carol, "third ✓")
    await send(bob, without_alice, "not for Alice")
    await edit(alice, with_bob, first["id"], "first, mended")
    await edit(bob, with_bob, second["id"], "second, mended")
    gone = await send(alice, with_bob, "regretted")
    await delete(alice, with_bob, gone["id"])
    assert (await alice.http.post(f"/users/{dave.id}/block")).status_code == 204

    found = await exported(alice)
    assert {room["id"]: room["peer"] for room in found["rooms"]} == {
        with_bob: {"id": bob.id, "email": bob.email, "displayName": None},
        with_carol: {"id": carol.id, "email": carol.email, "displayName": None},
    }
    said = {(each["roomId"], each["seq"]): (each["senderId"], each["content"]) for each in found["messages"]}
    assert said == {
        (with_bob, 1): (alice.id, "first, mended"),
        (with_bob, 2): (bob.id, "second, mended"),
        (with_bob, 3): (alice.id, ""),
        (with_carol, 1): (carol.id, "third ✓"),
    }
    # What one's own message said before is one's own; what the other's said before is the other's.
    assert [(each["messageId"], each["content"]) for each in found["edits"]] == [(first["id"], "first")]
    assert [each["userId"] for each in found["blocked"]] == [dave.id]
    assert "not for Alice" not in str(found)


async def test_somebody_without_conversations_has_empty_lists(alice):
    found = await exported(alice)
    assert [found[name] for name in ("rooms", "messages", "edits", "blocked")] == [[]] * 4


async def test_a_long_conversation_comes_whole_and_in_pages(alice, bob, room, pool):
    other = await alice.open_room(bob)
    assert other == room
    await pool.execute(FILL, room, alice.id, 1, 2 * PAGE + 7)
    pages = [page async for page in ConversationExport(ExportStore(pool)).sections(alice.id)["messages"]()]
    assert [len(page) for page in pages] == [PAGE, PAGE, 7]
    found = await exported(alice)
    assert [each["seq"] for each in found["messages"]] == list(range(1, 2 * PAGE + 8))


async def test_the_document_is_written_while_it_is_read(pool, alice, room):
    await pool.execute(FILL, room, alice.id, 1, 2 * PAGE)
    document = write_document({"user": alice.id}, [ConversationExport(ExportStore(pool))], alice.id)
    longest = max([len(piece) async for piece in document])
    size = sum([len(piece) async for piece in write_document({}, [ConversationExport(ExportStore(pool))], alice.id)])
    assert longest < size * 0.6


async def test_an_export_is_asked_for_by_its_owner_alone(client):
    assert (await client.get("/auth/export")).status_code == 401


def test_every_section_is_in_the_document_of_the_api():
    names = {"user", "sessions", "securityEvents", *ConversationExport(ExportStore(None)).sections(1)}
    assert names == set(Export.__struct_encode_fields__)
