"""Whatever bytes, frames and commands come: no exception escapes, no socket is left, the server still answers."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.people import SECONDS, Person, arrive
from tests.harness.raw import CLOSE, PING, PONG, TEXT, Frame, RawSocket, close, frame, raw_socket, text

pytestmark = pytest.mark.early

QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LONG = settings(
    max_examples=2_000, deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
async def talk(server, database):
    """Two people and a room; in the end nothing of all this is left in the server."""
    one, two = await arrive(server.url, database), await arrive(server.url, database)
    room = await one.open_room(two)
    printed = len(server.output)
    yield one, two, room
    async with asyncio.timeout(SECONDS):
        for person in (one, two):
            while await live_sockets(person):
                await asyncio.sleep(0.02)
    async with one.socket(f"/room/{room}") as hers, two.socket(f"/room/{room}") as his:
        await hers.say("after all that")
        assert (await his.receive())["data"]["content"] == "after all that"
    log = "".join(server.output[printed:])
    assert "Traceback" not in log, log
    assert "[error]" not in log, log
    for person in (one, two):
        await person.http.aclose()


async def live_sockets(person: Person) -> int:
    """Of all the person's sessions."""
    answer = await person.http.get("/auth/sessions")
    assert answer.status_code == 200, answer.text
    return sum(session["sockets"] for session in answer.json()["sessions"])


# What is sent

ROUTES = ("/room/{room}", "/rooms", "/users", "/ws", "/room/{room}?v1")
SOME_TEXT = st.text(max_size=40)
IDS = st.sampled_from(["x", "", "{room}", "0199f0c9-1c2d-7e4f-8a9b-0c1d2e3f4a5b", "\0", "🎉" * 20])
NUMBERS = st.sampled_from([0, 1, -1, 1 << 31, 1 << 63, 1 << 70, 0.5, 1e300])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | SOME_TEXT | IDS | NUMBERS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(SOME_TEXT, each, max_size=3),
    max_leaves=6,
)
FIELDS = {
    "content": SOME_TEXT | st.just("x" * 8_001) | JUNK,
    "clientId": SOME_TEXT | st.text(min_size=60, max_size=70) | JUNK,
    "roomId": IDS | JUNK,
    "id": IDS | JUNK,
    "seq": NUMBERS | JUNK,
    "after": NUMBERS | JUNK,
    "rev": NUMBERS | JUNK,
}
DATA = st.fixed_dictionaries({}, optional=FIELDS)
KINDS = st.sampled_from(
    ["SEND", "TYPING", "READ", "EDIT", "DELETE", "PING", "SUBSCRIBE", "UNSUBSCRIBE", "NEW_MESSAGE", "", "send"]
)
COMMANDS = st.one_of(
    st.builds(lambda kind, data: {"type": kind, "data": data}, KINDS, DATA | JUNK),
    st.builds(lambda kind, data: {"type": kind} | data, KINDS, DATA),
    DATA,
    JUNK,
)
PAYLOADS = st.one_of(
    st.binary(max_size=150),
    st.sampled_from([124, 125, 126, 127, 1_000, 65_535, 65_536, 65_537]).map(lambda size: b"x" * size),
    COMMANDS.map(lambda command: json.dumps(command).encode()),
    st.sampled_from([b"\xff", b"\xed\xa0\x80", "€".encode()[:2], b"\x03\xe8", b"\x03\xe8\xff", b"\x0f\xa1why"]),
)
ANY_FRAME = st.builds(
    lambda opcode, payload, fin, rsv, key: frame(opcode, payload, fin=fin, rsv=rsv, key=key),
    st.sampled_from([0x0, 0x1, 0x1, 0x1, 0x2, 0x8, 0x9, 0xA]) | st.integers(0, 15),
    PAYLOADS,
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 4, 7]),
    st.sampled_from([b"mask", b"mask", b"mask", b"\0\0\0\0", None]),
)
STREAMS = st.tuples(
    st.lists(st.one_of(ANY_FRAME, ANY_FRAME, COMMANDS.map(text), st.binary(max_size=30)), max_size=8).map(b"".join),
    st.lists(st.integers(0, 2_000), max_size=5),
)


@contextlib.asynccontextmanager
async def opened(person: Person, room: str, route: str):
    """A raw socket on one of `ROUTES`."""
    path, _, v1 = route.format(room=room).partition("?")
    async with raw_socket(person, path, v1=bool(v1) or path == "/ws") as socket:
        yield socket


def in_this_room(command, room):
    """With the room's real id wherever an id stands for it."""
    return json.loads(json.dumps(command).replace("{room}", room))


async def send(socket: RawSocket, data: bytes) -> None:
    """The server may have hung up already."""
    with contextlib.suppress(OSError):
        await socket.send(data)


def assert_sound(frames: list[Frame]) -> None:
    """What came is text, pongs, and at most one close frame, at the end."""
    assert {each.opcode for each in frames} <= {TEXT, PONG, CLOSE}
    assert CLOSE not in [each.opcode for each in frames[:-1]]
    if frames and frames[-1].opcode == CLOSE:
        code = frames[-1].code
        assert code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1012, 1013, 1014) or 3000 <= code < 5000, code


async def check_stream(talk, route, stream):
    person, _, room = talk
    data, cuts = stream
    async with opened(person, room, route) as socket:
        begun = 0
        for cut in [*sorted(cuts), len(data)]:
            await send(socket, data[begun:cut])
            begun = max(begun, cut)
        await socket.finish()
        assert_sound(await socket.rest())


async def check_commands(talk, route, commands):
    person, _, room = talk
    async with opened(person, room, route) as socket:
        await send(socket, b"".join(text(in_this_room(command, room)) for command in commands) + frame(PING, b"end"))
        frames = []
        while not frames or frames[-1].opcode != PONG:
            answer = await socket.receive()
            assert answer is not None, "the connection was cut"
            assert answer.opcode != CLOSE, f"closed with {answer.code}"
            frames.append(answer)
        await socket.send(close(1000))
        assert_sound(await socket.rest())


HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
TARGETS = st.one_of(
    st.sampled_from(
        ["/", "//", "//[", "//[::1", "http://[/users", "*", "/users?", "/users?token=%", "/room/%ff",
         "/room/%00?after=1", "/ws?token=a&token=b", "/users?" + "a=b&" * 500, "/%F0%9F%8E%89", "/users#x",
         "/room/" + "9" * 500]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map("/".__add__),
)  # fmt: skip
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Origin", "Cookie", "Authorization", "Sec-WebSocket-Protocol", "Host", "X-Forwarded-For"]),
        HEADER_TEXT
        | st.sampled_from(
            ["http://[", "https://[::1", "null", "accessToken=", "accessToken=a.b.c", "Bearer", "Bearer \t x", ",,",
             "duologue.v1,duologue.v1", "=;=;", '"', "http://127.0.0.1:99999", "\xff\xfe"]
        ),
    ),
    max_size=4,
)  # fmt: skip
KEYS = st.sampled_from(["dGhlIHNhbXBsZSBub25jZQ=="] * 20 + ["", "x", "====", "!" * 22 + "==", "\xe9" * 22 + "=="])
METHODS = st.sampled_from(["GET"] * 10 + ["POST", "DELETE", "OPTIONS", "HEAD"])
VERSIONS = st.sampled_from(["13"] * 20 + ["8", "", "13, 8", "x"])


async def check_handshake(talk, target, headers, key, version, method):
    person, _, _ = talk
    port = int(person.ws_url.rpartition(":")[2])
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Version: {version}",
        f"Sec-WebSocket-Key: {key}",
        *(f"{name}: {value}" for name, value in headers),
        "",
        "",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("\r\n".join(lines).encode("latin-1"))
        async with asyncio.timeout(SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            assert status == 101 or 400 <= status < 500, head
            writer.write_eof()
            await reader.read()  # to its end: nobody gets in
    finally:
        writer.transport.abort()


@pytest.mark.thorough
@QUICK
@given(route=st.sampled_from(ROUTES), stream=STREAMS)
async def test_any_bytes(talk, route, stream):
    await check_stream(talk, route, stream)


@pytest.mark.thorough
@QUICK
@given(route=st.sampled_from(ROUTES), commands=st.lists(COMMANDS, max_size=12))
async def test_any_commands_leave_the_socket_open(talk, route, commands):
    await check_commands(talk, route, commands)


@pytest.mark.thorough
@QUICK
@given(TARGETS, HEADERS, KEYS, VERSIONS, METHODS)
async def test_any_handshake_is_answered(talk, target, headers, key, version, method):
    await check_handshake(talk, target, headers, key, version, method)


@pytest.mark.long
@LONG
@given(route=st.sampled_from(ROUTES), stream=STREAMS)
async def test_any_bytes_for_long(talk, route, stream):
    await check_stream(talk, route, stream)


@pytest.mark.long
@LONG
@given(route=st.sampled_from(ROUTES), commands=st.lists(COMMANDS, max_size=12))
async def test_any_commands_for_long(talk, route, commands):
    await check_commands(talk, route, commands)


@pytest.mark.long
@LONG
@given(TARGETS, HEADERS, KEYS, VERSIONS, METHODS)
async def test_any_handshake_for_long(talk, target, headers, key, version, method):
    await check_handshake(talk, target, headers, key, version, method)
