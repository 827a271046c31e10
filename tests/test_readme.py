"""The README is true: its tour works as it is pasted, and its tables name what there is."""

import json
import re

import pytest

from duologue.config import VARIABLES
from duologue.errors import Close
from tests.clients.readme import TEXT, code, first_column
from tests.clients.shell import Shell
from tests.harness.node import ROOT, Node

pytestmark = pytest.mark.early

TOUR = code("A tour of five minutes", "sh")
RESTARTED = "bob $URL/msg/room/$ROOM/messages"  # how the block begins that comes after the restart


@pytest.mark.thorough
async def test_the_tour_works_as_it_is_pasted_and_its_end_shows_the_messages_after_the_restart(folder):
    node = Node({"DATA_DIR": str(folder / "data")}, folder)
    await node.start()
    shell = await Shell.open(ROOT)
    printed = []
    try:
        for block in TOUR:
            if block.startswith(RESTARTED):
                await node.stop()
                await node.start()
            printed.append(await shell.paste(block.replace("localhost:4000", f"localhost:{node.port}")))
    finally:
        await shell.close()
        await node.stop()

    helpers, registered, signed_in, client, found, opened, talked, ended = printed
    assert helpers == client == ""
    assert registered.count("A code is on its way") == 2
    assert signed_in.count('"user":{"id":') == 4
    assert "ALL_USERS" in found
    assert "bob@example.com" in found
    assert json.loads(opened)["rooms"][0]["peer"]["email"] == "alice@example.com"
    frames = documents(talked)
    heard = [frame["data"]["content"] for frame in frames if frame.get("type") == "NEW_MESSAGE"]
    assert heard == ["Hello, Bob!", "And hello over a socket."]
    assert any(frame.get("type") == "MESSAGE_SENT" for frame in frames)
    history, goodbye = documents(ended)
    assert [message["content"] for message in history] == heard
    assert goodbye == {"message": "You are signed out."}


def documents(printed):
    """The JSON documents in what several programs printed, whose ends of line may have been mixed."""
    found, decoder, rest = [], json.JSONDecoder(), printed.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def test_the_table_of_variables_names_every_variable_and_no_other():
    assert sorted(first_column("Configuration")) == sorted(variable.name for variable in VARIABLES)


def test_every_close_code_of_ours_is_explained():
    ours = {str(code) for name, code in vars(Close).items() if name.isupper() and code >= 4000}
    assert ours <= set(first_column("The wire in short"))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!https?:|#)([^)]+)\)", TEXT))))
def test_what_it_links_to_is_there(path):
    assert (ROOT / path).exists()


def test_its_contents_link_to_its_headings():
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings


def test_the_commands_of_run_that_it_names_exist():
    script = (ROOT / "run").read_text("utf-8")
    for command in set(re.findall(r"\./run ([a-z]+)", TEXT)):
        assert re.search(rf"^ +(\w+ \| )*{command}( \| \w+)*\)$", script, re.MULTILINE), command


async def test_the_requests_that_it_names_exist(client):
    described = set((await client.get("/openapi.json")).json()["paths"])
    named = {path.split("?")[0].split(" ")[0] for path in re.findall(r"`\w+ (/[a-z][^`;]*)`", TEXT)}
    assert {re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), path) for path in named} <= described
