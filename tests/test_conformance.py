"""`duologue conformance`: the contract holds on a real server, and a server that breaks it is told so."""

import asyncio
import sys

import httpx
import pytest
from litestar import Litestar, Response, post
from litestar.datastructures import Cookie

from duologue.conformance.run import ORDERED as CASES
from tests.harness import schemas
from tests.harness.node import ROOT, clean_environment
from tests.harness.people import PASSWORD
from tests.mail.serving import http_client


async def conformance(*arguments: str) -> tuple[int, str]:
    """The command's exit status and all it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "duologue", "conformance", *arguments),
        cwd=ROOT,
        env=clean_environment({"COLUMNS": "160"}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.mark.early
@pytest.mark.thorough
async def test_the_whole_contract_holds(server):
    status, output = await conformance(server.url)
    assert status == 0, output
    assert f"\n{len(CASES)} passed\n" in output
    assert "failed" not in output
    assert "GET /msg/room/{roomId}/messages" in output


@pytest.mark.early
@pytest.mark.thorough
async def test_accounts_may_be_named_instead_of_made(server, alice, bob):
    accounts = [part for each in (alice, bob) for part in ("--user", each.email, "--password", PASSWORD)]
    status, output = await conformance(server.url, *accounts)
    assert status == 0, output
    own = sum(case.needs == "mailbox" for case in CASES)
    assert f"{len(CASES) - own} passed, {own} not run" in output


@post("/auth/login", status_code=200, sync_to_thread=False)
def let_in() -> Response[dict[str, dict[str, object]]]:
    """Signs everybody in as the same user."""
    cookies = [Cookie("accessToken", value="a.b.c"), Cookie("refreshToken", value="a.b.c")]
    return Response({"user": {"id": 1, "email": "a@example.com"}}, cookies=cookies)


@post("/msg/room", status_code=200, sync_to_thread=False)
def one_room() -> dict[str, str]:
    """The same room for everybody."""
    return {"id": "1"}


async def test_a_server_that_breaks_the_contract_is_told_how_and_the_status_is_1():
    accounts = ["--user", "a@example.com", "--password", "a", "--user", "b@example.com", "--password", "b"]
    async with http_client(Litestar([let_in, one_room], openapi_config=None)) as other:
        status, output = await conformance(str(other.base_url), *accounts)
    assert status == 1
    own = sum(case.needs == "mailbox" for case in CASES)
    # It does let people in whose body has an unknown field.
    assert f"1 passed, {len(CASES) - own - 1} failed, {own} not run" in output
    assert "not so: accessToken is HttpOnly" in output
    assert "the status is 404, not 200" in output


async def test_a_server_without_a_mailbox_needs_accounts():
    async with http_client(Litestar([let_in], openapi_config=None)) as other:
        status, output = await conformance(str(other.base_url))
    assert status == 2
    assert output.endswith("has no development mailbox; name two accounts with --user and --password.\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["http://127.0.0.1:1"], "duologue: http://127.0.0.1:1 cannot be reached: "),
        (["127.0.0.1:4000"], "duologue: 127.0.0.1:4000 is no address of a server"),
        (["http://127.0.0.1:1", "--user", "a@example.com"], "duologue: Give at least two accounts"),
        (["http://127.0.0.1:1", "--user", "a@example.com", "--password", "b"], "duologue: Give at least two accounts"),
    ],
)
async def test_what_cannot_be_run_is_told_in_one_line(arguments, line):
    status, output = await conformance(*arguments)
    assert status == 2
    assert output.startswith(line)
    assert output.count("\n") == 1


def test_every_case_is_a_sentence_of_its_own():
    sentences = [case.sentence for case in CASES]
    assert len(set(sentences)) == len(sentences) >= 60
    assert sum(case.frozen for case in CASES) >= 25
    assert all(len(sentence.split()) >= 3 for sentence in sentences)


async def test_the_answers_of_all_tests_are_checked_against_what_the_server_serves(client: httpx.AsyncClient):
    assert (await client.get("/openapi.json")).json() == schemas.openapi()


async def test_an_answer_that_is_not_declared_would_fail_its_test():
    known = b'{"rooms": [], "token": "t"}'
    schemas.check_answer("GET", "/msg/rooms", 200, "application/json", known)
    for status, body in ((201, known), (200, b'{"rooms": []}'), (200, b'{"rooms": [], "token": "t", "more": 1}')):
        with pytest.raises(schemas.Undeclared):
            schemas.check_answer("GET", "/msg/rooms", status, "application/json", body)


async def test_a_frame_that_is_not_declared_would_fail_its_test():
    schemas.check_frame("room", "receive", False, {"content": "x"})
    schemas.check_frame("room", "receive", True, {"type": "TYPING"})
    for is_v1, frame in ((False, {"type": "TYPING"}), (True, {"type": "READ", "data": {}}), (True, {"type": "JUMP"})):
        with pytest.raises(schemas.Undeclared):
            schemas.check_frame("room", "receive", is_v1, frame)
    pong = {"type": "PONG"}
    schemas.check_frame("ws", "send", True, pong)
    for channel, is_v1, sent in (("room", False, pong), ("users", True, pong), ("ws", True, pong | {"more": 1})):
        with pytest.raises(schemas.Undeclared):
            schemas.check_frame(channel, "send", is_v1, sent)
