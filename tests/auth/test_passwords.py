"""Which passwords are taken, and how they are kept."""

import asyncio
import unicodedata

import pytest
from argon2 import PasswordHasher, extract_parameters

from duologue.auth.passwords import QUEUE_PER_CORE, Passwords, check_password, is_common
from duologue.errors import AppError, Code
from tests.auth.serving import code_of, login, unused_address
from tests.harness.people import PASSWORD


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


async def test_hashes_are_argon2id_with_the_parameters_of_the_issue():
    passwords = Passwords(1)
    stored = await passwords.hash(PASSWORD)
    parameters = extract_parameters(stored)
    assert stored.startswith("$argon2id$")
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert await passwords.verify(stored, PASSWORD)
    assert not await passwords.verify(stored, PASSWORD + "x")
    assert not await passwords.verify(None, PASSWORD)
    assert not await passwords.verify("", PASSWORD)
    passwords.close()


async def test_the_same_password_typed_on_two_keyboards_is_the_same():
    passwords = Passwords(1)
    stored = await passwords.hash(check_password("Zoë has a café", "ann@example.com"))
    assert await passwords.verify(stored, unicodedata.normalize("NFD", "Zoë has a café"))
    passwords.close()


async def test_beyond_the_queue_a_hash_is_refused_with_a_time_to_come_back():
    passwords = Passwords(1)
    room = QUEUE_PER_CORE + 1
    outcomes = await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(room + 5)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, AppError)]
    assert len(refused) == 5
    assert all(error.code is Code.UNAVAILABLE and error.retry_after for error in refused)
    assert await passwords.hash(PASSWORD)
    passwords.close()


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
