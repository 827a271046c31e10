"""Passwords, addresses, sessions and whole accounts, changed by their owner."""

import json

import asyncpg

from tests.auth.serving import code_of, login, refresh, sign_in_server, unused_address, verify, wrong
from tests.harness.node import ROOT
from tests.harness.people import PASSWORD
from tests.harness.postgres import migrated_database

PAGE = ROOT / "docs/security.md"

NEW = "a quite different one"


async def test_a_forgotten_password_is_set_anew_and_ends_every_session(site):
    browser, email = await site.sign_up()
    forgetful = site.browser()
    assert (await forgetful.post("/auth/reset-password", json={"email": email})).status_code == 200
    code = await site.code(email, about="new password")
    body = {"email": email, "otp": code, "newPassword": NEW}
    answer = await forgetful.post("/auth/set-new-password", json={**body, "otp": wrong(code)})
    assert code_of(answer) == "OTP_INVALID"
    assert (await forgetful.post("/auth/set-new-password", json=body)).status_code == 200
    assert code_of(await browser.get("/auth/profile")) == "SESSION_ENDED"
    assert code_of(await browser.post("/auth/refresh")) == "SESSION_ENDED"
    assert (await login(forgetful, email)).status_code == 401
    assert (await login(forgetful, email, NEW)).status_code == 200
    assert code_of(await forgetful.post("/auth/set-new-password", json=body)) == "OTP_INVALID"
    assert await site.mails(email, about="password was changed")
    assert "authn_password_reset" in await site.events(email)


async def test_nothing_is_mailed_to_an_address_nobody_has(site):
    email = unused_address()
    assert (await site.browser().post("/auth/reset-password", json={"email": email})).status_code == 200
    assert await site.pool.fetchval("SELECT count(*) FROM mail_outbox WHERE recipient = $1", email) == 0
    assert await site.pool.fetchval("SELECT count(*) FROM dev_mailbox WHERE recipient = $1", email) == 0


async def test_a_code_of_one_purpose_opens_nothing_else(site):
    email = unused_address()
    browser = site.browser()
    await site.register(browser, email)
    code = await site.code(email)
    body = {"email": email, "otp": code, "newPassword": NEW}
    assert code_of(await browser.post("/auth/set-new-password", json=body)) == "OTP_INVALID"
    assert (await verify(browser, email, code)).status_code == 201


async def test_changing_the_password_ends_every_other_session(site):
    here, email = await site.sign_up()
    there = site.browser()
    await login(there, email)
    body = {"password": "not my password", "newPassword": NEW}
    answer = await here.post("/auth/change-password", json=body)
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, "password")
    body["password"] = PASSWORD
    assert (await here.post("/auth/change-password", json={**body, "newPassword": "password1"})).status_code == 400
    assert (await here.post("/auth/change-password", json=body)).status_code == 200
    assert (await here.get("/auth/profile")).status_code == 200
    assert (await here.post("/auth/refresh")).status_code == 200
    assert code_of(await there.get("/auth/profile")) == "SESSION_ENDED"
    assert (await login(there, email, NEW)).status_code == 200
    assert await site.mails(email, about="password was changed")


async def test_sessions_are_listed_and_ended_one_by_one_or_all_others(site):
    here, email = await site.sign_up(device="Firefox/140.0 Windows", address="198.51.100.20")
    others = [site.browser(device=f"curl/8.{n}") for n in range(3)]
    for other in others:
        await login(other, email)
        site.clock.move(seconds=1)
    listed = (await here.get("/auth/sessions")).json()["sessions"]
    assert len(listed) == 4
    current = [session for session in listed if session["current"]]
    assert [(s["device"], s["address"]) for s in current] == [("Firefox on Windows", "198.51.100.20")]
    mine = (await others[0].get("/auth/sessions")).json()["sessions"]
    [first] = [session["id"] for session in mine if session["current"]]
    assert (await here.delete(f"/auth/sessions/{first}")).status_code == 200
    assert code_of(await others[0].get("/auth/profile")) == "SESSION_ENDED"
    assert (await others[1].get("/auth/profile")).status_code == 200
    assert (await here.delete(f"/auth/sessions/{first}")).status_code == 404
    answer = await here.delete("/auth/sessions")
    assert (answer.status_code, answer.json()["ended"]) == (200, 2)
    assert code_of(await others[1].get("/auth/profile")) == "SESSION_ENDED"
    assert (await here.get("/auth/profile")).status_code == 200
    assert len((await here.get("/auth/sessions")).json()["sessions"]) == 1


async def test_nobody_ends_somebody_elses_session(site):
    browser, _ = await site.sign_up()
    stranger, _ = await site.sign_up()
    [session] = (await browser.get("/auth/sessions")).json()["sessions"]
    assert (await stranger.delete(f"/auth/sessions/{session['id']}")).status_code == 404
    assert (await browser.get("/auth/profile")).status_code == 200


async def test_an_address_changes_with_a_code_from_the_new_one_and_the_old_one_is_told(site):
    browser, old = await site.sign_up()
    new = unused_address()
    body = {"email": new, "password": PASSWORD}
    assert (await browser.post("/auth/change-email", json={**body, "password": "wrong"})).status_code == 400
    assert (await browser.post("/auth/change-email", json=body)).status_code == 200
    code = await site.code(new, about="address")
    assert code_of(await verify(site.browser(), new, code)) == "OTP_INVALID"  # not signed in
    assert code_of(await verify(browser, new, wrong(code))) == "OTP_INVALID"
    answer = await verify(browser, new, code)
    assert (answer.status_code, answer.json()["user"]["email"]) == (201, new)
    assert (await browser.get("/auth/profile")).json()["user"]["email"] == new
    assert new in (await site.mails(old, about="address was changed"))[0]["text_part"]
    assert (await login(site.browser(), old)).status_code == 401
    assert (await login(site.browser(), new)).status_code == 200


async def test_a_taken_address_can_not_be_changed_to_and_nobody_is_told_so(site):
    browser, _ = await site.sign_up()
    _, taken = await site.sign_up()
    answers = [
        await browser.post("/auth/change-email", json={"email": email, "password": PASSWORD})
        for email in (taken, unused_address())
    ]
    assert answers[0].json() == answers[1].json()
    assert await site.mails(taken, about="already")
    guesses = [code_of(await verify(browser, taken, f"{guess:06d}")) for guess in range(6)]
    assert guesses == ["OTP_INVALID"] * 5 + ["OTP_ATTEMPTS_EXHAUSTED"]


async def test_an_erased_account_is_gone_but_for_its_number(site):
    browser, email = await site.sign_up()
    elsewhere = site.browser()
    await login(elsewhere, email)
    await login(site.browser(), email, "wrong password")
    number = (await browser.get("/auth/profile")).json()["user"]["id"]
    assert (await browser.post("/auth/delete-account", json={"password": "wrong"})).status_code == 400
    token = browser.cookies["refreshToken"]
    assert (await browser.post("/auth/delete-account", json={"password": PASSWORD})).status_code == 200
    assert "accessToken" not in browser.cookies
    assert code_of(await elsewhere.get("/auth/profile")) == "SESSION_ENDED"
    assert code_of(await refresh(browser, token)) == "SESSION_ENDED"
    tables = ("users", "sessions", "security_events", "registrations", "codes", "code_budgets")
    for table in (*tables, "login_failures", "rate_buckets"):
        rows = await site.pool.fetch(f"SELECT t::text AS line FROM {table} t")
        assert not any(email in row["line"] for row in rows), table
    assert (await login(browser, email)).status_code == 401
    row = await site.pool.fetchrow("SELECT email, password_hash, erased_at FROM users WHERE id = $1", number)
    assert row["email"] == f"deleted-{number}@invalid"
    assert row["password_hash"] == ""
    assert row["erased_at"] is not None
    again, _ = await site.sign_up(email)
    assert (await again.get("/auth/profile")).json()["user"]["id"] != number


async def test_people_take_their_data_along(site):
    browser, email = await site.sign_up()
    answer = await browser.get("/auth/export")
    assert answer.status_code == 200
    found = answer.json()
    assert found["user"]["email"] == email
    assert len(found["sessions"]) == 1
    assert {event["event"] for event in found["securityEvents"]} == {
        "user_created",
        "authn_login_success",
        "sensitive_read",
    }
    assert "argon2" not in json.dumps(found)


async def test_everything_of_ones_own_needs_signing_in(site):
    stranger = site.browser()
    for method, path in (
        ("GET", "/auth/profile"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/sessions/01a20599-6d75-70d3-8d2c-1837697eb32f"),
        ("GET", "/auth/export"),
        ("GET", "/auth/security-events"),
    ):
        assert (await stranger.request(method, path)).status_code == 401, path
    body = {"email": unused_address(), "password": PASSWORD, "newPassword": PASSWORD}
    for path in ("/auth/change-password", "/auth/change-email", "/auth/delete-account"):
        assert (await stranger.post(path, json=body)).status_code == 401, path


async def test_fields_that_are_nobodys_to_set_are_ignored(site):
    browser, email = site.browser(), unused_address()
    more = {
        "id": 987_654_321,
        "isVerified": True,
        "createdAt": "2000-01-01T00:00:00.000Z",
        "erasedAt": None,
        "displayName": "x",
    }
    answer = await browser.post("/auth/register", json={"email": email, "password": PASSWORD, **more})
    assert answer.status_code == 200
    assert code_of(await login(browser, email, "wrong password")) == "INVALID_CREDENTIALS"
    assert (await login(browser, email)).status_code == 403  # still not confirmed
    assert (await verify(browser, email, await site.code(email))).status_code == 201
    user = (await browser.get("/auth/profile")).json()["user"]
    assert user["id"] != 987_654_321
    assert not user["createdAt"].startswith("2000")
    assert user["displayName"] is None


async def test_a_session_that_an_operator_ends_in_the_table_is_over_within_a_sweep(auth_database):
    statement = PAGE.read_text().partition("```sql\n")[2].partition("```")[0]
    async with sign_in_server(auth_database) as site:
        browser, email = await site.sign_up()
        stranger, _ = await site.sign_up()
        [session] = (await browser.get("/auth/sessions")).json()["sessions"]
        await site.pool.execute(statement.replace("somebody@example.com", email))
        await site.auth.revocations.sweep()
        assert [(str(session_id), reason) for session_id, reason in site.ended] == [(session["id"], "revoked")]
        assert code_of(await browser.get("/auth/profile")) == "SESSION_ENDED"
        assert code_of(await browser.post("/auth/refresh")) == "SESSION_ENDED"
        assert (await stranger.get("/auth/profile")).status_code == 200


async def test_a_password_is_as_good_after_years(auth_database):
    async with sign_in_server(auth_database) as site:
        browser, email = await site.sign_up()
        site.clock.move(days=3 * 365)
        assert (await login(browser, email)).status_code == 200


async def test_a_new_database_knows_nobody(postgres_dsn, worker_id):
    connection = await asyncpg.connect(await migrated_database(postgres_dsn, f"nobody_{worker_id}"))
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 10
    for (table,) in tables:
        rows = await connection.fetchval(f"SELECT count(*) FROM {table}")
        assert rows == (1 if table == "alembic_version" else 0), table
    await connection.close()


async def test_what_is_old_is_swept_away(postgres_dsn, worker_id):
    tables = ("registrations", "codes", "code_budgets", "sessions", "security_events", "rate_buckets", "login_failures")
    async with sign_in_server(await migrated_database(postgres_dsn, f"swept_{worker_id}")) as site:
        browser, email = await site.sign_up()
        await login(site.browser(), email, "wrong password")
        await browser.post("/auth/reset-password", json={"email": email})
        await site.register(site.browser(), unused_address())
        counts = {table: await site.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
        assert all(counts.values()), counts
        site.clock.move(days=401)
        await site.auth.clean()
        counts = {table: await site.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
        assert not any(counts.values()), counts
        assert (await login(browser, email)).status_code == 200
