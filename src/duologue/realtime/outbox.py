"""What a socket is about to be sent: the frames of one turn of the loop, joined in one write."""

import asyncio
from collections.abc import Callable

__all__ = ["OUTBOX_BYTES", "OUTBOX_SECONDS", "Flusher", "Outbox"]

OUTBOX_BYTES = 1 << 20  # a phone on 3G drains this in about 5 s
OUTBOX_SECONDS = 10.0  # behind, without catching up
FRAME_COST = 40  # bytes of a small bytes object, beside what is in it


class Flusher:
    """Flushes every outbox that was written to, once at the end of a turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._dirty: list[Outbox] = []
        self.frames = 0
        """Written to sockets so far."""

    def add(self, outbox: "Outbox") -> None:
        """Flush this outbox at the end of the turn."""
        if not self._dirty:
            self._loop.call_soon(self._flush)
        self._dirty.append(outbox)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for outbox in dirty:
            outbox.flush()


class Outbox:
    """Bounded by bytes that wait: past `OUTBOX_BYTES` the reader is too slow.

    While the transport has enough to do, frames wait here: they are shared with other sockets' outboxes, and can be
    thrown away at once when the reader is given up.
    """

    __slots__ = ("_bytes", "_flusher", "_frames", "_held", "_too_slow", "_transport")

    def __init__(self, transport: asyncio.Transport, flusher: Flusher, too_slow: Callable[[], None]) -> None:
        self._transport = transport
        self._flusher = flusher
        self._too_slow = too_slow
        self._frames: list[bytes] = []
        self._bytes = 0
        self._held = False

    @property
    def waiting(self) -> int:
        """Bytes that are not with the transport yet."""
        return self._bytes

    def push(self, frame: bytes) -> None:
        """Send a frame with the others of this turn."""
        self._bytes += len(frame) + FRAME_COST
        if self._held:
            if self._bytes > OUTBOX_BYTES:
                self._too_slow()
                return
        elif not self._frames:
            self._flusher.add(self)
        self._frames.append(frame)

    def flush(self) -> None:
        """Write what waits, now, unless the transport has enough."""
        if self._frames and not self._held:
            self._write()

    def hold(self) -> None:
        """The transport has enough for now."""
        self._held = True

    def release(self) -> None:
        """The transport wants more."""
        self._held = False
        self.flush()

    def finish(self, frame: bytes) -> None:
        """Send what waits, then this frame, and nothing after it."""
        self._frames.append(frame)
        self._write()

    def clear(self) -> None:
        """Forget what waits."""
        self._frames = []
        self._bytes = 0

    def _write(self) -> None:
        frames = self._frames
        self.clear()
        transport = self._transport
        if transport.is_closing():
            return
        self._flusher.frames += len(frames)
        transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        if transport.get_write_buffer_size() > OUTBOX_BYTES:
            self._too_slow()
