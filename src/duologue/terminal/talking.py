"""The main screen: rooms at the left, the open conversation at the right, the state of the link above them."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message as Telling
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from duologue.client import (
    ClientError,
    Conversation,
    Delivered,
    Duologue,
    LinkState,
    Message,
    MessageDeleted,
    MessageEdited,
    NewMessage,
    Phase,
    Presence,
    Read,
    Resumed,
    RoomsList,
    RoomUpdate,
    Typing,
)
from duologue.terminal.finding import FindScreen
from duologue.terminal.lines import conversation_lines, name_of, presence_of, room_line, state_line

__all__ = ["TalkScreen"]

TYPING_SECONDS = 6.0  # how long a hint holds, by the contract
HEARD = 50  # rooms that are heard all the time, for the presence of those in them
PAGE = 50


class Told(Telling):
    """The client told of something. Callbacks come from the socket, widgets are changed in a handler of this."""

    def __init__(self, event: object, conversation: Conversation | None = None) -> None:
        super().__init__()
        self.event = event
        self.conversation = conversation


class TalkScreen(Screen[str]):
    """Dismissed, with the reason, when the session is over."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "find", "New", priority=True),
        Binding("ctrl+r", "rooms", "Rooms", priority=True),
        Binding("ctrl+e", "edit", "Edit", priority=True),
        Binding("ctrl+x", "delete", "Delete", priority=True),
        Binding("pageup", "earlier", "Earlier", priority=True),
        Binding("pagedown", "later", "Later", priority=True),
        Binding("f5", "hurry", "Reconnect"),
        Binding("ctrl+o", "sign_out", "Sign out", priority=True),
        Binding("escape", "cancel", "Cancel", show=False),
    ]

    def __init__(self, duologue: Duologue) -> None:
        super().__init__()
        self._duologue = duologue
        self._open: Conversation | None = None
        self._heard: set[str] = set()
        self._edited: Message | None = None
        self._retry_at = 0.0
        self._typing: Timer | None = None
        self._offs: list[Callable[[], None]] = []
        self._is_over = False

    def compose(self) -> ComposeResult:
        """The parts."""
        yield Static(id="state", markup=False)
        with Horizontal():
            yield OptionList(id="rooms")
            with Vertical(id="conversation"):
                yield Static("Choose a room, or Ctrl+N for somebody new.", id="peer", markup=False)
                with VerticalScroll(id="log"):
                    yield Static(id="lines", markup=False)
                yield Input(placeholder="a message", id="say")
        yield Footer()

    def on_mount(self) -> None:
        """Listen."""
        for kind in (LinkState, RoomsList, RoomUpdate, Presence):
            self._offs.append(self._duologue.on(kind, lambda event: self.post_message(Told(event))))
        if not self.query("#log"):
            return  # an app that is closed this very moment mounts a screen without what is on it
        self.query_one("#log", VerticalScroll).anchor()
        self.set_interval(1.0, self._show_state)
        self.query_one("#rooms").focus()
        # What was told before we listened.
        self._show_rooms()
        self._hear()
        self.post_message(Told(self._duologue.state))

    def on_unmount(self) -> None:
        """Listen no more."""
        for off in self._offs:
            off()

    # What the client tells

    def on_told(self, told: Told) -> None:
        """Show it."""
        event = told.event
        if isinstance(event, LinkState):
            self._retry_at = self._now() + event.retry
            self._show_state()
            if event.phase is Phase.SIGNED_OUT:
                self._leave(event.why)
        elif told.conversation is None:
            self._show_rooms()
            if isinstance(event, RoomsList):
                self._hear()
        elif told.conversation is self._open:
            if not isinstance(event, Typing):
                self._show_conversation()
            elif event.data.user_id == self._open.peer.id:
                self._show_peer(is_typing=True)

    @work(exclusive=True, group="hearing")
    async def _hear(self) -> None:
        """Hear the newest rooms all the time: whoever is in them is seen to come and go."""
        with contextlib.suppress(ClientError):  # the next list brings another try, unless the session is over
            for room in list(self._duologue.rooms)[:HEARD]:
                if room.id not in self._heard:
                    await self._conversation(room.id)

    async def _conversation(self, room_id: str) -> Conversation:
        conversation = await self._duologue.conversation(room_id)
        if room_id not in self._heard:
            self._heard.add(room_id)
            for kind in (NewMessage, MessageEdited, MessageDeleted, Typing, Read, Delivered, Resumed, Presence):
                conversation.on(kind, lambda event: self.post_message(Told(event, conversation)))
        return conversation

    # What is shown

    def _show_state(self) -> None:
        state = self._duologue.state
        account = self._duologue.account
        who = f"   {account.email}" if account else ""
        self.query_one("#state", Static).update(state_line(state, self._retry_at - self._now()) + who)

    def _show_rooms(self) -> None:
        rooms = self.query_one("#rooms", OptionList)
        chosen = rooms.highlighted_option
        rooms.set_options(Option(room_line(room), room.id) for room in self._duologue.rooms)
        if chosen is not None and any(option.id == chosen.id for option in rooms.options):
            rooms.highlighted = rooms.get_option_index(chosen.id or "")

    def _show_peer(self, *, is_typing: bool = False) -> None:
        assert self._open is not None
        peer = self._open.peer
        doing = "typing…" if is_typing else presence_of(peer)
        self.query_one("#peer", Static).update(f"{name_of(peer.email, peer.display_name)} · {doing}")
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(TYPING_SECONDS, self._show_peer) if is_typing else None

    def _show_conversation(self) -> None:
        conversation, account = self._open, self._duologue.account
        if conversation is None or account is None:
            return
        messages = conversation.messages
        self.query_one("#lines", Static).update(
            conversation_lines(
                messages,
                conversation.unsent,
                user_id=account.id,
                delivered=conversation.peer_delivered_seq,
                read=conversation.peer_read_seq,
                is_whole=not messages or messages[0].seq == 1,
            )
        )
        self._show_peer()
        if self.is_current:
            conversation.read()

    # What the user does

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter opens a room."""
        self._enter(str(event.option.id))

    @work(exclusive=True, group="opening")
    async def _enter(self, room_id: str, *, user_id: int = 0) -> None:
        try:
            if user_id:
                room_id = (await self._duologue.open_room(user_id)).id
            conversation = self._open = await self._conversation(room_id)
            if not conversation.messages:
                await conversation.load_earlier(PAGE)
        except ClientError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._show_conversation()
        self._show_rooms()
        log = self.query_one("#log", VerticalScroll)
        log.anchor()
        log.scroll_end(animate=False)
        self.query_one("#say").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Whoever writes is seen to."""
        if self._open is not None and event.value and self._edited is None:
            self._open.typing()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter says it."""
        text, edited = event.value, self._edited
        if self._open is None or not text.strip():
            return
        self.action_cancel()
        self._say(self._open, text, edited)

    @work(group="saying")
    async def _say(self, conversation: Conversation, text: str, edited: Message | None) -> None:
        try:
            if edited is not None:
                await conversation.edit(edited.id, text)
            else:
                self.call_later(self._show_conversation)  # as soon as it waits in the outbox
                self.query_one("#log", VerticalScroll).scroll_end(animate=False)
                await conversation.send(text)
        except ClientError as error:
            self.notify(f"Not sent: {error}", severity="error", markup=False)
            self._show_conversation()

    def action_find(self) -> None:
        """Look for somebody to talk to."""

        def found(user_id: int | None) -> None:
            if user_id:
                self._enter("", user_id=user_id)

        self.app.push_screen(FindScreen(self._duologue), found)

    def action_rooms(self) -> None:
        """To the list."""
        self.query_one("#rooms").focus()

    def action_edit(self) -> None:
        """Bring the user's last message back to be changed."""
        self._edited = self._last_own()
        if self._edited is not None:
            say = self.query_one("#say", Input)
            say.value = self._edited.content
            say.focus()

    @work(group="saying")
    async def action_delete(self) -> None:
        """Take the user's last message away."""
        message = self._last_own()
        if message is not None and self._open is not None:
            try:
                await self._open.delete(message.id)
            except ClientError as error:
                self.notify(str(error), severity="error", markup=False)

    def action_cancel(self) -> None:
        """An empty field again."""
        self._edited = None
        self.query_one("#say", Input).value = ""

    def action_earlier(self) -> None:
        """Up a page; at the top, what was before it."""
        log = self.query_one("#log", VerticalScroll)
        if log.scroll_offset.y > 0:
            log.scroll_page_up(animate=False)
        else:
            self._load_earlier(log)

    def action_later(self) -> None:
        """Down a page."""
        self.query_one("#log", VerticalScroll).scroll_page_down(animate=False)

    @work(exclusive=True, group="history")
    async def _load_earlier(self, log: VerticalScroll) -> None:
        if self._open is None:
            return
        try:
            if not await self._open.load_earlier(PAGE):
                return
        except ClientError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        height = log.virtual_size.height
        self._show_conversation()
        # What was on the screen stays there.
        self.call_after_refresh(lambda: log.scroll_to(y=log.virtual_size.height - height, animate=False))

    def action_hurry(self) -> None:
        """Do not wait for the next attempt."""
        self._duologue.hurry()

    @work(exclusive=True)
    async def action_sign_out(self) -> None:
        """End the session."""
        try:
            await self._duologue.sign_out()
        except ClientError as error:
            self._leave(str(error))
        else:
            self._leave("You have signed out.")

    def _leave(self, why: str) -> None:
        """Signing out is told by the link as well: whichever comes first."""
        if not self._is_over:
            self._is_over = True
            self.dismiss(why)

    def _last_own(self) -> Message | None:
        if self._open is None or self._duologue.account is None:
            return None
        own = self._duologue.account.id
        return next((m for m in reversed(self._open.messages) if m.sender_id == own and not m.deleted_at), None)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
