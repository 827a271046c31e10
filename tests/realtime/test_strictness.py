"""RFC 6455 on the wire: what a peer does wrong ends its socket with the right code, and nothing said before is lost."""

import asyncio
import itertools
import json

import pytest

from tests.harness.people import arrive
from tests.harness.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, frame, raw_socket, text, upgrade

EURO = "€".encode()
NO_CODES = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535)
FAULTS = {
    "a frame without a mask": (frame(TEXT, b"{}", key=None), 1002),
    "a ping without a mask": (frame(PING, b"x", key=None), 1002),
    "the first reserved bit": (frame(TEXT, b"{}", rsv=4), 1002),
    "the second reserved bit": (frame(TEXT, b"{}", rsv=2), 1002),
    "the third reserved bit on a ping": (frame(PING, b"", rsv=1), 1002),
    "a reserved bit on a close": (frame(CLOSE, b"\x03\xe8", rsv=4), 1002),
    "a reserved opcode": (frame(0x3), 1002),
    "the last reserved opcode": (frame(0x7, b"x"), 1002),
    "a reserved control opcode": (frame(0xB), 1002),
    "the last reserved control opcode": (frame(0xF, b"x"), 1002),
    "a ping in fragments": (frame(PING, b"x", fin=False), 1002),
    "a pong in fragments": (frame(PONG, b"x", fin=False), 1002),
    "a close in fragments": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a pong of 126 bytes": (frame(PONG, b"x" * 126), 1002),
    "a close of 126 bytes": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "a short length in 16 bits": (b"\x81\xfe\x00\x02mask" + b"  ", 1002),
    "a short length in 64 bits": (b"\x81\xff" + (126).to_bytes(8) + b"mask" + b" " * 126, 1002),
    "a length beyond 63 bits": (b"\x81\xff" + b"\xff" * 8 + b"mask", 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"{}"), 1002),
    "a message inside another": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"{}"), 1002),
    "text that is not UTF-8": (frame(TEXT, b'"\xff"'), 1007),
    "a surrogate in UTF-8": (frame(TEXT, b'"\xed\xa0\x80"'), 1007),
    "an overlong form in UTF-8": (frame(TEXT, b'"\xc0\xaf"'), 1007),
    "a character cut off at the end": (frame(TEXT, EURO[:2]), 1007),
    "a character cut off by the last fragment": (frame(TEXT, b'"', fin=False) + frame(CONTINUATION, EURO[:2]), 1007),
    "binary": (frame(BINARY, b"{}"), 1003),
    "binary in fragments": (frame(BINARY, b"{", fin=False), 1003),
    "a close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "a close reason that is not UTF-8": (close(1000, b"\xff"), 1007),
    **{f"close code {code}": (close(code), 1002) for code in NO_CODES},
}


@pytest.fixture(scope="session")
async def talk(server, database):
    """Two people, for all tests of this file, and a room."""
    one, two = await arrive(server.url, database), await arrive(server.url, database)
    yield one, two, await one.open_room(two)
    for person in (one, two):
        await person.http.aclose()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_ends_the_socket_and_nothing_said_before_is_lost(talk, fault):
    one, two, room = talk
    faulty, code = FAULTS[fault]
    async with two.socket(f"/room/{room}") as his, raw_socket(one, f"/room/{room}") as hers:
        await hers.send(text({"content": f"before {fault}"}), faulty, text({"content": f"after {fault}"}), close(1000))
        frames = await hers.rest()
        assert [each.opcode for each in frames] == [CLOSE]
        assert frames[0].code == code
        assert (await his.receive())["data"]["content"] == f"before {fault}"
        assert await his.nothing_more()


async def test_the_other_socket_of_a_room_never_notices_a_fault(talk):
    one, two, room = talk
    async with two.socket(f"/room/{room}") as his:
        for faulty, _ in FAULTS.values():
            async with raw_socket(one, f"/room/{room}") as hers:
                await hers.send(faulty)
                await hers.rest()
        await his.say("still here", "still-here")
        assert (await his.receive())["data"]["clientId"] == "still-here"


@pytest.mark.parametrize("size", [65537, 1 << 20, 1 << 40, (1 << 63) - 1])
async def test_a_frame_over_64_kib_is_refused_by_its_head_alone(talk, size):
    one, _, room = talk
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(b"\x81\xff" + size.to_bytes(8) + b"mask")
        (last,) = await socket.rest()
        assert last.code == 1009
        assert 0 < json.loads(last.payload[2:])["retryMs"] < 60_000


async def test_a_message_over_64_kib_in_fragments_is_refused(talk):
    one, _, room = talk
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(frame(TEXT, b" " * 40_000, fin=False), frame(CONTINUATION, b" " * 40_000))
        (last,) = await socket.rest()
        assert last.code == 1009
        assert 0 < json.loads(last.payload[2:])["retryMs"] < 60_000


@pytest.mark.parametrize("head", [b"\x81\xfe\x27\x10", b"\x01\xfe\x27\x10"])
async def test_text_is_refused_as_soon_as_it_is_wrong_before_its_frame_has_arrived(talk, head):
    one, _, room = talk
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(head + b"\0\0\0\0" + b'"good so far ' + EURO[:1])
        await socket.send(frame(TEXT)[:0] + EURO[1:] + b"\xff")
        (last,) = await socket.rest()
        assert last.code == 1007


async def test_text_is_refused_early_in_a_later_fragment_too(talk):
    one, _, room = talk
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(frame(TEXT, b'"' + EURO[:1], fin=False), b"\x80\xfe\x27\x10" + b"\0\0\0\0" + EURO[1:])
        await socket.send(frame(PING)[:0] + b"and on " + EURO[1:])
        (last,) = await socket.rest()
        assert last.code == 1007


async def test_everything_byte_by_byte(talk):
    one, _, room = talk
    said = json.dumps({"content": "Grüße 🎉 €" * 20, "clientId": "byte-by-byte"}, ensure_ascii=False).encode()
    cuts = (0, 3, 18, 19, 20, 21, len(said))
    fragments = b"".join(
        frame(TEXT if start == 0 else CONTINUATION, said[start:end], fin=end == len(said)) + frame(PING, b"%d" % start)
        for start, end in itertools.pairwise(cuts)
    )
    async with raw_socket(one, f"/room/{room}") as socket:
        for each in fragments:
            await socket.send(bytes([each]))
            await asyncio.sleep(0)  # the server's turn, as often as not
        frames = [await socket.receive() for _ in cuts]
        assert [each.payload for each in frames if each.opcode == PONG] == [b"%d" % start for start in cuts[:-1]]
        (receipt,) = [each.json for each in frames if each.opcode == TEXT]
        assert receipt["data"]["clientId"] == "byte-by-byte"
    assert (await one.whole_history(room))[-1]["content"] == "Grüße 🎉 €" * 20


async def test_a_hundred_frames_in_one_write_and_cut_anywhere(talk):
    one, _, room = talk
    frames = [text({"content": f"{number} {'x' * number * 7}", "clientId": f"cut-{number}"}) for number in range(100)]
    stream = b"".join(frames)
    for step in (len(stream), 1_000, 131, 7):
        async with raw_socket(one, f"/room/{room}") as socket:
            for start in range(0, len(stream), step):
                await socket.send(stream[start : start + step])
            receipts = [(await socket.receive()).json["data"]["clientId"] for _ in frames]
            assert receipts == [f"cut-{number}" for number in range(100)]


async def test_pings_are_answered_with_their_payload_in_order(talk):
    one, _, room = talk
    payloads = [b"", b"a", b"\xff\x00", b"x" * 125]
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(*(frame(PING, payload) for payload in payloads))
        assert [(await socket.receive()).payload for _ in payloads] == payloads


async def test_unasked_pongs_are_ignored(talk):
    one, _, room = talk
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(frame(PONG, b"unasked"), frame(PONG), frame(PING, b"marker"))
        answer = await socket.receive()
        assert (answer.opcode, answer.payload) == (PONG, b"marker")


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])
async def test_a_close_is_answered_with_its_code_and_the_server_hangs_up(talk, code):
    one, _, room = talk
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(close(code, "gewählt".encode()), frame(PING, b"too late"), close(1000))
        assert [(each.opcode, each.code) for each in await socket.rest()] == [(CLOSE, code)]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "CONNECT"])
async def test_a_socket_is_opened_with_get_alone(server, talk, method):
    one, _, room = talk
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    request = upgrade(f"/room/{room}?token={one.token}", server.port)
    writer.write(request.replace(b"GET", method.encode(), 1))
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: GET\r\n" in answer
    assert b"METHOD_NOT_ALLOWED" in answer
    writer.close()


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        ("//[", None),
        ("//[::1", None),
        ("http://[/users", None),
        ("*", None),
        ("/users", "http://["),
        ("/users", "//[x]"),
    ],
)
async def test_an_odd_address_or_origin_is_answered_too(server, target, origin):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(upgrade(target, server.port, *([f"Origin: {origin}"] if origin else [])))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
    assert answer.startswith((b"HTTP/1.1 101 ", b"HTTP/1.1 40"))
    writer.close()


async def test_a_close_without_a_code_is_answered(talk):
    one, _, room = talk
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(frame(CLOSE))
        assert [(each.opcode, each.code) for each in await socket.rest()] == [(CLOSE, 1000)]


async def test_data_after_a_close_is_not_heard(talk):
    one, two, room = talk
    async with two.socket(f"/room/{room}") as his, raw_socket(one, f"/room/{room}") as hers:
        await hers.send(close(1000), text({"content": "after the close"}))
        assert [each.opcode for each in await hers.rest()] == [CLOSE]
        assert await his.nothing_more()


async def test_a_peer_that_says_nothing_more_after_the_servers_close_is_cut(server, talk):
    """The close frame of an unknown route is not answered; the server hangs up all the same."""
    one, _, _ = talk
    async with raw_socket(one, "/nowhere") as socket:
        assert [each.code for each in await socket.rest()] == [4000]


async def test_a_peer_that_floods_after_its_fault_is_not_listened_to(server, talk):
    one, _, room = talk
    async with raw_socket(one, f"/room/{room}") as socket:
        await socket.send(frame(0x3))
        with pytest.raises((ConnectionError, TimeoutError)):
            async with asyncio.timeout(30):
                while True:
                    await socket.send(b"\x81\xff" * 50_000)
    async with one.socket(f"/room/{room}") as socket:
        await socket.say("after the flood", "after-the-flood")
        assert (await socket.receive())["type"] == "MESSAGE_SENT"
