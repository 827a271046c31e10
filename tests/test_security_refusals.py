"""Whoever is refused leaves a line in the log, in OWASP's words, and cannot fill the disk with them."""

import asyncio

import pytest
import structlog
import websockets

from duologue.errors import Code
from duologue.operations.refusals import BURST, Refusals
from tests.harness.joining import send
from tests.harness.people import PASSWORD, SECONDS


async def logged(server, *words):
    """A line of the server's log that holds all these words, once it is there."""
    async with asyncio.timeout(SECONDS):
        while True:
            for line in server.output:
                if all(str(word) in line for word in words):
                    return line
            await asyncio.sleep(0.01)


async def test_somebody_elses_room_is_a_failed_authorisation_of_somebody(server, room, new_user):
    eve = await new_user()
    await eve.http.get(f"/msg/room/{room}/messages")
    line = await logged(server, "authz_fail", "ACCESS_DENIED", f"/msg/room/{room}/messages", f"user_id={eve.id}")
    assert "127.0.0.1" in line
    async with eve.socket(f"/room/{room}") as socket:
        await socket.closed()
    await logged(server, "authz_fail", f"path=/room/{room}", f"user_id={eve.id}")


async def test_somebody_elses_message_too(server, alice, bob, room):
    message = await send(alice, room, "mine")
    await bob.http.delete(f"/msg/room/{room}/messages/{message['id']}")
    await logged(server, "authz_fail", message["id"], f"user_id={bob.id}")


async def test_a_forged_token_a_dead_session_and_a_foreign_page_are_told(server, client, alice):
    header = {"authorization": f"Bearer {alice.token[:-4]}AAAA"}
    answer = await client.get("/auth/profile", headers=header)
    await logged(server, "authz_fail", "INVALID_TOKEN", answer.headers["x-request-id"])
    header = {"authorization": f"Bearer {alice.token}"}
    await alice.http.post("/auth/logout")
    answer = await client.get("/auth/profile", headers=header)
    await logged(server, "session_use_after_expire", answer.headers["x-request-id"])
    answer = await client.post("/auth/logout", headers={"origin": "https://evil.example"})
    await logged(server, "malicious_cors", "/auth/logout", answer.headers["x-request-id"])
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"{server.ws_url}/users", origin="https://evil.example")
    await logged(server, "malicious_cors", "path=/users")


async def test_wrong_passwords_codes_and_bodies_are_told_but_not_what_they_were(server, client, alice):
    for body, words in (
        ({"email": alice.email, "password": PASSWORD + " not"}, ("authn_login_fail", "INVALID_CREDENTIALS")),
        ({"email": alice.email}, ("input_validation_fail", "INVALID_INPUT")),
    ):
        answer = await client.post("/auth/login", json=body)
        line = await logged(server, *words, answer.headers["x-request-id"])
        assert PASSWORD not in line
        assert alice.email not in line


async def test_what_honest_clients_run_into_is_no_news(server, client):
    answer = await client.get("/auth/profile")
    await client.get("/nothing")
    told = await client.post("/auth/login", json={})
    await logged(server, told.headers["x-request-id"])
    assert not any(answer.headers["x-request-id"] in line for line in server.output)


async def test_a_line_of_the_log_cannot_be_forged(server, alice):
    async with websockets.connect(f"{server.ws_url}/room/x%0a00:00:00%20[info]%20forged?token={alice.token[:-4]}AAAA"):
        await logged(server, "authz_fail", "forged")
    assert not any(line.startswith("00:00:00 [info] forged") for line in server.output)


def test_a_flood_of_refusals_becomes_a_number():
    now = 0.0
    refusals = Refusals((), lambda: now)

    def note(times):
        with structlog.testing.capture_logs() as lines:
            for _ in range(times):
                refusals.note(Code.RATE_LIMITED, "/auth/login", "192.0.2.1", None)
        return lines

    assert len(note(1_000)) == BURST
    now = 1.0
    lines = note(1_000)
    assert len(lines) == 10
    assert lines[0] == {
        "event": "excess_rate_limit_exceeded",
        "log_level": "info",
        "reason": "RATE_LIMITED",
        "path": "/auth/login",
        "address": "192.0.2.1",
        "untold_before": 1_000 - BURST,
    }
