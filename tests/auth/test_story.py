"""Register, confirm, sign in, go on, sign out."""

from tests.auth.serving import code_of, login, unused_address, verify
from tests.harness.people import PASSWORD


async def test_a_person_registers_confirms_refreshes_and_signs_out(site):
    email = unused_address()
    browser = site.browser()
    answer = await browser.post("/auth/register", json={"email": email.upper(), "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json() == {"message": answer.json()["message"], "email": email}
    assert code_of(await browser.get("/auth/profile")) == "NO_TOKEN"

    answer = await verify(browser, email, await site.code(email))
    assert answer.status_code == 201
    assert answer.json()["user"]["email"] == email
    assert {"accessToken", "refreshToken"} <= set(answer.cookies)
    profile = (await browser.get("/auth/profile")).json()["user"]
    assert profile["email"] == email
    assert profile["createdAt"].endswith("Z")

    before = dict(browser.cookies)
    assert (await browser.post("/auth/refresh")).status_code == 200
    assert browser.cookies["accessToken"] != before["accessToken"]
    assert browser.cookies["refreshToken"] != before["refreshToken"]
    assert (await browser.get("/auth/profile")).status_code == 200

    token = browser.cookies["accessToken"]
    answer = await browser.post("/auth/logout")
    assert answer.status_code == 200
    assert not {"accessToken", "refreshToken"} & set(browser.cookies)
    answer = await browser.get("/auth/profile", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, code_of(answer)) == (401, "SESSION_ENDED")

    answer = await login(browser, email)
    assert answer.status_code == 200
    assert answer.json()["user"] == {"id": profile["id"], "email": email}


async def test_the_first_token_present_decides_and_a_query_is_no_place_for_one(site):
    browser, _ = await site.sign_up()
    token = browser.cookies["accessToken"]
    stranger = site.browser()
    assert (await stranger.get("/auth/profile", headers={"authorization": f"Bearer {token}"})).status_code == 200
    answer = await stranger.get(
        "/auth/profile", headers={"authorization": f"Bearer {token}", "cookie": "accessToken=nonsense"}
    )
    assert (answer.status_code, code_of(answer)) == (401, "INVALID_TOKEN")
    assert code_of(await stranger.get("/auth/profile", params={"token": token})) == "NO_TOKEN"


async def test_logout_always_succeeds(site):
    stranger = site.browser()
    assert (await stranger.post("/auth/logout")).status_code == 200
    browser, _ = await site.sign_up()
    cookies = dict(browser.cookies)
    site.clock.move(minutes=16)
    assert code_of(await browser.get("/auth/profile")) == "TOKEN_EXPIRED"
    for _ in range(2):
        header = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        assert (await browser.post("/auth/logout", headers=header)).status_code == 200
    answer = await browser.post("/auth/refresh", headers={"cookie": f"refreshToken={cookies['refreshToken']}"})
    assert (answer.status_code, code_of(answer)) == (401, "SESSION_ENDED")


async def test_logout_with_an_expired_access_token_alone_ends_its_session(site):
    browser, _ = await site.sign_up()
    refresh_token = browser.cookies["refreshToken"]
    header = {"authorization": f"Bearer {browser.cookies['accessToken']}"}
    site.clock.move(hours=1)
    assert (await site.browser().post("/auth/logout", headers=header)).status_code == 200
    answer = await browser.post("/auth/refresh", headers={"cookie": f"refreshToken={refresh_token}"})
    assert code_of(answer) == "SESSION_ENDED"


async def test_garbage_for_tokens_still_signs_out(site):
    header = {"cookie": "accessToken=x; refreshToken=y", "authorization": "Bearer z"}
    assert (await site.browser().post("/auth/logout", headers=header)).status_code == 200
