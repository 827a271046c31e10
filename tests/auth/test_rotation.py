"""Refresh tokens: honest races are harmless, theft is not."""

import asyncio

from tests.auth.serving import ACCESS_SECRET, REFRESH_SECRET, code_of, login, refresh, sign_in_server


async def test_fifty_parallel_refreshes_give_one_successor_and_sign_nobody_out(site):
    browser, email = await site.sign_up()
    token = browser.cookies["refreshToken"]
    answers = await asyncio.gather(*(refresh(browser, token) for _ in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert len({answer.cookies["refreshToken"] for answer in answers}) == 1
    assert len({answer.cookies["accessToken"] for answer in answers}) == 1
    successor = answers[0].cookies["refreshToken"]
    assert (await refresh(browser, successor)).status_code == 200
    assert "authn_token_reuse" not in await site.events(email)


async def test_two_tabs_within_the_grace_get_the_same_successor_also_when_it_is_in_use(site):
    browser, _ = await site.sign_up()
    token = browser.cookies["refreshToken"]
    first = await refresh(browser, token)
    header = {"cookie": f"accessToken={first.cookies['accessToken']}"}
    assert (await browser.get("/auth/profile", headers=header)).status_code == 200
    site.clock.move(seconds=29)
    second = await refresh(browser, token)
    assert dict(second.cookies) == dict(first.cookies)


async def test_a_lost_answer_is_recovered_once(site):
    browser, email = await site.sign_up()
    token = browser.cookies["refreshToken"]
    lost = await refresh(browser, token)
    site.clock.move(minutes=9)
    again = await refresh(browser, token)
    assert again.status_code == 200
    assert again.cookies["refreshToken"] != lost.cookies["refreshToken"]
    # The recovered answer is as robust against a second tab as any other.
    assert (await refresh(browser, token)).cookies["refreshToken"] == again.cookies["refreshToken"]
    site.clock.move(minutes=9)
    answer = await refresh(browser, token)
    assert (answer.status_code, code_of(answer)) == (401, "REFRESH_REUSED")
    assert (await site.events(email))[-1] == "authn_token_reuse"


async def test_a_lost_answer_that_turns_up_after_its_recovery_is_theft(site):
    browser, _ = await site.sign_up()
    token = browser.cookies["refreshToken"]
    lost = await refresh(browser, token)
    site.clock.move(minutes=1)
    assert (await refresh(browser, token)).status_code == 200
    assert code_of(await refresh(browser, lost.cookies["refreshToken"])) == "REFRESH_REUSED"


async def test_after_ten_minutes_it_is_no_lost_answer_any_more(site):
    browser, _ = await site.sign_up()
    token = browser.cookies["refreshToken"]
    await refresh(browser, token)
    site.clock.move(minutes=10, seconds=1)
    assert code_of(await refresh(browser, token)) == "REFRESH_REUSED"


async def test_a_stolen_old_token_ends_the_family_tells_the_sockets_mails_and_leaves_a_trace(site):
    browser, email = await site.sign_up()
    stolen = browser.cookies["refreshToken"]
    await browser.post("/auth/refresh")
    assert (await browser.get("/auth/profile")).status_code == 200  # the successor arrived
    site.clock.move(seconds=31)
    thief = site.browser(device="curl/8.0")
    answer = await refresh(thief, stolen)
    assert (answer.status_code, code_of(answer)) == (401, "REFRESH_REUSED")
    assert "set-cookie" not in answer.headers
    assert code_of(await browser.get("/auth/profile")) == "SESSION_ENDED"
    assert code_of(await browser.post("/auth/refresh")) == "SESSION_ENDED"
    assert site.ended[-1][1] == "reuse"
    assert (await site.events(email))[-1] == "authn_token_reuse"
    mail = (await site.mails(email, about="ended one of your sessions"))[0]
    assert "curl" in mail["text_part"]
    # One theft, one mail, however often the thief comes back.
    assert code_of(await refresh(thief, stolen)) == "SESSION_ENDED"
    assert len(await site.mails(email, about="ended one of your sessions")) == 1


async def test_a_refused_refresh_leaves_the_cookies_alone(site):
    for header in ({}, {"cookie": "refreshToken=nonsense"}):
        answer = await site.browser().post("/auth/refresh", headers=header)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


async def test_a_session_ends_after_seven_idle_days_and_after_thirty_days_in_any_case(site):
    idle, _ = await site.sign_up()
    busy, email = await site.sign_up()
    for _ in range(4):
        site.clock.move(days=6)
        assert (await busy.post("/auth/refresh")).status_code == 200
    assert code_of(await idle.post("/auth/refresh")) == "TOKEN_EXPIRED"
    site.clock.move(days=6)
    assert code_of(await busy.post("/auth/refresh")) == "TOKEN_EXPIRED"
    assert (await login(busy, email)).status_code == 200


async def test_no_grace_is_strict_rotation(auth_database):
    async with sign_in_server(auth_database, refresh_grace=0) as site:
        browser, _ = await site.sign_up()
        token = browser.cookies["refreshToken"]
        assert (await refresh(browser, token)).status_code == 200
        assert code_of(await refresh(browser, token)) == "REFRESH_REUSED"


async def test_keys_are_changed_without_signing_anyone_out(auth_database):
    async with sign_in_server(auth_database) as site:
        browser, _ = await site.sign_up()
        cookies = dict(browser.cookies)
    header = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    new = {
        "jwt_secret": "a new access secret, long enough 123",
        "jwt_refresh_secret": "a new refresh secret, long 1234567",
    }
    async with sign_in_server(auth_database, **new) as site:
        assert (await site.browser().get("/auth/profile", headers=header)).status_code == 401
    old = {"jwt_secret_previous": ACCESS_SECRET, "jwt_refresh_secret_previous": REFRESH_SECRET}
    async with sign_in_server(auth_database, **new, **old) as site:
        browser = site.browser()
        assert (await browser.get("/auth/profile", headers=header)).status_code == 200
        assert (await browser.post("/auth/refresh", headers=header)).status_code == 200
        assert (await browser.get("/auth/profile")).status_code == 200
