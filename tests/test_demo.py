"""`duologue demo`: a first look that is not empty, written once, and never where it does not belong."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import pytest

from duologue.client import Duologue
from duologue.demo.script import PASSWORD, PEOPLE, conversations
from tests.harness.node import Node, clean_environment

SECRETS = {
    "JWT_SECRET": "a" * 40,
    "JWT_REFRESH_SECRET": "b" * 40,
    "SMTP_HOST": "127.0.0.1",
    "EMAIL_FROM": "a@b.example",
}


async def demo(folder, *arguments, **environment):
    """Run it; its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "duologue", "demo", "--data-dir", str(folder / "data"), *arguments),
        cwd=folder,
        env=clean_environment(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def look(url):
    """What somebody finds who signs in as Ada."""
    async with Duologue(url) as ada:
        await ada.sign_in("ada@demo.example", PASSWORD)
        await ada.online()
        rooms = list(ada.rooms)
        ben = next(room for room in rooms if room.peer.email == "ben@demo.example")
        chess = next(room for room in rooms if room.peer.email == "kofi@demo.example")
        page = await (await ada.conversation(ben.id)).load_earlier()
        scrolled = await ada.conversation(chess.id)
        await scrolled.load_earlier(100)
        await scrolled.load_earlier(100)
        found = await ada.search("lentils")
        said = await (await ada.conversation(ben.id)).send("See you there!")
    return rooms, ben, page, scrolled.messages, found, said


@pytest.mark.thorough
async def test_it_fills_a_database_before_the_first_start_and_beside_a_running_server(folder):
    status, printed = await demo(folder)
    assert status == 0, printed
    assert "12 people, 13 conversations" in printed
    assert f"password: {PASSWORD}" in printed
    assert all(person.email in printed for person in PEOPLE)

    node = await Node({"DATA_DIR": str(folder / "data")}, folder).start()
    try:
        status, printed = await demo(folder)
        assert (status, "nothing was written" in printed, PASSWORD in printed) == (0, True, True)
        rooms, ben, page, scrolled, found, said = await look(node.url)
    finally:
        await node.stop()
    assert len(rooms) == 9
    assert rooms[0].id == ben.id  # the newest activity first
    assert (ben.unread, ben.read_seq, ben.last_seq) == (2, 7, 9)
    assert said.seq == 10
    assert sum(bool(each.edited_at) for each in page) == 1
    assert [each.created_at for each in page] == sorted(each.created_at for each in page)
    assert len(scrolled) == 200
    assert found.results[0].peer.email == "gita@demo.example"


async def test_it_fills_the_database_of_a_server_that_runs(lived_in):
    folder = lived_in
    node = await Node({"DATA_DIR": str(folder / "data")}, folder).start()
    try:
        runs = await asyncio.gather(demo(folder), demo(folder))  # at once: one of them writes
        assert [status for status, _ in runs] == [0, 0]
        assert sorted("nothing was written" in printed for _, printed in runs) == [False, True]
        rooms, *_ = await look(node.url)
    finally:
        await node.stop()
    assert len(rooms) == 9


@pytest.mark.thorough
async def test_it_refuses_production_and_other_databases_unless_it_is_forced(folder, database):
    status, printed = await demo(folder, ENVIRONMENT="production", CLIENT_URL="https://chat.example", **SECRETS)
    assert (status, "not in production" in printed) == (2, True), printed
    status, printed = await demo(folder, DATABASE_URL=database)
    assert (status, "not ours to fill" in printed) == (2, True), printed
    status, printed = await demo(folder, "--force", DATABASE_URL=database)
    assert (status, "12 people" in printed) == (0, True), printed


def test_the_script_is_lively():
    now = datetime.now(UTC)
    all_of_them = list(conversations(now))
    lines = [line for each in all_of_them for line in each.lines]
    assert any(line.is_deleted for line in lines)
    assert any(line.former for line in lines)
    assert any("א" <= letter <= "ת" for line in lines for letter in line.text)
    assert any("🎻" in line.text for line in lines)
    assert any(each.unread for each in all_of_them)
    assert {name for each in all_of_them for name in (each.first, each.second)} == {each.name for each in PEOPLE}
    for each in all_of_them:
        moments = [line.said_at for line in each.lines]
        assert moments == sorted(moments)
        assert now - timedelta(days=15) < moments[0] < moments[-1] < now
        assert all(line.sender == each.second for line in each.lines[len(each.lines) - each.unread :])
        assert all(line.sender in (each.first, each.second) for line in each.lines)
