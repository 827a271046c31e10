"""The strict part of RFC 6455, frame by frame."""

from picows import WSMsgType
from picows.picows import _make_test_ws_frame

from duologue.realtime.framing import MESSAGE_BYTES, Framing, text_frame

TEXT, BINARY, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
PING, PONG, CLOSE = WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE


class Recorder:
    """Writes down what the framing says."""

    def __init__(self, *frames):
        self.said = []
        framing = Framing()
        for frame in frames:
            framing.feed(_make_test_ws_frame(*frame), self)

    def on_message(self, text):
        self.said.append(text)

    def on_ping(self, payload):
        self.said.append(("ping", payload))

    def on_close(self, code):
        self.said.append(("close", code))

    def fail(self, code, reason):
        self.said.append(("fail", code))


def frame(kind, payload=b"", fin=True, rsv1=False):
    return kind, payload, fin, rsv1


def test_a_whole_text_frame_is_a_message():
    assert Recorder(frame(TEXT, "Grüße 🎉".encode())).said == ["Grüße 🎉"]


def test_an_empty_text_frame_is_an_empty_message():
    assert Recorder(frame(TEXT)).said == [""]


def test_fragments_are_put_together_even_inside_a_character():
    euro = "€".encode()
    recorder = Recorder(
        frame(TEXT, b"a" + euro[:1], False), frame(CONTINUATION, euro[1:2], False), frame(CONTINUATION, euro[2:])
    )
    assert recorder.said == ["a€"]


def test_control_frames_may_come_between_fragments():
    recorder = Recorder(frame(TEXT, b"a", False), frame(PING, b"x"), frame(PONG), frame(CONTINUATION, b"b"))
    assert recorder.said == [("ping", b"x"), "ab"]


def test_a_reserved_bit_is_a_protocol_error():
    assert Recorder(frame(TEXT, b"a", True, True)).said == [("fail", 1002)]


def test_a_reserved_bit_on_a_ping_is_a_protocol_error():
    assert Recorder(frame(PING, b"a", True, True)).said == [("fail", 1002)]


def test_a_continuation_without_a_beginning_is_a_protocol_error():
    assert Recorder(frame(CONTINUATION, b"a")).said == [("fail", 1002)]


def test_a_message_inside_a_fragmented_message_is_a_protocol_error():
    assert Recorder(frame(TEXT, b"a", False), frame(TEXT, b"b")).said == [("fail", 1002)]


def test_wrong_utf8_is_refused():
    assert Recorder(frame(TEXT, b"\xff")).said == [("fail", 1007)]


def test_wrong_utf8_is_refused_in_the_fragment_that_has_it():
    assert Recorder(frame(TEXT, b"ok", False), frame(CONTINUATION, b"\xed\xa0\x80", False)).said == [("fail", 1007)]


def test_half_a_character_at_the_end_is_refused():
    assert Recorder(frame(TEXT, b"ok", False), frame(CONTINUATION, b"\xe2\x82")).said == [("fail", 1007)]


def test_binary_frames_are_refused():
    assert Recorder(frame(BINARY, b"a")).said == [("fail", 1003)]


def test_a_message_grown_too_large_over_its_fragments_is_refused():
    half = b"x" * (MESSAGE_BYTES // 2)
    recorder = Recorder(frame(TEXT, half, False), frame(CONTINUATION, half, False), frame(CONTINUATION, b"x"))
    assert recorder.said == [("fail", 1009)]


def test_a_close_tells_its_code():
    assert Recorder(frame(CLOSE, (4001).to_bytes(2) + b"why")).said == [("close", 4001)]


def test_a_close_without_a_code_is_1005():
    assert Recorder(frame(CLOSE)).said == [("close", 1005)]


def test_close_codes_from_5000_do_not_exist():
    assert Recorder(frame(CLOSE, (5000).to_bytes(2))).said == [("fail", 1002)]


def test_text_frames_have_the_shortest_length_form():
    for size, head in ((0, b"\x81\x00"), (125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"), (65535, b"\x81\x7e\xff\xff")):
        assert text_frame(b"x" * size) == head + b"x" * size
    assert text_frame(b"x" * 65536)[:10] == b"\x81\x7f" + (65536).to_bytes(8)
