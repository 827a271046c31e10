"""Codes: few guesses, few mails, and only for the one who asked."""

import asyncio
from uuid import uuid4

from duologue.auth.otp import Purpose, code_digest, derive_key, is_code, make_code, make_salt
from tests.auth.serving import code_of, unused_address, verify, wrong
from tests.harness.people import PASSWORD


def test_codes_are_six_digits_with_their_zeros():
    codes = {make_code() for _ in range(2_000)}
    assert all(len(code) == 6 and is_code(code) for code in codes)
    assert any(code.startswith("0") for code in codes)
    assert len(codes) > 1_900


def test_only_ascii_digits_are_a_code():
    for text in ("", "12345", "1234567", "12345a", " 12345", "١٢٣٤٥٦", "１２３４５６", "²²²²²²"):
        assert not is_code(text)


def test_a_digest_depends_on_key_salt_purpose_row_and_code():
    key, salt, row = derive_key("secret", "codes"), make_salt(), uuid4()
    digests = {
        code_digest(key, salt, Purpose.RESET, row, "123456"),
        code_digest(derive_key("other", "codes"), salt, Purpose.RESET, row, "123456"),
        code_digest(key, make_salt(), Purpose.RESET, row, "123456"),
        code_digest(key, salt, Purpose.REGISTRATION, row, "123456"),
        code_digest(key, salt, Purpose.RESET, uuid4(), "123456"),
        code_digest(key, salt, Purpose.RESET, row, "123457"),
    }
    assert len(digests) == 6
    assert code_digest(key, salt, Purpose.RESET, row, "123456") in digests


async def test_no_code_stands_in_the_database_in_clear(site):
    email = unused_address()
    await site.register(site.browser(), email)
    code = await site.code(email)
    rows = await site.pool.fetch("SELECT c::text AS line FROM codes c WHERE email = $1", email)
    assert rows
    assert not any(code in row["line"] for row in rows)


async def test_fifty_parallel_guesses_compare_at_most_five(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    right = await site.code(email)
    guesses = [f"{(int(right) + 1 + i) % 1_000_000:06d}" for i in range(49)]
    answers = await asyncio.gather(*(verify(browser, email, guess) for guess in guesses))
    codes = [code_of(answer) for answer in answers]
    assert codes.count("OTP_INVALID") == 5
    assert codes.count("OTP_ATTEMPTS_EXHAUSTED") == 44
    assert code_of(await verify(browser, email, right)) == "OTP_ATTEMPTS_EXHAUSTED"
    assert await site.pool.fetchval("SELECT max(attempts) FROM codes WHERE email = $1", email) == 5


async def test_of_fifty_parallel_right_codes_one_makes_the_account(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    code = await site.code(email)
    handle = {"cookie": f"registrationHandle={browser.cookies['registrationHandle']}"}
    body = {"email": email, "otp": code}
    answers = await asyncio.gather(*(browser.post("/auth/verify-otp", json=body, headers=handle) for _ in range(15)))
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 14
    assert await site.pool.fetchval("SELECT count(*) FROM users WHERE email = $1", email) == 1


async def test_a_code_expires_after_ten_minutes_and_works_once(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    code = await site.code(email)
    site.clock.move(minutes=10)
    assert code_of(await verify(browser, email, code)) == "OTP_EXPIRED"
    assert (await browser.post("/auth/resend-otp", json={"email": email})).status_code == 200
    fresh = await site.code(email, 2)
    assert (await verify(browser, email, fresh)).status_code == 201
    assert code_of(await verify(site.browser(), email, fresh)) == "OTP_INVALID"


async def test_a_new_code_takes_the_place_of_the_old_one(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    old = await site.code(email)
    site.clock.move(seconds=61)
    await browser.post("/auth/resend-otp", json={"email": email})
    new = await site.code(email, 2)
    if old != new:
        assert code_of(await verify(browser, email, old)) == "OTP_INVALID"
    assert (await verify(browser, email, new)).status_code == 201


async def test_fifteen_guesses_a_day_which_a_resend_does_not_refill(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    for round_ in range(3):
        code = await site.code(email, round_ + 1)
        for _ in range(5):
            assert code_of(await verify(browser, email, wrong(code))) == "OTP_INVALID"
        site.clock.move(minutes=2)
        assert (await browser.post("/auth/resend-otp", json={"email": email})).status_code == 200
    right = await site.code(email, 4)
    assert code_of(await verify(browser, email, right)) == "OTP_ATTEMPTS_EXHAUSTED"
    site.clock.move(days=1)
    await site.register(browser, email)
    assert (await verify(browser, email, await site.code(email, 5))).status_code == 201


async def test_a_million_guesses_do_not_fit_into_a_codes_life(site):
    """Whatever is sent again meanwhile, from however many networks, and whatever other addresses are tried."""
    email = unused_address()
    await site.register(site.browser(), email)
    compared = 0
    for _ in range(10):
        for guess in range(7):
            answer = await verify(site.browser(), email, f"{guess:06d}")
            compared += code_of(answer) == "OTP_INVALID"
        site.clock.move(seconds=59)
        await site.browser().post("/auth/resend-otp", json={"email": email})
        site.clock.move(seconds=1)
    assert compared == 15
    network = site.browser()
    others = [unused_address() for _ in range(65)]
    answers = [await verify(network, other, "000000") for other in others for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400] * 120 + [429] * 10


async def test_resends_are_a_minute_apart_three_an_hour_and_eight_a_day_for_any_address(site):
    pending, unknown, (_, taken) = unused_address(), unused_address(), await site.sign_up()
    await site.register(site.browser(), pending)
    for email in (pending, unknown, taken):
        browser = site.browser()

        async def resend(browser=browser, email=email):
            return await browser.post("/auth/resend-otp", json={"email": email})

        site.clock.move(minutes=2)
        assert (await resend()).status_code == 200
        refused = await resend()
        assert (refused.status_code, code_of(refused)) == (429, "RATE_LIMITED")
        assert refused.headers["retry-after"] == "60"
        assert {"ratelimit", "ratelimit-policy"} <= set(refused.headers)
        for _ in range(2):
            site.clock.move(seconds=60)
            assert (await resend()).status_code == 200
        site.clock.move(seconds=60)
        refused = await resend()
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == str(3600 - 180)
        for _ in range(5):
            site.clock.move(minutes=61)
            assert (await resend()).status_code == 200
        site.clock.move(minutes=61)
        assert (await resend()).status_code == 429


async def test_of_parallel_resends_one_mails(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    await site.mails(email)
    site.clock.move(seconds=61)
    answers = await asyncio.gather(*(browser.post("/auth/resend-otp", json={"email": email}) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [429] * 9
    assert len(await site.mails(email, 2, "code")) == 2


async def test_a_guess_that_is_no_code_costs_nothing(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    for _ in range(20):
        assert code_of(await verify(browser, email, "12 34")) == "OTP_INVALID"
    assert (await verify(browser, email, await site.code(email))).status_code == 201


async def test_nobody_takes_an_address_beforehand(site):
    email = unused_address()
    attacker, owner, elsewhere = site.browser(), site.browser(), site.browser()
    await site.register(attacker, email, "the attacker's password")
    attackers_code = await site.code(email)
    site.clock.move(seconds=1)
    await site.register(owner, email, PASSWORD)
    owners_code = await site.code(email, 2)
    # Without the handle nobody can say whose password would come alive.
    assert code_of(await verify(elsewhere, email, owners_code)) == "OTP_SUPERSEDED"
    if attackers_code != owners_code:
        # The owner types the wrong mail's code: it does not activate the attacker's password.
        assert code_of(await verify(owner, email, attackers_code)) == "OTP_INVALID"
    assert (await verify(owner, email, owners_code)).status_code == 201
    stranger = site.browser()
    body = {"email": email, "password": "the attacker's password"}
    assert (await stranger.post("/auth/login", json=body)).status_code == 401
    assert (await stranger.post("/auth/login", json={"email": email, "password": PASSWORD})).status_code == 200
    assert code_of(await verify(attacker, email, attackers_code)) == "OTP_INVALID"


async def test_a_client_without_cookies_registers_too(site):
    email = unused_address()
    await site.register(site.browser(), email)
    assert (await verify(site.browser(), email, await site.code(email))).status_code == 201


async def test_registering_again_in_the_same_browser_replaces_the_first_registration(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email, "a first password")
    await site.mails(email)
    site.clock.move(seconds=1)
    await site.register(browser, email, "a second password")
    code = await site.code(email, 2)
    assert (await verify(site.browser(), email, code)).status_code == 201
    answer = await site.browser().post("/auth/login", json={"email": email, "password": "a second password"})
    assert answer.status_code == 200
