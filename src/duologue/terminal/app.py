"""The application: one client, first signed in, then talking."""

from typing import ClassVar

from textual import work
from textual.app import App

from duologue.client import Duologue
from duologue.terminal.sign_in import SignInScreen
from duologue.terminal.talking import TalkScreen

__all__ = ["ChatApp"]


class ChatApp(App[None]):
    """Keyboard only; closes its client at the end, whatever that is."""

    TITLE = "Duologue"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    CSS = """
    SignInScreen { align: center middle; }
    #form { width: 64; max-width: 100%; height: auto; border: round $primary; padding: 1 2; }
    #title { text-style: bold; color: $primary; }
    #mode { margin: 1 0; }
    #status { min-height: 1; color: $warning; margin-top: 1; }
    #state { height: 1; padding: 0 1; background: $boost; color: $text-muted; }
    #rooms { width: 32; height: 1fr; border: none; border-right: solid $primary-darken-2; }
    #conversation { width: 1fr; }
    #peer { height: 1; padding: 0 1; text-style: bold; }
    #log { height: 1fr; padding: 0 1; }
    #lines { width: 1fr; height: auto; }
    FindScreen { align: center middle; }
    #find { width: 60; max-width: 100%; height: 20; border: round $primary; background: $surface; padding: 0 1; }
    """

    def __init__(self, url: str, email: str = "") -> None:
        super().__init__()
        self.duologue = Duologue(url)
        self._url = url
        self._email = email

    def on_mount(self) -> None:
        """Begin."""
        self._live()

    @work
    async def _live(self) -> None:
        """Sign in and talk, over and over, until the user has enough."""
        why = ""
        while True:
            await self.push_screen_wait(SignInScreen(self.duologue, self._url, self._email, why))
            self._email = self.duologue.account.email if self.duologue.account else ""
            why = await self.push_screen_wait(TalkScreen(self.duologue))

    async def on_unmount(self) -> None:
        """Say goodbye."""
        await self.duologue.close()
