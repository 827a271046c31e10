"""The messages of a room as they are now, folded from what comes over any number of links. No I/O.

The rules any client may follow: a message is known by its `seq`; of two states of it, the one changed later counts;
what comes before its turn is held until the gap before it is filled, by another message or by the receipt of one's own.
"""

from collections.abc import Iterable, Sequence

from duologue.wire.frames import ChangeData
from duologue.wire.rooms import Message

__all__ = ["Timeline"]

KEPT = 1_000  # messages; older ones can be read again
SPARE = 100  # more than that, so that they are not sorted for each


class Timeline:
    """Knows the messages from some place on, without a gap, up to `position`."""

    def __init__(self, kept: int = KEPT) -> None:
        self.position = 0
        """Every message after the beginning and up to this `seq` is known."""
        self.rev: int | None = None
        """Edits and deletions up to here are known; `None` before the server has said where they are."""
        self._kept = kept
        self._messages: dict[int, Message] = {}
        self._held: dict[int, Message] = {}
        self._earlier = 0

    @property
    def messages(self) -> Sequence[Message]:
        """In order. Deleted ones are among them, without content."""
        return [self._messages[seq] for seq in sorted(self._messages)]

    @property
    def oldest(self) -> int:
        """The smallest `seq` that is known; one more than `position` when none is."""
        return min(self._messages, default=self.position + 1)

    @property
    def held(self) -> int:
        """How many came before their turn."""
        return len(self._held)

    def begin(self, position: int) -> None:
        """Begin after that `seq`; what was known is forgotten."""
        self.position = position
        self.rev = None
        self._messages.clear()
        self._held.clear()
        self._earlier = 0

    def add(self, message: Message) -> list[Message]:
        """A message or a receipt arrived; returns what is new and whose turn it is, in order."""
        seq = message.seq
        if seq <= self.position:
            self._renew(self._messages, message)
            return []
        if seq in self._held:
            self._renew(self._held, message)
        else:
            self._held[seq] = message
        ready = []
        while (following := self._held.pop(self.position + 1, None)) is not None:
            self.position += 1
            self._messages[self.position] = following
            ready.append(following)
        if len(self._messages) > self._kept + self._earlier + SPARE:
            for old in sorted(self._messages)[: len(self._messages) - self._kept - self._earlier]:
                del self._messages[old]
        return ready

    def change(self, change: ChangeData) -> bool:
        """A message was edited or deleted; whether that is news of a message that was told of."""
        is_new = change.rev > (self.rev or 0)
        self.rev = max(self.rev or 0, change.rev)
        if change.seq in self._held:
            self._renew(self._held, _message(change))
            return False
        if change.seq > self.position:
            return False  # it will be told of as it is by then
        if change.seq in self._messages:
            return self._renew(self._messages, _message(change))
        return is_new

    def altered(self, message: Message) -> bool:
        """The same, told by an answer of HTTP: it says nothing of the changes before it, so that `rev` stays."""
        if message.seq in self._held:
            self._renew(self._held, _message(message))
            return False
        return message.seq in self._messages and self._renew(self._messages, _message(message))

    def let_go(self) -> None:
        """Forget what came before its turn; it will be read again."""
        self._held.clear()

    def earlier(self, page: Iterable[Message]) -> None:
        """Older messages, as they were read; they are kept beside the newest ones."""
        for message in page:
            if message.seq in self._messages:
                self._renew(self._messages, message)
            elif message.seq <= self.position:
                self._messages[message.seq] = message
                self._earlier += 1

    @staticmethod
    def _renew(messages: dict[int, Message], message: Message) -> bool:
        known = messages.get(message.seq)
        # Two changes of one millisecond: the one that comes later is the later one.
        if known is None or _changed_at(message) < _changed_at(known):
            return False
        messages[message.seq] = message
        return (message.content, _changed_at(message)) != (known.content, _changed_at(known))


def _changed_at(message: Message) -> str:
    # Unset and null both say "never".
    return max(message.edited_at or "", message.deleted_at or "")


def _message(change: Message) -> Message:
    return Message(**{name: getattr(change, name) for name in Message.__struct_fields__})
