"""Every operation of `/openapi.json` under right and wrong data: no 5xx, no answer that is not declared, no open door.

A failure prints the request; `st replay` is not needed.
"""

import asyncio
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness.node import Node
from tests.harness.people import log_in
from tests.harness.postgres import migrated_database

pytestmark = [pytest.mark.early, pytest.mark.xdist_group("security fuzz")]  # one worker has the server

SETTINGS = Path(__file__).with_name("schemathesis.toml")
MEMBER = ("--include-path-regex", r"^/msg/room/\{room_id\}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_dsn, worker_id):
    """One that may be filled with nonsense."""
    return await migrated_database(postgres_dsn, f"fuzz_{worker_id}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node(database, tmp_path_factory):
    """A server for it alone."""
    folder = tmp_path_factory.mktemp("fuzz")
    node = Node(
        {"DATABASE_URL": database, "RATE_LIMITS": "off", "DATA_DIR": str(folder / "data")}, folder, measured=False
    )
    await node.start()
    yield node
    await node.stop()


async def fuzz(node, folder, examples, *options, settings=""):
    """What schemathesis says of the server, and whether all is well."""
    config = folder / "schemathesis.toml"
    config.write_text(SETTINGS.read_text() + settings)
    program = Path(sys.executable).with_name("st")
    command = [program, "--no-color", "--config-file", config, "run", f"{node.url}/openapi.json"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--checks", "all", "--max-examples", str(examples), "--warnings", "off", "--continue-on-failure"),
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode(errors="replace")


async def assert_sound(node, folder, examples, *options, settings=""):
    """Schemathesis found nothing, and the server had nothing to report either."""
    before = len(node.output)
    status, said = await fuzz(node, folder, examples, *options, settings=settings)
    assert status == 0, said
    assert "passed" in said
    errors = [line for line in node.output[before:] if "[error" in line or "Traceback" in line]
    assert not errors, errors


async def signed_in(node, database):
    """Somebody, and the option that makes schemathesis them."""
    person = await log_in(node.url, database)
    return person, ("--header", f"Authorization: Bearer {person.token}")


@pytest.fixture(
    params=[pytest.param(4, marks=pytest.mark.thorough), pytest.param(400, marks=pytest.mark.long)],
    ids=["short", "long"],
)
def examples(request):
    """Test cases an operation and phase."""
    return request.param


async def test_a_stranger_with_made_up_credentials_finds_no_open_door(node, tmp_path, examples):
    made_up = ("--generation-with-security-parameters=true", "--phases", "coverage")
    await assert_sound(node, tmp_path, examples, *made_up)


async def test_a_user_gets_only_declared_answers_and_never_a_5xx(node, database, tmp_path, examples):
    _, header = await signed_in(node, database)
    # Signing out has a run of its own, since after it everything is 401.
    await assert_sound(node, tmp_path, examples, *header, "--exclude-path", "/auth/logout")


async def test_a_member_of_a_room_too(node, database, tmp_path, examples):
    alice, header = await signed_in(node, database)
    bob, _ = await signed_in(node, database)
    room = await alice.open_room(bob)
    await alice.http.post(f"/msg/room/{room}/messages", json={"content": "hello"})
    settings = f'\n[parameters]\n"path.room_id" = "{room}"\n'
    # By contract a deleted message is still there, without its content, and a repeated `clientId` gives the first
    # result, which may have been deleted since.
    options = (*MEMBER, "--exclude-checks", "use_after_free,ensure_resource_availability")
    await assert_sound(node, tmp_path, examples, *header, *options, settings=settings)


async def test_signing_out_too(node, database, tmp_path, examples):
    _, header = await signed_in(node, database)
    await assert_sound(node, tmp_path, examples, *header, "--include-path", "/auth/logout")
