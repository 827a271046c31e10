"""Passwords over HTTP: what an attacker learns, and how long guessing takes."""

import asyncio
import itertools
import statistics
from datetime import timedelta
from time import perf_counter

import pytest

from duologue.auth.limits import FREE_FAILURES, LONGEST_DELAY, failure_delay
from tests.auth.serving import code_of, login, sign_in_server, unused_address, verify, wrong
from tests.harness.people import PASSWORD

ROUNDS = 16


async def three_addresses(site):
    """One with an account, one nobody knows, one that waits for its code."""
    _, known = await site.sign_up()
    pending = unused_address()
    await site.register(site.browser(), pending)
    return known, unused_address(), pending


def shape(answer):
    """All that an answer tells, but for its id and the cookie's random value."""
    body = {name: value for name, value in answer.json().items() if name not in ("requestId", "email")}
    headers = sorted(name for name in answer.headers if name != "content-length")
    return answer.status_code, body, headers


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/auth/register", {"password": PASSWORD}),
        ("/auth/login", {"password": "wrong password 1"}),
        ("/auth/resend-otp", {}),
        ("/auth/reset-password", {}),
        ("/auth/verify-otp", {"otp": "000000"}),
        ("/auth/set-new-password", {"otp": "000000", "newPassword": "another password"}),
    ],
)
async def test_known_unknown_and_pending_addresses_get_the_same_answer(site, path, more):
    addresses = await three_addresses(site)
    site.clock.move(minutes=2)
    answers = [await site.browser().post(path, json={"email": email, **more}) for email in addresses]
    assert len({repr(shape(answer)) for answer in answers}) == 1


async def test_guessing_codes_does_not_tell_either(site):
    known, unknown, _ = await three_addresses(site)
    site.clock.move(minutes=2)
    for path in ("/auth/reset-password", "/auth/resend-otp"):
        for email in (known, unknown):
            assert (await site.browser().post(path, json={"email": email})).status_code == 200
    for path, more in (("/auth/verify-otp", {}), ("/auth/set-new-password", {"newPassword": "another password"})):
        outcomes = []
        for email in (known, unknown):
            browser = site.browser()
            guesses = [
                code_of(await browser.post(path, json={"email": email, "otp": f"{guess:06d}", **more}))
                for guess in range(6)
            ]
            outcomes.append(guesses)
        assert outcomes[0] == outcomes[1] == ["OTP_INVALID"] * 5 + ["OTP_ATTEMPTS_EXHAUSTED"]


async def test_a_taken_address_is_mailed_a_notice_instead_of_a_code(site):
    _, email = await site.sign_up()
    await site.register(site.browser(), email)
    assert (await site.mails(email, about="already"))[0]["code"] is None
    assert len(await site.mails(email, about="code")) == 1


async def test_only_a_right_password_learns_that_the_address_is_not_confirmed(site):
    email = unused_address()
    await site.register(site.browser(), email)
    answer = await login(site.browser(), email)
    assert (answer.status_code, code_of(answer)) == (403, "EMAIL_NOT_VERIFIED")
    answer = await login(site.browser(), email, "wrong password")
    assert (answer.status_code, code_of(answer)) == (401, "INVALID_CREDENTIALS")


@pytest.mark.early
@pytest.mark.thorough
async def test_timings_do_not_tell_known_unknown_and_pending_addresses_apart(auth_database):
    bodies = {
        "/auth/login": {"password": "wrong password"},
        "/auth/register": {"password": PASSWORD},
        "/auth/resend-otp": {},
        "/auth/reset-password": {},
    }
    async with sign_in_server(auth_database, rate_limits=0, password_threads=1) as site:
        addresses = await three_addresses(site)
        browser = site.browser()
        seconds = {path: {email: [] for email in addresses} for path in bodies}
        for round_ in range(ROUNDS):
            for path, more in bodies.items():
                site.clock.move(days=1)
                for email in (*addresses[round_ % 3 :], *addresses[: round_ % 3]):
                    started = perf_counter()
                    answer = await browser.post(path, json={"email": email, **more})
                    seconds[path][email].append(perf_counter() - started)
                    assert answer.status_code in (200, 401)
    for path, times in seconds.items():
        for one, other in itertools.combinations(times.values(), 2):
            # A difference shows in every pair; chance alone does that once in 32,000, and seldom by a millisecond.
            slower = sum(a > b for a, b in zip(one, other, strict=True))
            apart = abs(statistics.median(one) - statistics.median(other))
            assert 0 < slower < ROUNDS or apart < 0.001, (path, slower, apart)


def test_delays_grow_from_a_second_to_a_quarter_of_an_hour():
    assert failure_delay(FREE_FAILURES - 1) == timedelta(0)
    assert [failure_delay(FREE_FAILURES + n).total_seconds() for n in range(4)] == [1, 2, 4, 8]
    assert failure_delay(1_000) == LONGEST_DELAY == timedelta(minutes=15)


async def fail_until_delayed(site, email):
    """Wrong passwords until the server makes us wait; how many it looked at, and how long it says to wait."""
    for tries in range(20):
        answer = await login(site.browser(), email, "wrong password")
        if answer.status_code == 429:
            return tries, int(answer.headers["retry-after"])
    raise AssertionError("never delayed")


async def test_after_five_failures_each_further_one_waits_longer_but_never_for_ever(site):
    for email in ((await site.sign_up())[1], unused_address()):
        assert await fail_until_delayed(site, email) == (5, 1)
        for expected in (2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
            site.clock.move(seconds=expected)
            answer = await login(site.browser(), email, "wrong password")
            assert answer.status_code in (401, 429)
            answer = await login(site.browser(), email, "wrong password")
            assert answer.headers["retry-after"] == str(expected)


async def test_only_a_right_password_resets_the_delay(site):
    _, email = await site.sign_up()
    await fail_until_delayed(site, email)
    site.clock.move(hours=2)
    assert (await login(site.browser(), email, "wrong password")).status_code == 401
    assert (await login(site.browser(), email, "wrong password")).status_code == 429
    site.clock.move(minutes=15)
    assert (await login(site.browser(), email)).status_code == 200
    assert (await fail_until_delayed(site, email))[0] == 5


async def test_strangers_who_guess_do_not_delay_the_owner_at_home(site):
    browser, email = await site.sign_up(address="198.51.100.7")
    await fail_until_delayed(site, email)
    assert (await login(browser, email)).status_code == 200


async def test_fifty_parallel_guesses_of_a_password_verify_at_most_five(site):
    _, email = await site.sign_up()
    answers = await asyncio.gather(*(login(site.browser(), email, "wrong password") for _ in range(50)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) == 5
    assert statuses.count(429) == 45


async def test_a_network_is_limited_whatever_addresses_it_names(auth_database):
    async with sign_in_server(auth_database, rate_limits=0.1) as site:
        browsers = [site.browser(address=f"2001:db8:77::{n}") for n in range(8)]
        answers = [await login(browser, unused_address(), "wrong password") for browser in browsers]
        assert [answer.status_code for answer in answers] == [401] * 6 + [429] * 2
        refused = answers[-1]
        assert refused.headers["ratelimit"] == f'"login-network";r=0;t={refused.headers["retry-after"]}'
        elsewhere = site.browser(address="2001:db8:78::1")
        assert (await login(elsewhere, unused_address(), "wrong password")).status_code == 401


async def test_a_new_device_is_told_by_mail(site):
    browser, email = await site.sign_up(device="Firefox/140.0 Windows")
    await login(browser, email)
    await login(site.browser(device="curl/8.0"), email)
    mail = (await site.mails(email, about="New sign-in"))[0]
    assert "curl" in mail["text_part"]
    assert len(await site.mails(email, about="New sign-in")) == 1


async def test_what_happens_to_an_account_leaves_a_trace(site):
    browser, email = await site.sign_up()
    await login(site.browser(), email, "wrong password")
    await login(browser, email)
    await browser.post("/auth/logout")
    expected = ["user_created", "authn_login_success", "authn_login_fail", "authn_login_success", "session_expired"]
    assert await site.events(email) == expected
    await login(browser, email)
    shown = (await browser.get("/auth/security-events", params={"limit": 2})).json()["events"]
    assert [event["event"] for event in shown] == ["authn_login_success", "session_expired"]
    older = (await browser.get("/auth/security-events", params={"before": shown[-1]["id"]})).json()["events"]
    assert [event["event"] for event in older] == expected[:-1][::-1]


async def test_a_wrong_code_does_not_sign_in(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    answer = await verify(browser, email, wrong(await site.code(email)))
    assert (answer.status_code, code_of(answer)) == (400, "OTP_INVALID")
    assert "accessToken" not in answer.cookies
