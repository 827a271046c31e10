"""Who wants to hear of events: callbacks by the event's type, and bounded streams for `async for`."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Generic, TypeVar

from duologue.client.errors import ClientError, FellBehind

__all__ = ["Events", "Stream"]

WAITING = 10_000  # events of one stream that nobody has taken

E = TypeVar("E")
K = TypeVar("K")

log = logging.getLogger("duologue.client")


class Events(Generic[E]):
    """Tells listeners and streams, in the turn of the loop in which something happens."""

    def __init__(self) -> None:
        self._listeners: dict[type, list[Callable[..., object]]] = {}
        self._streams: set[Stream[E]] = set()

    def on(self, kind: type[K], listener: Callable[[K], object]) -> Callable[[], None]:
        """Call `listener` for each event of that type, and of its subclasses; what is returned ends it.

        It has to return at once. What it raises is logged, and goes no further.
        """
        listeners = self._listeners.setdefault(kind, [])
        listeners.append(listener)

        def off() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return off

    def emit(self, event: E) -> None:
        """Tell everybody."""
        for kind in type(event).__mro__:
            for listener in list(self._listeners.get(kind, ())):
                try:
                    listener(event)
                except Exception:
                    log.exception("a listener of %s failed", kind.__name__)
        for stream in list(self._streams):
            stream.put(event)

    def stream(self, first: Iterable[E] = ()) -> "Stream[E]":
        """What happens from now on, after `first`."""
        stream: Stream[E] = Stream(self._streams.discard)
        for event in first:
            stream.put(event)
        self._streams.add(stream)
        return stream

    def end(self, error: ClientError | None = None) -> None:
        """End every stream: with that error, or as if there were nothing more to say."""
        for stream in list(self._streams):
            stream.end(error)


class Stream(AsyncIterator[E]):
    """Events in order. One reader; it may leave at any time, and a reader that leaves for good should `close`."""

    def __init__(self, closed: Callable[["Stream[E]"], object]) -> None:
        self._closed = closed
        self._events: deque[E] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self._error: ClientError | None = None

    def put(self, event: E) -> None:
        """One more; a reader who is too far behind loses the stream, and is told so."""
        if self._ended:
            return
        if len(self._events) >= WAITING:
            self._events.clear()
            self.end(FellBehind(f"{WAITING:,} events were not taken"))
            return
        self._events.append(event)
        self._news.set()

    def end(self, error: ClientError | None = None) -> None:
        """Nothing comes any more, after what is there."""
        if not self._ended:
            self._ended, self._error = True, error
            self._closed(self)
            self._news.set()

    def close(self) -> None:
        """The reader has heard enough."""
        self._events.clear()
        self.end()

    async def __anext__(self) -> E:
        while not self._events:
            if self._ended:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._events.popleft()
