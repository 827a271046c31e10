"""The first screen: sign in, or register and confirm the mailed code."""

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Input, Label, Static

from duologue.client import ClientError, Duologue

__all__ = ["SignInScreen"]


class SignInScreen(Screen[None]):
    """Dismissed once somebody is signed in."""

    BINDINGS: ClassVar[list[BindingType]] = [("f2", "switch", "Sign in / register"), ("ctrl+q", "app.quit", "Quit")]

    def __init__(self, duologue: Duologue, url: str, email: str = "", why: str = "") -> None:
        super().__init__()
        self._duologue = duologue
        self._url = url
        self._given = email
        self._why = why
        self._registers = False

    def compose(self) -> ComposeResult:
        """The form."""
        with Vertical(id="form"):
            yield Label(f"Duologue at {self._url}", id="title", markup=False)
            yield Label("Sign in", id="mode")
            yield Input(self._given, placeholder="e-mail address", id="email")
            yield Input(placeholder="password", password=True, id="password")
            code = Input(placeholder="the six digits from the mail", id="code", max_length=6)
            code.display = False
            yield code
            yield Static(self._why, id="status", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin where there is something to fill in."""
        # An app that is closed this very moment mounts a screen without what is on it.
        for field in self.query("#password" if self._given else "#email"):
            field.focus()

    def action_switch(self) -> None:
        """Between signing in and registering."""
        self._registers = not self._registers
        self.query_one("#mode", Label).update("Register" if self._registers else "Sign in")
        self._say("At least 8 characters; a code is mailed to you." if self._registers else "")
        self.query_one("#code").display = False
        self.query_one("#email").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field, and from the last one it is sent."""
        if event.input.id == "email":
            self.query_one("#password").focus()
        elif event.input.id == "password" and self._registers:
            self._register()
        elif event.input.id == "password":
            self._sign_in()
        else:
            self._verify()

    @work(exclusive=True)
    async def _sign_in(self) -> None:
        self._say("One moment…")
        try:
            await self._duologue.sign_in(self._value("email"), self._value("password"))
        except (ClientError, ValueError) as error:
            self._say(str(error))
        else:
            self.dismiss()

    @work(exclusive=True)
    async def _register(self) -> None:
        self._say("One moment…")
        try:
            email = await self._duologue.register(self._value("email"), self._value("password"))
        except (ClientError, ValueError) as error:
            self._say(str(error))
        else:
            self._say(f"A code is on its way to {email}.")
            code = self.query_one("#code")
            code.display = True
            code.focus()

    @work(exclusive=True)
    async def _verify(self) -> None:
        try:
            await self._duologue.verify(self._value("email"), self._value("code"))
        except (ClientError, ValueError) as error:
            self._say(str(error))
        else:
            self.dismiss()

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value

    def _say(self, text: str) -> None:
        self.query_one("#status", Static).update(text)
