"""What becomes of a session's sockets, on a whole server."""

import asyncio

import pytest

from tests.auth.serving import refresh
from tests.harness.people import LATE_SECONDS, PASSWORD, mailed_code
from tests.harness.schemas import checked_client


async def sign_in_again(person):
    """Another session of the same user."""
    http = checked_client(str(person.http.base_url), timeout=10)
    answer = await http.post("/auth/login", json={"email": person.email, "password": PASSWORD})
    assert answer.status_code == 200
    return http


async def logout(person, other):
    await person.http.post("/auth/logout")


async def revoke(person, other):
    mine = (await person.http.get("/auth/sessions")).json()["sessions"]
    [session] = [session["id"] for session in mine if session["current"]]
    await other.delete(f"/auth/sessions/{session}")


async def revoke_others(person, other):
    await other.delete("/auth/sessions")


async def change_password(person, other):
    body = {"password": PASSWORD, "newPassword": "a quite different one"}
    assert (await other.post("/auth/change-password", json=body)).status_code == 200


async def reset_password(person, other):
    await other.post("/auth/reset-password", json={"email": person.email})
    code = await mailed_code(other, person.email)
    body = {"email": person.email, "otp": code, "newPassword": "a quite different one"}
    while (await other.post("/auth/set-new-password", json=body)).status_code != 200:
        body["otp"] = await mailed_code(other, person.email)  # the registration's came first


async def reuse(person, other):
    stolen = person.http.cookies["refreshToken"]
    for _ in range(2):
        await person.http.post("/auth/refresh")
    assert (await refresh(other, stolen)).json()["code"] == "REFRESH_REUSED"


async def erase(person, other):
    assert (await other.post("/auth/delete-account", json={"password": PASSWORD})).status_code == 200


@pytest.mark.parametrize("ending", [logout, revoke, revoke_others, change_password, reset_password, reuse, erase])
async def test_a_session_that_ends_closes_its_sockets(alice, ending):
    other = await sign_in_again(alice)
    async with alice.socket("/rooms") as socket, alice.socket("/users") as second:
        await socket.receive_type("ROOMS_LIST")
        await second.receive_type("ALL_USERS")
        await ending(alice, other)
        async with asyncio.timeout(LATE_SECONDS):
            codes = await asyncio.gather(socket.closed(), second.closed())
        assert [code for code, _ in codes] == [4010, 4010]
    await other.aclose()


async def test_another_session_of_the_same_user_keeps_its_sockets(alice):
    other = await sign_in_again(alice)
    async with alice.socket("/rooms") as socket:
        await socket.receive_type("ROOMS_LIST")
        listed = (await alice.http.get("/auth/sessions")).json()["sessions"]
        assert sorted(session["sockets"] for session in listed) == [0, 1]
        await other.post("/auth/logout")
        await alice.http.post("/auth/refresh")
        await socket.sync()
    await other.aclose()


async def test_a_token_of_an_ended_session_opens_no_socket(alice):
    await alice.http.get("/auth/profile")
    token = alice.token
    await alice.http.post("/auth/logout")
    alice.http.cookies.set("accessToken", token)
    async with alice.socket("/rooms") as socket:
        assert (await socket.closed())[0] == 4010
