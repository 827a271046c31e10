"""The frame that has not wholly arrived: its text is checked as it comes, not when it is whole (RFC 6455 §8.1)."""

import codecs

from duologue.realtime.framing import Framing

__all__ = ["Arrival"]


class Arrival:
    """The parser says nothing of a frame before all of it is there; a peer may send a wrong character and wait."""

    __slots__ = ("_decoder", "_head", "_key")

    def __init__(self) -> None:
        self._head = b""
        self._key = b""
        """The mask, turned to where the payload goes on; empty until the head is whole."""
        self._decoder: codecs.IncrementalDecoder | None = None

    def add(self, data: bytes, framing: Framing) -> None:
        """More of the frame; `framing` has taken the ones before it. Raises `UnicodeDecodeError`."""
        if not self._key:
            self._head += data
            size = head_size(self._head)
            if len(self._head) < size:
                return
            self._key, data = self._head[size - 4 : size], self._head[size:]
            self._decoder = framing.decoder(self._head[0] & 0xF)
            self._head = b""
        if self._decoder is not None:
            self._decoder.decode(unmask(data, self._key))
            turned = len(data) % 4
            self._key = self._key[turned:] + self._key[:turned]


def head_size(head: bytes) -> int:
    """The size of a masked frame's head, as far as it is known; the parser refuses frames without a mask."""
    if len(head) < 2:
        return 2
    length = head[1] & 0x7F
    return 6 if length < 126 else 8 if length == 126 else 14


def unmask(payload: bytes, key: bytes) -> bytes:
    """RFC 6455 §5.3."""
    size = len(payload)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(keys, "little")).to_bytes(size, "little")
