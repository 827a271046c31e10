"""Who may open which socket, and how the others are told."""

import asyncio
import base64
import os
import uuid

import pytest
import websockets

from tests.harness.people import Socket


async def closed(url, **options):
    """The code and reason with which the server closes a socket that it opened."""
    async with websockets.connect(url, compression=None, **options) as connection:
        return await Socket(connection).closed()


async def raw_upgrade(port, *lines, path="/users"):
    """The head of the answer to a handshake written by hand."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    head = [f"GET {path} HTTP/1.1", "Host: localhost", f"Sec-WebSocket-Key: {key}", *lines, "", ""]
    writer.write("\r\n".join(head).encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    return answer


PLAIN = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")


@pytest.mark.parametrize("path", ["/", "/nothing", "/users/1", "/rooms/1", "/roomx/1", "//", "/%00"])
async def test_an_unknown_route_is_4000(server, alice, path):
    assert (await closed(f"{server.ws_url}{path}?token={alice.token}"))[0] == 4000


@pytest.mark.parametrize("route", ["/users", "/rooms", "/room/x"])
async def test_no_token_is_4001(server, route):
    assert (await closed(server.ws_url + route))[0] == 4001


@pytest.mark.parametrize("token", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."])
async def test_an_invalid_token_is_4002(server, token):
    assert (await closed(f"{server.ws_url}/users?token={token}"))[0] == 4002


async def test_a_refresh_token_opens_nothing(server, alice):
    refresh = next(cookie.value for cookie in alice.http.cookies.jar if cookie.name == "refreshToken")
    assert (await closed(f"{server.ws_url}/users?token={refresh}"))[0] == 4002


@pytest.mark.parametrize("route", ["/room", "/room/"])
async def test_a_missing_room_id_is_4003(server, alice, route):
    assert (await closed(f"{server.ws_url}{route}?token={alice.token}"))[0] == 4003


async def test_someone_elses_room_is_4003(server, room, new_user):
    eve = await new_user()
    assert (await closed(f"{server.ws_url}/room/{room}?token={eve.token}"))[0] == 4003


@pytest.mark.parametrize(
    "room_id", ["1", "not-a-uuid", str(uuid.UUID(int=7)), "0190A000-0000-7000-8000-00000000ABCD", "%F0%9F%8E%89"]
)
async def test_no_such_room_is_4004(server, alice, room_id):
    assert (await closed(f"{server.ws_url}/room/{room_id}?token={alice.token}"))[0] == 4004


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "", "9" * 30, "٣"])
async def test_after_must_be_a_whole_number(server, alice, room, after):
    assert (await closed(f"{server.ws_url}/room/{room}?token={alice.token}&after={after}"))[0] == 1008


async def test_the_first_token_present_decides(server, alice):
    cookie = {"Cookie": f"accessToken={alice.token}"}
    bearer = {"Authorization": f"Bearer {alice.token}"}
    url = f"{server.ws_url}/users"
    for good, headers in ((url, cookie), (f"{url}?token={alice.token}", {}), (url, bearer)):
        async with websockets.connect(good, additional_headers=headers) as connection:
            assert (await Socket(connection).receive())["type"] == "ALL_USERS"
    async with websockets.connect(f"{url}?token=bad", additional_headers=cookie) as connection:
        assert (await Socket(connection).receive())["type"] == "ALL_USERS"
    bad_cookie = {"Cookie": "accessToken=bad"}
    assert (await closed(f"{url}?token={alice.token}", additional_headers=bad_cookie | bearer))[0] == 4002
    assert (await closed(f"{url}?token=bad", additional_headers=bearer))[0] == 4002


async def test_a_page_of_another_origin_is_refused_before_the_upgrade(server, alice):
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await closed(f"{server.ws_url}/users?token={alice.token}", origin="https://evil.example")
    assert refusal.value.response.status_code == 403
    assert b"ORIGIN_NOT_ALLOWED" in refusal.value.response.body


@pytest.mark.parametrize("origin", ["null", "file://", "http://127.0.0.1:1", "http://evil@127.0.0.1", ""])
async def test_odd_origins_are_refused(server, alice, origin):
    with pytest.raises(websockets.InvalidStatus):
        await closed(f"{server.ws_url}/users?token={alice.token}", additional_headers={"Origin": origin})


async def test_the_servers_own_page_is_allowed(server, alice):
    async with websockets.connect(f"{server.ws_url}/users?token={alice.token}", origin=server.url) as connection:
        assert (await Socket(connection).receive())["type"] == "ALL_USERS"


async def test_a_handshake_as_firefox_sends_it_is_accepted(server):
    answer = await raw_upgrade(
        server.port,
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept: */*",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
    )
    assert answer.startswith("HTTP/1.1 101 ")
    assert "permessage-deflate" not in answer


async def test_cookies_in_two_headers_are_one_list(server, alice):
    answer = await raw_upgrade(server.port, *PLAIN, "Cookie: a=b", f"Cookie: accessToken={alice.token}")
    assert answer.startswith("HTTP/1.1 101 ")


async def test_another_protocol_version_is_426(server):
    answer = await raw_upgrade(server.port, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8")
    assert answer.startswith("HTTP/1.1 426 ")
    assert "sec-websocket-version: 13" in answer.lower()


@pytest.mark.parametrize("target", ["//[", "http://[/users"])
async def test_a_target_that_is_no_address_is_400(server, target):
    answer = await raw_upgrade(server.port, *PLAIN, path=target)
    assert answer.startswith("HTTP/1.1 400 ")


async def test_a_large_handshake_costs_no_larger_socket(server, alice):
    answer = await raw_upgrade(server.port, *PLAIN, f"Cookie: accessToken={alice.token}; junk={'x' * 8000}")
    assert answer.startswith("HTTP/1.1 101 ")


async def test_a_client_that_leaves_during_the_handshake_leaves_nothing_behind(server, alice, room):
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        path = f"/room/{room}?token={alice.token}"
        writer.write(
            (
                "\r\n".join(
                    [f"GET {path} HTTP/1.1", "Host: x", *PLAIN, "Sec-WebSocket-Key: " + "A" * 22 + "==", "", ""]
                )
            ).encode()
        )
        writer.transport.abort()
    async with alice.socket(f"/room/{room}") as socket:
        await socket.say("still fine", "x")
        assert (await socket.receive())["type"] == "MESSAGE_SENT"
