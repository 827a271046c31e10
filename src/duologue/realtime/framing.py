"""The strict part of RFC 6455 that picows leaves to its user: frames in, whole text messages out."""

import codecs
import struct
from typing import Protocol

from picows import WSFrame, WSMsgType

from duologue.errors import Close

__all__ = ["MESSAGE_BYTES", "FrameSink", "Framing", "close_frame", "control_frame", "text_frame"]

MESSAGE_BYTES = 64 * 1024

TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY
CONTINUATION = WSMsgType.CONTINUATION
PING = WSMsgType.PING
PONG = WSMsgType.PONG
CLOSE = WSMsgType.CLOSE

_utf8 = codecs.getincrementaldecoder("utf-8")


def text_frame(payload: bytes) -> bytes:
    """A whole unmasked text frame (RFC 6455 §5.2), ready to be written to any number of sockets."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


def control_frame(kind: WSMsgType, payload: bytes = b"") -> bytes:
    """A whole unmasked ping or pong of at most 125 bytes."""
    return bytes((0x80 | kind.value, len(payload))) + payload


def close_frame(code: int, reason: str | bytes = b"") -> bytes:
    """A whole unmasked close frame; what is too long of the reason is left out, by whole characters."""
    text = reason.encode() if isinstance(reason, str) else reason
    if len(text) > 123:
        text = text[:123].decode(errors="ignore").encode()
    return control_frame(CLOSE, code.to_bytes(2) + text)


def may_be_sent(code: int) -> bool:
    """Whether a close frame may carry this code (RFC 6455 §7.4, and IANA's registry for 1012 to 1014)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


class FrameSink(Protocol):
    """What the framing tells its connection."""

    def on_message(self, text: str) -> None:
        """A whole text message arrived."""

    def on_ping(self, payload: bytes) -> None:
        """A ping wants its pong."""

    def on_close(self, code: int) -> None:
        """The peer closes; 1005 when it gave no code."""

    def fail(self, code: int, reason: str) -> None:
        """The peer broke the protocol: close with this code."""


class Framing:
    """Checks frames as they come, and puts fragmented messages together (RFC 6455 §5.4).

    picows has checked: masking, opcodes, lengths in their shortest form, control frames whole and at most 125 bytes,
    frame size, the form of a close frame. Left are: reserved bits (§5.2), the order of fragments (§5.4), the size of
    a message over all its fragments, UTF-8 as early as it is wrong (§8.1), and close codes (§7.4: picows lets pass
    what may only be reported, never sent).
    """

    __slots__ = ("_decoder", "_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[str] | None = None
        self._size = 0
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, frame: WSFrame, sink: FrameSink) -> None:
        """Take the next frame; call the sink at most once."""
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            sink.fail(Close.PROTOCOL_ERROR, "a reserved bit is set")
            return
        kind = frame.msg_type
        if kind == TEXT:
            if self._parts is not None:
                sink.fail(Close.PROTOCOL_ERROR, "a new message began inside a fragmented one")
            elif frame.fin:
                try:
                    text = frame.get_payload_as_utf8_text()
                except UnicodeDecodeError:
                    sink.fail(Close.INVALID_TEXT, "not UTF-8")
                    return
                sink.on_message(text)
            else:
                self._parts = []
                self._size = 0
                self._decoder = _utf8()
                self._add(frame, sink)
        elif kind == CONTINUATION:
            if self._parts is None:
                sink.fail(Close.PROTOCOL_ERROR, "a continuation without a beginning")
            else:
                self._add(frame, sink)
        elif kind == PING:
            sink.on_ping(frame.get_payload_as_bytes())
        elif kind == PONG:
            pass
        elif kind == CLOSE:
            code = int.from_bytes(frame.get_payload_as_bytes()[:2]) if frame.payload_size else 1005
            if frame.payload_size and not may_be_sent(code):
                sink.fail(Close.PROTOCOL_ERROR, "no such close code")
            else:
                sink.on_close(code)
        else:
            sink.fail(Close.UNSUPPORTED_DATA, "binary frames are not understood here; send JSON as text")

    def decoder(self, opcode: int) -> codecs.IncrementalDecoder | None:
        """For the text of a frame that has only begun to arrive; `None` when it is no text."""
        if opcode == TEXT.value:
            return _utf8()
        if opcode == CONTINUATION.value and self._decoder is not None:
            copy = _utf8()
            copy.setstate(self._decoder.getstate())
            return copy
        return None

    def _add(self, frame: WSFrame, sink: FrameSink) -> None:
        assert self._parts is not None
        assert self._decoder is not None
        self._size += frame.payload_size
        if self._size > MESSAGE_BYTES:
            sink.fail(Close.TOO_BIG, "the message is larger than 64 KiB")
            return
        try:
            self._parts.append(self._decoder.decode(frame.get_payload_as_bytes(), bool(frame.fin)))
        except UnicodeDecodeError:
            sink.fail(Close.INVALID_TEXT, "not UTF-8")
            return
        if frame.fin:
            text = "".join(self._parts)
            self._parts = self._decoder = None
            sink.on_message(text)
