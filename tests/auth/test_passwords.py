"""Which passwords are taken, and how they are kept."""

import asyncio
import os
import signal
import threading
import unicodedata
from pathlib import Path

import pytest
import pytest_asyncio
from argon2 import PasswordHasher, extract_parameters

from duologue.auth.hasher import Hashing, Job, Outcome, argon2id
from duologue.auth.passwords import PASSWORD_LONGEST, QUEUE_PER_THREAD, Passwords, check_password, is_common
from duologue.errors import AppError, Code
from tests.auth.serving import code_of, login, sign_in_server, unused_address
from tests.harness.node import Node
from tests.harness.people import PASSWORD, SECONDS
from tests.harness.schemas import checked_client


@pytest.mark.parametrize(
    "password", ["12345678", "password", "PASSWORD", "Football", "iloveyou", "qwertyuiop", "１２３４５６７８"]
)
def test_a_much_used_password_is_refused_however_it_is_spelt(password):
    with pytest.raises(AppError) as refused:
        check_password(password, "ann@example.com")
    assert refused.value.code is Code.PASSWORD_TOO_COMMON


@pytest.mark.parametrize("password", ["ann@example.com", "ANN@Example.com", "ann.the.great"])
def test_the_address_itself_is_no_password(password):
    with pytest.raises(AppError) as refused:
        check_password(password, "ann@example.com" if "@" in password else "ann.the.great@example.com")
    assert refused.value.code is Code.PASSWORD_TOO_COMMON


@pytest.mark.parametrize("password", ["Duologue", "duologue2026!", "duo-logue 1", "ＤＵＯＬＯＧＵＥ１"])
def test_the_name_of_this_place_is_no_password(password):
    with pytest.raises(AppError) as refused:
        check_password(password, "ann@example.com")
    assert refused.value.code is Code.PASSWORD_TOO_COMMON


@pytest.mark.parametrize(
    "password",
    [
        "duologue is for two",
        "purple cow jumps",
        "        x       ",
        "пароль-для-чата",
        "🐝🐝🐝🐝🐝🐝🐝🐝",
        "a" * 255 + "b",
        "zq4!x9Kd",
    ],
)
def test_any_characters_make_a_password(password):
    assert check_password(password, "ann@example.com") == unicodedata.normalize("NFKC", password)


@pytest.mark.parametrize("password", ["short", "1234567", "x" * 257, ""])
def test_under_eight_and_over_256_characters_are_refused(password):
    with pytest.raises(AppError) as refused:
        check_password(password, "ann@example.com")
    assert refused.value.code is Code.INVALID_INPUT
    assert refused.value.details[0]["field"] == "password"


def test_the_list_holds_a_hundred_thousand():
    from duologue.auth.passwords import DIGEST_BYTES, _common_digests

    digests = _common_digests()
    found = [digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES)]
    assert len(found) == 100_000
    assert found == sorted(found)
    assert not is_common("never seen anywhere 4711")


@pytest_asyncio.fixture(loop_scope="session")
async def passwords():
    """One thread's worth."""
    hashing = Passwords(1)
    yield hashing
    await hashing.stop()


async def test_hashes_are_argon2id_with_the_parameters_of_owasp(passwords):
    stored = await passwords.hash(PASSWORD)
    parameters = extract_parameters(stored)
    assert stored.startswith("$argon2id$")
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert await passwords.verify(stored, PASSWORD)
    assert not await passwords.verify(stored, PASSWORD + "x")
    assert not await passwords.verify(stored, PASSWORD.upper())
    assert not await passwords.verify(None, PASSWORD)
    assert not await passwords.verify("", PASSWORD)
    assert not await passwords.verify("no hash", PASSWORD)


async def test_the_same_password_typed_on_two_keyboards_is_the_same(passwords):
    stored = await passwords.hash(check_password("Zoë has a café", "ann@example.com"))
    assert await passwords.verify(stored, unicodedata.normalize("NFD", "Zoë has a café"))


async def test_every_character_of_a_long_password_counts(passwords):
    stored = await passwords.hash("🐝" * PASSWORD_LONGEST)
    assert await passwords.verify(stored, "🐝" * PASSWORD_LONGEST)
    assert not await passwords.verify(stored, "🐝" * (PASSWORD_LONGEST - 1))
    assert not await passwords.verify(stored, "🐝" * (PASSWORD_LONGEST + 1))


async def test_beyond_the_queue_a_hash_is_refused_with_a_time_to_come_back(passwords):
    room = QUEUE_PER_THREAD + 1
    outcomes = await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(room + 5)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, AppError)]
    assert len(refused) == 5
    assert all(error.code is Code.UNAVAILABLE and error.retry_after for error in refused)
    assert await passwords.hash(PASSWORD)


async def test_places_of_callers_who_went_away_are_free_again(passwords):
    room = QUEUE_PER_THREAD + 1
    asking = [asyncio.ensure_future(passwords.hash(PASSWORD)) for _ in range(room)]
    await asyncio.wait(asking[:1])
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    while True:
        try:
            passwords.admit()
        except AppError:
            await asyncio.sleep(0.01)
        else:
            break
    assert await passwords.hash(PASSWORD)


def hashers_of(pid):
    """The hashing processes below another."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return {child for child in children if "hasher.py" in Path(f"/proc/{child}/cmdline").read_text()}


async def test_a_hasher_that_dies_is_replaced_and_who_waited_is_told_to_come_back(passwords):
    before = hashers_of(os.getpid())
    stored = await passwords.hash(PASSWORD)
    [pid] = hashers_of(os.getpid()) - before
    waiting = [asyncio.ensure_future(passwords.verify(stored, PASSWORD)) for _ in range(8)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    os.kill(pid, signal.SIGKILL)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert outcomes[0] is True
    assert isinstance(outcomes[-1], AppError)
    assert outcomes[-1].code is Code.UNAVAILABLE
    assert await passwords.verify(stored, PASSWORD)


async def test_the_hasher_steps_back_knows_no_secret_and_ends_with_its_server(database, tmp_path):
    secret = "a secret of the server, 32 bytes long"
    node = Node({"DATABASE_URL": database, "DATA_DIR": str(tmp_path / "data"), "JWT_SECRET": secret}, tmp_path)
    await node.start()
    [pid] = hashers_of(node.pid)
    async with checked_client(node.url, timeout=SECONDS) as http:
        await http.post("/auth/login", json={"email": unused_address(), "password": PASSWORD})  # so it is up
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, node.pid)
    policies = [os.sched_getscheduler(int(task.name)) for task in Path(f"/proc/{pid}/task").iterdir()]
    assert policies.count(os.SCHED_IDLE) == max(1, (os.cpu_count() or 1) - 1)
    environment = Path(f"/proc/{pid}/environ").read_text()
    assert secret not in environment
    assert "postgresql" not in environment
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C in a terminal reaches it as well
        os.kill(pid, number)
    assert hashers_of(node.pid) == {pid}
    await node.kill()
    async with asyncio.timeout(SECONDS):
        while Path(f"/proc/{pid}").exists() and ") Z " not in Path(f"/proc/{pid}/stat").read_text():
            await asyncio.sleep(0.01)


async def test_on_a_machine_without_idle_time_hashing_goes_on():
    told: asyncio.Queue[Outcome] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    hashing = Hashing(lambda outcome: loop.call_soon_threadsafe(told.put_nowait, outcome))
    # No thread of the idle class runs at all.
    threading.Thread(target=hashing.help, daemon=True).start()
    stored = argon2id().hash(PASSWORD)
    for number in range(3):
        hashing.add(Job(number, PASSWORD, stored if number else ""))
    async with asyncio.timeout(SECONDS):
        assert [await told.get() for _ in range(3)] == [Outcome(0, False), Outcome(1, True), Outcome(2, True)]


async def test_while_too_many_wait_a_sign_in_is_refused_at_the_door_at_no_cost(auth_database):
    before = hashers_of(os.getpid())
    async with sign_in_server(auth_database, password_threads=1) as site:
        [pid] = hashers_of(os.getpid()) - before
        email = unused_address("flood")
        os.kill(pid, signal.SIGSTOP)
        waiting = [asyncio.ensure_future(site.passwords.hash(PASSWORD)) for _ in range(QUEUE_PER_THREAD + 1)]
        for path, body in {
            "/auth/login": {"email": email, "password": PASSWORD},
            "/auth/register": {"email": email, "password": PASSWORD},
            "/auth/set-new-password": {"email": email, "otp": "123456", "newPassword": PASSWORD},
        }.items():
            answer = await site.browser().post(path, json=body)
            assert (answer.status_code, code_of(answer)) == (503, "UNAVAILABLE"), path
            assert int(answer.headers["retry-after"]) >= 1
        for table in ("rate_buckets", "login_failures"):
            assert not await site.pool.fetchval(f"SELECT count(*) FROM {table} WHERE key LIKE $1", f"%{email}%")
        os.kill(pid, signal.SIGCONT)
        await asyncio.gather(*waiting)
        assert (await login(site.browser(), email)).status_code == 401


async def test_a_hash_with_older_parameters_is_made_anew_at_the_next_login(site):
    browser, email = await site.sign_up()
    old = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    await site.pool.execute("UPDATE users SET password_hash = $2 WHERE email = $1", email, old)
    assert (await login(browser, email)).status_code == 200
    now = await site.pool.fetchval("SELECT password_hash FROM users WHERE email = $1", email)
    assert "m=19456,t=2,p=1" in now
    assert (await login(browser, email)).status_code == 200
    assert await site.pool.fetchval("SELECT password_hash FROM users WHERE email = $1", email) == now


async def test_registering_says_which_field_is_wrong(site):
    for body, field in (
        ({"email": "no address", "password": PASSWORD}, "email"),
        ({"email": unused_address(), "password": "1234567"}, "password"),
        ({"email": unused_address(), "password": "iloveyou"}, "password"),
    ):
        answer = await site.browser().post("/auth/register", json=body)
        assert answer.status_code == 400
        assert [detail["field"] for detail in answer.json()["details"]] == [field]
    assert code_of(answer) == "PASSWORD_TOO_COMMON"


async def test_a_sign_in_with_a_password_that_is_changed_meanwhile_is_refused(auth_database):
    before = hashers_of(os.getpid())
    async with sign_in_server(auth_database, password_threads=1) as site:
        [pid] = hashers_of(os.getpid()) - before
        browser, email = await site.sign_up()
        os.kill(pid, signal.SIGSTOP)
        signing_in = asyncio.create_task(login(browser, email))
        async with asyncio.timeout(SECONDS):
            while not await site.pool.fetchval("SELECT count(*) FROM login_failures WHERE key LIKE $1", f"{email}%"):
                await asyncio.sleep(0.01)  # counted, so it has been looked up
        await site.pool.execute("UPDATE users SET password_hash = 'another' WHERE email = $1", email)
        os.kill(pid, signal.SIGCONT)
        assert code_of(await signing_in) == "INVALID_CREDENTIALS"
