"""The contract's rows of `/auth`."""

import base64
import json

from duologue.client.http import Answer
from duologue.conformance.case import case, equal, true
from duologue.conformance.stage import PASSWORD, Stage

LONG = "another long one 7"


def refused(answer: Answer, status: int, code: str | None = None) -> None:
    """An error in the one shape, with that status and code."""
    equal(answer.status, status, "the status")
    body = answer.json
    true(isinstance(body.get("message"), str) and body["message"], "an error has a message")
    true(isinstance(body.get("requestId"), str) and body["requestId"], "an error has a requestId")
    if code is not None:
        equal(body.get("code"), code, "the error's code")


def both_cookies(answer: Answer) -> None:
    """Both cookies are set, HttpOnly."""
    for name in ("accessToken", "refreshToken"):
        true(name in answer.cookies, f"the answer sets {name}")
        true("httponly" in answer.cookies[name].lower(), f"{name} is HttpOnly")


@case("POST /auth/register", needs="mailbox")
async def registering_answers_the_address_and_mails_six_digits(stage: Stage) -> None:
    visitor, email = stage.visitor(), stage.unused_address("new")
    answer = await visitor.post("/auth/register", {"email": email, "password": PASSWORD})
    equal(answer.status, 200, "the status")
    equal(answer.json["email"], email, "the answer's email")
    true(answer.json["message"], "the answer has a message")
    code = await stage.mailed_code(email)
    true(len(code) == 6 and code.isdigit(), "the mailed code has six digits")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    refused(await visitor.post("/auth/verify-otp", {"email": email, "otp": wrong}), 400, "OTP_INVALID")
    right = await visitor.post("/auth/verify-otp", {"email": email, "otp": code})
    equal(right.status, 201, "the status of verify-otp with the right code")
    equal(right.json["user"]["email"], email, "the user's email")
    true(isinstance(right.json["user"]["id"], int), "a user's id is an integer")
    both_cookies(right)


@case("POST /auth/register")
async def a_bad_address_or_a_short_password_is_400(stage: Stage) -> None:
    visitor = stage.visitor()
    refused(await visitor.post("/auth/register", {"email": "nobody", "password": PASSWORD}), 400)
    short = {"email": stage.unused_address("short"), "password": "1234567"}
    refused(await visitor.post("/auth/register", short), 400)


@case("POST /auth/register", grown=True, needs="mailbox")
async def a_taken_address_gets_the_same_answer(stage: Stage) -> None:
    answer = await stage.visitor().post("/auth/register", {"email": stage.ann.email, "password": LONG})
    equal(answer.status, 200, "the status")
    equal(sorted(answer.json), ["email", "message"], "the answer's fields")


@case("POST /auth/resend-otp")
async def asking_for_another_code_is_200_for_any_address(stage: Stage) -> None:
    answer = await stage.visitor().post("/auth/resend-otp", {"email": stage.unused_address("unknown")})
    equal(answer.status, 200, "the status")
    true(answer.json["message"], "the answer has a message")


@case("POST /auth/login")
async def signing_in_sets_both_cookies_and_says_who_it_is(stage: Stage) -> None:
    visitor = stage.visitor()
    answer = await visitor.post("/auth/login", {"email": stage.ann.email, "password": stage.ann.password})
    equal(answer.status, 200, "the status")
    equal(answer.json["user"], {"id": stage.ann.id, "email": stage.ann.email.lower()}, "the user")
    both_cookies(answer)
    header = visitor.token.split(".")[0]
    equal(json.loads(base64.urlsafe_b64decode(header + "=="))["alg"], "HS256", "the token's algorithm")


@case("POST /auth/login")
async def a_wrong_password_and_an_unknown_address_are_the_same_401(stage: Stage) -> None:
    for email in (stage.ann.email, stage.unused_address("unknown")):
        answer = await stage.visitor().post("/auth/login", {"email": email, "password": LONG})
        refused(answer, 401, "INVALID_CREDENTIALS")


@case("POST /auth/refresh")
async def refreshing_sets_two_new_cookies(stage: Stage) -> None:
    caller = await stage.sign_in(stage.ann.email, stage.ann.password)
    before = dict(caller.cookies)
    answer = await caller.post("/auth/refresh")
    equal(answer.status, 200, "the status")
    true(answer.json["message"], "the answer has a message")
    both_cookies(answer)
    for name in ("accessToken", "refreshToken"):
        true(caller.cookies[name] != before[name], f"{name} is a new one")
    equal((await caller.get("/auth/profile")).status, 200, "the profile's status with the new token")


@case("POST /auth/refresh")
async def no_refresh_token_or_a_bad_one_is_401(stage: Stage) -> None:
    refused(await stage.visitor().post("/auth/refresh"), 401)
    refused(await stage.visitor().post("/auth/refresh", headers={"Cookie": "refreshToken=nonsense"}), 401)


@case("Rotation", grown=True)
async def the_previous_token_gives_the_same_successor_byte_for_byte(stage: Stage) -> None:
    caller = await stage.sign_in(stage.ann.email, stage.ann.password)
    old = caller.cookies["refreshToken"]
    equal((await caller.post("/auth/refresh")).status, 200, "the status")
    first = caller.cookies["refreshToken"]
    again = await caller.post("/auth/refresh", headers={"Cookie": f"refreshToken={old}"})
    equal(again.status, 200, "the status of the second refresh")
    equal(caller.cookies["refreshToken"], first, "the successor")


@case("Rotation", grown=True)
async def a_token_older_than_the_previous_one_revokes_the_session(stage: Stage) -> None:
    caller = await stage.sign_in(stage.ann.email, stage.ann.password)
    oldest = caller.cookies["refreshToken"]
    for _ in range(3):
        equal((await caller.post("/auth/refresh")).status, 200, "the status")
    thief = stage.visitor()
    refused(await thief.post("/auth/refresh", headers={"Cookie": f"refreshToken={oldest}"}), 401)
    refused(await caller.post("/auth/refresh"), 401)


@case("POST /auth/logout")
async def signing_out_clears_both_cookies_and_always_succeeds(stage: Stage) -> None:
    caller = await stage.sign_in(stage.ann.email, stage.ann.password)
    refresh = caller.cookies["refreshToken"]
    answer = await caller.post("/auth/logout")
    equal(answer.status, 200, "the status")
    true({"accessToken", "refreshToken"} <= set(answer.cookies), "both cookies are cleared")
    true(not caller.cookies, "no cookie is left")
    equal((await caller.post("/auth/logout")).status, 200, "the status without a session")
    refused(await caller.post("/auth/refresh", headers={"Cookie": f"refreshToken={refresh}"}), 401)


@case("GET /auth/profile")
async def the_profile_says_who_is_signed_in(stage: Stage) -> None:
    answer = await stage.ann.get("/auth/profile")
    equal(answer.status, 200, "the status")
    user = answer.json["user"]
    equal((user["id"], user["email"]), (stage.ann.id, stage.ann.email.lower()), "the user")
    true(user["createdAt"].endswith("Z") and len(user["createdAt"]) == 24, "createdAt is UTC with milliseconds")
    true({"lastSeenAt", "displayName"} <= set(user), "lastSeenAt and displayName are there")


@case("Who is calling over HTTP")
async def the_cookie_decides_before_the_bearer_and_a_token_in_the_address_does_not_count(stage: Stage) -> None:
    visitor, token = stage.visitor(), stage.ann.token
    bearer = {"Authorization": f"Bearer {token}"}
    equal((await visitor.get("/auth/profile", bearer)).status, 200, "the status with a bearer token")
    bad_cookie = bearer | {"Cookie": "accessToken=nonsense"}
    refused(await visitor.get("/auth/profile", bad_cookie), 401, "INVALID_TOKEN")
    refused(await visitor.get("/auth/profile", token=token), 401, "NO_TOKEN")


@case("Who is calling over HTTP", grown=True)
async def a_foreign_page_is_refused(stage: Stage) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = await stage.ann.post("/msg/room", {"otherUserId": stage.ben.id}, headers)
    refused(answer, 403, "ORIGIN_NOT_ALLOWED")


@case("Errors")
async def bad_input_is_a_400_that_names_each_field(stage: Stage) -> None:
    visitor = stage.visitor()
    refused(await visitor.post("/auth/login", b"{"), 400, "INVALID_JSON")
    answer = await visitor.post("/auth/login", {"email": 5})
    refused(answer, 400, "INVALID_INPUT")
    equal(sorted(detail["field"] for detail in answer.json["details"]), ["email", "password"], "the named fields")


@case("Errors")
async def an_unknown_field_of_a_body_is_ignored(stage: Stage) -> None:
    body = {"email": stage.ann.email, "password": stage.ann.password, "unheardOf": [1]}
    equal((await stage.visitor().post("/auth/login", body)).status, 200, "the status")


@case("GET, DELETE /auth/sessions", grown=True)
async def a_device_can_be_seen_and_signed_out(stage: Stage) -> None:
    other = await stage.sign_in(stage.ann.email, stage.ann.password)
    mine = [each["id"] for each in (await other.get("/auth/sessions")).json["sessions"] if each["current"]]
    equal(len(mine), 1, "the number of current sessions")
    seen = {each["id"] for each in (await stage.ann.get("/auth/sessions")).json["sessions"]}
    true(mine[0] in seen, "the other device is listed")
    equal((await stage.ann.request("DELETE", f"/auth/sessions/{mine[0]}")).status, 200, "the status")
    refused(await other.post("/auth/refresh"), 401)


@case("GET /auth/security-events, GET /auth/export", grown=True)
async def a_user_sees_the_own_history_and_data(stage: Stage) -> None:
    events = await stage.ann.get("/auth/security-events")
    equal(events.status, 200, "the status of security-events")
    true(events.json["events"], "there are events")
    export = await stage.ann.get("/auth/export")
    equal(export.status, 200, "the status of export")
    equal(export.json["user"]["id"], stage.ann.id, "the user of the export")


@case("POST /auth/reset-password, set-new-password", needs="mailbox")
async def a_forgotten_password_is_replaced_and_every_session_ends(stage: Stage) -> None:
    person = await stage.sign_up("forgetful")
    same = await stage.visitor().post("/auth/reset-password", {"email": stage.unused_address("unknown")})
    equal(same.status, 200, "the status for an unknown address")
    answer = await stage.visitor().post("/auth/reset-password", {"email": person.email})
    equal((answer.status, answer.json), (200, same.json), "the answer")
    mails = (await stage.visitor().get("/dev/mailbox.json", to=person.email)).json
    code = await stage.mailed_code(person.email, but=str(mails[-1].get("code", "")))
    body = {"email": person.email, "otp": code, "newPassword": LONG}
    equal((await stage.visitor().post("/auth/set-new-password", body)).status, 200, "the status")
    refused(await person.post("/auth/refresh"), 401)
    again = await stage.sign_in(person.email, LONG)
    other = await stage.sign_in(person.email, LONG)
    change = {"password": LONG, "newPassword": PASSWORD}
    equal((await again.post("/auth/change-password", change)).status, 200, "the status of change-password")
    refused(await other.post("/auth/refresh"), 401)
    equal((await again.post("/auth/refresh")).status, 200, "the status of the session that changed it")
    erased = await again.post("/auth/delete-account", {"password": PASSWORD})
    equal(erased.status, 200, "the status of delete-account")
    refused(await stage.visitor().post("/auth/login", {"email": person.email, "password": PASSWORD}), 401)
