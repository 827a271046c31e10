"""The whole story, by two people who start with nothing: on the embedded PostgreSQL, and on one that was there."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.clients.tools import missing, output_of
from tests.harness.node import Node, clean_environment
from tests.harness.people import PASSWORD, SECONDS, Person, mailed_code, sign_up
from tests.harness.schemas import checked_client

pytestmark = pytest.mark.early


async def register(node: Node, email: str) -> Person:
    """Register, read the code in the mail, confirm it; then sign in as one does on another device."""
    async with checked_client(node.url, timeout=SECONDS) as first:
        answer = await first.post("/auth/register", json={"email": email, "password": PASSWORD})
        assert (answer.status_code, answer.json()["email"]) == (200, email)
        answer = await first.post("/auth/login", json={"email": email, "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (403, "EMAIL_NOT_VERIFIED")
        code = await mailed_code(first, email)
        answer = await first.post("/auth/verify-otp", json={"email": email, "otp": code})
        assert answer.status_code == 201, answer.text
        assert answer.json()["user"]["email"] == email
        assert (await first.get("/auth/profile")).json()["user"]["email"] == email
    return await sign_in(node, email)


async def sign_in(node: Node, email: str) -> Person:
    """Sign in with the password; both cookies are out of reach of scripts."""
    http = checked_client(node.url, timeout=SECONDS)
    answer = await http.post("/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    cookies = {line.split("=")[0]: line.lower() for line in answer.headers.get_list("set-cookie")}
    assert {"accessToken", "refreshToken"} <= set(cookies)
    assert all("httponly" in line for line in cookies.values())
    return Person(answer.json()["user"]["id"], email, http, node.ws_url)


async def refresh(person: Person) -> None:
    """Swap the refresh token; both cookies are new."""
    before = dict(person.http.cookies)
    answer = await person.http.post("/auth/refresh")
    assert answer.status_code == 200, answer.text
    after = dict(person.http.cookies)
    assert before["accessToken"] != after["accessToken"]
    assert before["refreshToken"] != after["refreshToken"]


async def find(seeker: Person, sought: Person) -> int:
    """The id of `sought`, from the directory that `seeker` is shown."""
    async with seeker.socket("/users") as users:
        people = {each["email"]: each for each in (await users.receive_type("ALL_USERS"))["data"]}
        assert people[sought.email]["isVerified"]
        assert people[seeker.email]["online"]
        return people[sought.email]["id"]


async def test_two_people_meet_talk_and_find_it_all_again_after_a_restart(folder):
    node = Node({"DATA_DIR": str(folder / "data")}, folder, measured=True)
    await node.start()
    try:
        alice, bob = await asyncio.gather(*(register(node, f"{name}@example.com") for name in ("alice", "bob")))

        # They find each other, and each sees the other come.
        async with alice.socket("/users") as users:
            assert not {u["email"]: u for u in (await users.receive())["data"]}["bob@example.com"]["online"]
            assert await find(bob, alice) == alice.id
            status = await users.receive_type("USER_STATUS")
            assert (status["data"]["id"], status["data"]["online"]) == (bob.id, True)
        assert await find(alice, bob) == bob.id

        # They open the room, which is one room, whoever asks.
        room = await alice.open_room(bob)
        assert await bob.open_room(alice) == room

        async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
            await hers.say("Hello, Bob!")
            heard = (await his.receive_type("NEW_MESSAGE"))["data"]
            assert (heard["content"], heard["senderId"], heard["seq"]) == ("Hello, Bob!", alice.id, 1)
            await his.say("Hello, Alice!", "from-bob-1")
            assert (await his.receive())["type"] == "MESSAGE_SENT"
            assert (await hers.receive())["data"]["content"] == "Hello, Alice!"

            # New tokens, the same sockets.
            await refresh(alice)
            await refresh(bob)
            await hers.say("Still there?")
            assert (await his.receive())["data"]["content"] == "Still there?"
            await his.say("Still here.")
            assert (await hers.receive())["data"]["content"] == "Still here."

            said = ["Hello, Bob!", "Hello, Alice!", "Still there?", "Still here."]
            assert [message["content"] for message in await alice.history(room)] == said
            before = await bob.history(room)

            assert await node.stop(signal.SIGINT) == 0
            assert (await hers.closed())[0] == 1012
            assert (await his.closed())[0] == 1012

        # Started again on the same folder: everybody is still signed in, nothing is lost.
        await node.start()
        assert "Traceback" not in node.text
        rooms = (await alice.http.get("/msg/room")).json()
        assert [each["id"] for each in rooms["rooms"]] == [room]
        assert rooms["rooms"][0]["messages"][0]["content"] == "Still here."
        assert rooms["token"] == alice.token
        assert await bob.history(room) == before
        async with bob.socket(f"/room/{room}", after=2) as his:
            assert [(await his.receive())["data"]["seq"] for _ in range(2)] == [3, 4]

            # He signs out: the socket goes, the cookies go, and what was said stays for the next time.
            answer = await bob.http.post("/auth/logout")
            assert answer.status_code == 200, answer.text
            assert (await his.closed())[0] == 4010
        assert "accessToken" not in bob.http.cookies
        assert "refreshToken" not in bob.http.cookies
        assert (await bob.http.get("/auth/profile")).json()["code"] == "NO_TOKEN"
        back = await sign_in(node, "bob@example.com")
        assert await back.history(room) == before
        for person in (alice, bob, back):
            await person.http.aclose()
    finally:
        await node.stop()


def find_postgres() -> Path:
    """Binaries of a PostgreSQL that was installed apart from ours."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    if found := shutil.which("initdb"):
        folders.append(Path(found).parent)
    whole = [folder for folder in sorted(folders) if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return whole[0] if whole else missing("no PostgreSQL server is installed beside the embedded one")


@asynccontextmanager
async def outside_postgres() -> AsyncIterator[str]:
    """A PostgreSQL server that somebody else runs; its DATABASE_URL with an empty database."""
    binaries = find_postgres()
    account = pwd.getpwnam("nobody")  # PostgreSQL does not run as root
    nobody = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="duologue-outside-", ignore_cleanup_errors=True) as folder:
        if nobody:
            os.chown(folder, account.pw_uid, account.pw_gid)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        password_file = Path(folder) / "password"
        password_file.write_text("p@ss/word")
        password_file.chmod(0o644)
        data = f"{folder}/data"
        initdb = await asyncio.create_subprocess_exec(
            *(binaries / "initdb", "-D", data, "-U", "owner", "-E", "UTF8", "--locale=C", "--no-sync"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}"),
            cwd=folder,
            stdout=asyncio.subprocess.DEVNULL,
            **nobody,
        )
        assert await initdb.wait() == 0
        server = await asyncio.create_subprocess_exec(
            *(binaries / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"),
            cwd=folder,
            stderr=asyncio.subprocess.PIPE,
            **nobody,
        )
        assert server.stderr is not None
        try:
            async with asyncio.timeout(30):
                while b"ready to accept connections" not in (line := await server.stderr.readline()):
                    assert line, "PostgreSQL ended"
            reading = asyncio.create_task(server.stderr.read())
            url = f"postgresql://owner:p%40ss%2Fword@127.0.0.1:{port}"
            connection = await asyncpg.connect(f"{url}/postgres")
            await connection.execute("CREATE DATABASE chat")
            await connection.close()
            yield f"{url}/chat"
        finally:
            server.send_signal(signal.SIGINT)  # fast: it does not wait for those who are connected
            await server.wait()
        await reading


async def test_an_existing_postgresql_is_used_after_duologue_migrate_and_not_before(tmp_path):
    async with outside_postgres() as url:
        environment = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path / "data")}
        node = Node(environment, tmp_path)
        with pytest.raises(RuntimeError, match="serve ended with 2") as refusal:
            await node.start()
        assert "run `duologue migrate`" in str(refusal.value)
        assert "Traceback" not in str(refusal.value)

        for expected in ("The schema was brought to revision", "The schema is at"):
            assert expected in await duologue("migrate", environment, tmp_path)

        await node.start()
        try:
            alice, bob = await sign_up(node.url), await sign_up(node.url)
            room = await alice.open_room(bob)
            async with alice.socket(f"/room/{room}") as hers, bob.socket(f"/room/{room}") as his:
                await hers.say("Hello, Bob!")
                assert (await his.receive())["data"]["content"] == "Hello, Bob!"
            await node.stop()
            await node.start()
            assert [message["content"] for message in await bob.history(room)] == ["Hello, Bob!"]
            assert not (tmp_path / "data" / "postgres").exists()
            for person in (alice, bob):
                await person.http.aclose()
        finally:
            await node.stop()


async def duologue(command: str, environment: dict[str, str], folder: Path) -> str:
    """What a command of ours prints."""
    return await output_of(
        sys.executable, "-m", "duologue", command, cwd=folder, environment=clean_environment(environment)
    )
