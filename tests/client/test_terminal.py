"""`duologue chat`: driven by keys alone, against a real server."""

import asyncio
import contextlib
import subprocess
import sys
from datetime import UTC

import pytest
from textual.widgets import Input, OptionList, Static

from duologue.client import Message, Phase
from duologue.terminal.app import ChatApp
from duologue.terminal.lines import conversation_lines, printable
from duologue.terminal.sign_in import SignInScreen
from duologue.terminal.talking import TalkScreen
from tests.client.hearing import contents
from tests.harness.joining import send
from tests.harness.node import clean_environment
from tests.harness.people import PASSWORD, mailed_code, unused_address

SECONDS = 30.0


class Terminal:
    """Somebody at a keyboard."""

    def __init__(self, app, pilot):
        self.app = app
        self.pilot = pilot

    async def type(self, text):
        await self.pilot.press(*text)

    async def press(self, *keys):
        await self.pilot.press(*keys)

    async def gives_the_password(self, password):
        """Once the form waits for it."""
        await self.until(lambda: getattr(self.app.focused, "id", "") == "password", "the form waits for the password")
        await self.type(password)
        await self.press("enter")

    async def until(self, true, what):
        """Wait until something is so on the screen."""
        try:
            async with asyncio.timeout(SECONDS):
                while not true():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(f"not so: {what}; the screen is {self.app.screen}:\n{self.lines}") from None

    def shown(self, name):
        """What a field says; nothing while its screen is being made."""
        return "".join(str(field.content) for field in self.app.screen.query(f"#{name}").results(Static))

    @property
    def lines(self):
        return self.shown("lines") if isinstance(self.app.screen, TalkScreen) else ""

    @property
    def rooms(self):
        lists = self.app.screen.query("#rooms").results(OptionList)  # none while the screen is being made
        return [str(option.prompt) for each in lists for option in each.options]

    async def sees(self, text):
        await self.until(lambda: text in self.lines, f"{text!r} is shown")


@contextlib.asynccontextmanager
async def terminal(url, email=""):
    app = ChatApp(url, email)
    async with app.run_test(size=(110, 30)) as pilot:
        await pilot.pause()
        yield Terminal(app, pilot)


@contextlib.asynccontextmanager
async def signed_in(server, person):
    async with terminal(server.url, person.email) as somebody:
        await somebody.gives_the_password(PASSWORD)
        await somebody.until(lambda: isinstance(somebody.app.screen, TalkScreen), "somebody is signed in")
        await somebody.until(lambda: somebody.app.duologue.state.phase is Phase.ONLINE, "the link is there")
        yield somebody


async def test_somebody_registers_finds_another_and_they_talk(server, client, ben, bob):
    email = unused_address()
    async with terminal(server.url) as ann:
        await ann.press("f2")
        await ann.type(email)
        await ann.press("enter")
        await ann.type(PASSWORD)
        await ann.press("enter")
        await ann.until(lambda: "on its way" in ann.shown("status"), "a code is on its way")
        await ann.type(await mailed_code(client, email))
        await ann.press("enter")
        await ann.until(lambda: isinstance(ann.app.screen, TalkScreen), "she is signed in")

        await ann.press("ctrl+n")
        await ann.until(lambda: ann.app.screen.query("#query"), "she may look for somebody")
        await ann.type(bob.email)
        found = ann.app.screen.query_one("#found", OptionList)
        await ann.until(lambda: [bob.email in str(each.prompt) for each in found.options] == [True], "he is found")
        await ann.press("enter")
        await ann.until(lambda: bob.email in ann.shown("peer"), "the room is open")
        await ann.type("Hello, Ben")
        await ann.press("enter")
        await ann.sees("Hello, Ben")
        assert "online" in ann.shown("peer")

        his = await ben.open_room(ann.app.duologue.account.id, after=0)
        stream = his.events()
        assert await contents(stream, 1) == ["Hello, Ben"]
        his.read()
        await ann.sees("✓✓ read")
        his.typing()
        await ann.until(lambda: "typing…" in ann.shown("peer"), "he is seen to type")
        await his.send("Hello, Ann")
        await ann.sees("Hello, Ann")


@pytest.mark.thorough
async def test_the_last_message_is_edited_and_deleted_by_keys(server, alice, bob, room):
    await send(alice, room, "Helo")
    async with signed_in(server, alice) as ann:
        await ann.until(lambda: len(ann.rooms) == 1, "the room is listed")
        await ann.press("ctrl+r", "down", "enter")
        await ann.sees("Helo")
        await ann.press("ctrl+e")
        await ann.until(lambda: ann.app.screen.query_one("#say", Input).value == "Helo", "it may be changed")
        await ann.press("end", "left", "l", "enter")
        await ann.sees("Hello (edited)")
        await ann.press("ctrl+x")
        await ann.sees("deleted")
    assert [each["content"] for each in await bob.history(room)] == [""]


@pytest.mark.thorough
async def test_rooms_show_what_is_unread_and_history_comes_page_by_page(server, alice, bob, room):
    for number in range(120):
        await send(bob, room, f"number {number}")
    async with signed_in(server, alice) as ann:
        await ann.until(lambda: ann.rooms and "120" in ann.rooms[0], "the unread are counted")
        assert "number 119" in ann.rooms[0]
        await ann.press("ctrl+r", "down", "enter")
        await ann.sees("number 119")
        assert "number 70\n" in ann.lines
        assert "number 69\n" not in ann.lines
        while "number 0\n" not in ann.lines:
            await ann.press("pageup")
            await ann.pilot.pause()
        await ann.until(lambda: "120" not in ann.rooms[0].partition("\n")[0], "it is read")


@pytest.mark.thorough
async def test_a_lost_link_is_told_of_and_everything_is_there_again_after_it(server, alice, bob, room, ben):
    async with signed_in(server, alice) as ann:
        await ann.until(lambda: len(ann.rooms) == 1, "the room is listed")
        await ann.press("ctrl+r", "down", "enter")
        await ann.until(lambda: bob.email in ann.shown("peer"), "the room is open")
        link = ann.app.duologue._link
        url, link._url = link._url, "ws://127.0.0.1:9/ws"
        link.cut()
        await ann.until(lambda: "offline" in ann.shown("state"), "it is told")
        await ann.type("Are you there?")
        await ann.press("enter")
        await ann.sees("Are you there?  sending")
        await send(bob, room, "Meanwhile")
        link._url = url
        await ann.press("f5")
        await ann.sees("Meanwhile")
        await ann.until(lambda: "sending" not in ann.lines, "it is sent")
        assert "online" in ann.shown("state")
    assert [each["content"] for each in await bob.history(room)] == ["Meanwhile", "Are you there?"]


async def test_wrong_passwords_and_ended_sessions_lead_back_to_the_form(server, alice):
    async with terminal(server.url, alice.email) as ann:
        await ann.gives_the_password("another one")
        await ann.until(lambda: "INVALID_CREDENTIALS" in ann.shown("status"), "it is refused")
    async with signed_in(server, alice) as ann:
        assert (await alice.http.delete("/auth/sessions")).status_code == 200
        await ann.until(lambda: "session" in ann.shown("status"), "the form is back, and says why")
        assert isinstance(ann.app.screen, SignInScreen)
        await ann.gives_the_password(PASSWORD)
        await ann.until(lambda: isinstance(ann.app.screen, TalkScreen), "she is signed in again")
        await ann.press("ctrl+o")
        await ann.until(lambda: isinstance(ann.app.screen, SignInScreen), "she has signed out")


async def test_a_session_that_ends_while_the_screen_is_made_leads_back_too(server, alice, room):
    async with terminal(server.url) as ann:
        await ann.app.duologue.sign_in(alice.email, PASSWORD)
        await ann.until(lambda: ann.app.duologue.state.phase is Phase.ONLINE, "the link is there")
        assert (await alice.http.delete("/auth/sessions")).status_code == 200
        await ann.until(lambda: ann.app.duologue.state.phase is Phase.SIGNED_OUT, "the session is over")
        told = []
        await ann.app.push_screen(TalkScreen(ann.app.duologue), told.append)
        await ann.until(lambda: told, "the screen has gone")
        assert "session" in told[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\nlines", "plain\nlines"),
        ("\x1b[2Jgone\x07", "�[2Jgone�"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ("\u202etxt.exe\u2066", "�txt.exe�"),
        ("שלום 👋🏽 e\u0301", "שלום 👋🏽 e\u0301"),
        ("\x9b31m", "�31m"),
    ],
)
def test_a_message_can_do_nothing_to_the_terminal(text, shown):
    assert printable(text) == shown
    message = Message("1", "r", 2, text, "2026-01-01T12:00:00.000Z", 1)
    lines = conversation_lines([message], [], user_id=1, delivered=0, read=0, is_whole=True, zone=UTC)
    assert lines.plain == f"── Thursday, 01 January 2026 ──\n12:00   {shown}\n"


def test_without_textual_it_says_how_to_get_it(tmp_path):
    (tmp_path / "textual.py").write_text("raise ModuleNotFoundError(\"No module named 'textual'\", name='textual')")
    environment = clean_environment({})
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    ended = subprocess.run(
        [sys.executable, "-m", "duologue", "chat"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "duologue: The chat in the terminal needs Textual: pip install 'duologue[chat]'.\n"


def test_an_address_that_is_none_is_refused_in_one_line():
    ended = subprocess.run(
        [sys.executable, "-m", "duologue", "chat", "localhost"],
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "no address of a server" in ended.stderr
