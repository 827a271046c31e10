"""A small screen in which somebody is looked for, to talk to."""

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from duologue.client import ClientError, Duologue
from duologue.terminal.lines import printable

__all__ = ["FindScreen"]


class FindScreen(ModalScreen[int | None]):
    """Gives the id of a person, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "Back"), ("down", "down", "To the list")]

    def __init__(self, duologue: Duologue) -> None:
        super().__init__()
        self._duologue = duologue

    def compose(self) -> ComposeResult:
        """What is looked for, and who was found."""
        with Vertical(id="find"):
            yield Input(placeholder="part of an address or a name", id="query")
            yield OptionList(id="found")

    def on_mount(self) -> None:
        """Begin with everybody."""
        self._find("")

    def action_down(self) -> None:
        """From the field to the list."""
        self.query_one("#found").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look again at every letter."""
        self._find(event.value)

    def on_input_submitted(self) -> None:
        """Enter in the field takes the first."""
        found = self.query_one("#found", OptionList)
        if found.option_count:
            self.dismiss(int(found.get_option_at_index(0).id or 0))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter in the list takes that one."""
        self.dismiss(int(event.option.id or 0))

    @work(exclusive=True)
    async def _find(self, query: str) -> None:
        try:
            people = (await self._duologue.people(query)).users
        except ClientError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        own = self._duologue.account.id if self._duologue.account else 0
        self.query_one("#found", OptionList).set_options(
            Option(Content(f"{'●' if each.online else '○'} {printable(each.email)}"), str(each.id))
            for each in people
            if each.id != own
        )
