"""Any order of refreshes, lost answers, replays, sign-outs and revocations keeps the promises of a session.

The model is the contract's paragraph on rotation, written down a second time.
"""

import asyncio
import base64
import json
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.auth.serving import login, refresh, sign_in_server

pytestmark = pytest.mark.early

GRACE, LOST_ANSWER = 30, 600


@dataclass
class Token:
    """A refresh token and its access token, as some client received them."""

    refresh: str
    access: str

    def claim(self, name, token=None):
        payload = (token or self.refresh).split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))[name]

    @property
    def generation(self):
        return self.claim("gen")


class Model:
    """What the contract says of one session."""

    def __init__(self, now):
        self.generation, self.parent, self.rotated_at, self.confirmed, self.ended = 1, 0, now, True, False

    def refresh(self, presented, now):
        """The generation handed out, or the error."""
        if self.ended:
            return "SESSION_ENDED"
        if presented == self.generation:
            self.parent, self.generation, self.rotated_at, self.confirmed = presented, presented + 1, now, False
        elif presented == self.parent and now < self.rotated_at + GRACE:
            pass
        elif (
            presented == self.parent
            and not self.confirmed
            and self.generation == self.parent + 1
            and now < self.rotated_at + LOST_ANSWER
        ):
            self.generation, self.rotated_at = self.generation + 1, now
        else:
            self.ended = True
            return "REFRESH_REUSED"
        return self.generation


@pytest.mark.parametrize(
    "examples", [pytest.param(8, marks=pytest.mark.thorough), pytest.param(100, marks=pytest.mark.long)]
)
async def test_a_session_keeps_its_promises_in_any_order(examples, auth_database):
    async with sign_in_server(auth_database, rate_limits=0) as site:
        loop = asyncio.get_running_loop()
        _, email = await site.sign_up()

        class Session(RuleBasedStateMachine):
            """One session, and everyone who holds tokens of it."""

            def run(self, work):
                return asyncio.run_coroutine_threadsafe(work, loop).result(30)

            @property
            def now(self):
                return site.clock.now.timestamp()

            @initialize()
            def sign_in(self):
                self.browser = site.browser()
                answer = self.run(login(self.browser, email))
                self.tokens = [Token(answer.cookies["refreshToken"], answer.cookies["accessToken"])]
                self.model = Model(self.now)

            def check(self, answer: httpx.Response, expected):
                """The answer is what the model expects; a new token is remembered."""
                if isinstance(expected, str):
                    assert (answer.status_code, answer.json()["code"]) == (401, expected)
                    assert "set-cookie" not in answer.headers
                    return
                assert answer.status_code == 200
                token = Token(answer.cookies["refreshToken"], answer.cookies["accessToken"])
                assert token.generation == expected
                same = [known for known in self.tokens if known.generation == expected]
                assert not same or same == [token]
                if not same:
                    self.tokens.append(token)

            def expected(self, token):
                return self.model.refresh(token.generation, self.now)

            def live(self, token):
                return token.claim("exp") > self.now

            @rule(age=st.integers(0, 3), copies=st.sampled_from([1, 1, 1, 2, 5]))
            def present(self, age, copies):
                """Some holder refreshes, perhaps several times at once; also with old tokens."""
                token = self.tokens[max(0, len(self.tokens) - 1 - age)]
                if not self.live(token):
                    return

                async def at_once():
                    return await asyncio.gather(*(refresh(self.browser, token.refresh) for _ in range(copies)))

                answers = self.run(at_once())
                expected = [self.expected(token) for _ in answers]
                for answer, outcome in zip(
                    sorted(answers, key=lambda each: each.text), sorted(expected, key=str), strict=True
                ):
                    self.check(answer, outcome)

            @rule()
            def lose_an_answer(self):
                """The newest token is presented, and nobody hears the answer."""
                token = self.tokens[-1]
                if self.live(token):
                    answer = self.run(refresh(self.browser, token.refresh))
                    outcome = self.expected(token)
                    assert answer.status_code == (401 if isinstance(outcome, str) else 200)

            @rule()
            def use(self):
                """The newest access token anyone received is used."""
                token = self.tokens[-1]
                header = {"cookie": f"accessToken={token.access}"}
                answer = self.run(self.browser.get("/auth/profile", headers=header))
                if token.claim("exp", token.access) <= self.now:
                    assert answer.json()["code"] == "TOKEN_EXPIRED"
                elif self.model.ended:
                    assert answer.json()["code"] == "SESSION_ENDED"
                else:
                    assert answer.status_code == 200
                    if token.generation == self.model.generation:
                        self.model.confirmed = True

            @rule(seconds=st.sampled_from([1, 10, 29, 31, 120, 599, 601, 3_600, 86_400]))
            def wait(self, seconds):
                site.clock.move(seconds=seconds)

            @rule(seconds=st.sampled_from([29, 31, 599, 601]))
            def come_back_with_the_parent(self, seconds):
                """New tokens are in use, and a while later somebody has the ones before: what tells theft from a lost
                answer, and what chance alone seldom finds."""
                if self.model.ended:
                    self.sign_in()
                self.present(age=0, copies=1)
                self.use()
                self.wait(seconds=seconds)
                self.present(age=1, copies=1)

            @rule(seconds=st.sampled_from([29, 31, 299]))
            def recover_twice(self, seconds):
                """An answer is lost and asked for again, and once more."""
                if self.model.ended:
                    self.sign_in()
                self.lose_an_answer()
                for age in (0, 1):
                    self.wait(seconds=seconds)
                    self.present(age=age, copies=1)

            @rule(age=st.integers(0, 3))
            def sign_out(self, age):
                """With any token of the family."""
                token = self.tokens[max(0, len(self.tokens) - 1 - age)]
                header = {"cookie": f"refreshToken={token.refresh}"}
                assert self.run(self.browser.post("/auth/logout", headers=header)).status_code == 200
                self.model.ended = True

            @precondition(lambda self: not self.model.ended)
            @rule()
            def revoke(self):
                """From another device."""
                other = site.browser()
                self.run(login(other, email))
                self.run(other.delete(f"/auth/sessions/{self.tokens[0].claim('sid')}"))
                self.model.ended = True

            @invariant()
            def the_row_is_the_model(self):
                row = self.run(
                    site.pool.fetchrow(
                        "SELECT generation, parent_generation, confirmed, ended_at IS NOT NULL AS ended "
                        "FROM sessions WHERE id = $1",
                        self.tokens[0].claim("sid"),
                    )
                )
                assert row["ended"] == self.model.ended
                if not self.model.ended:
                    expected = (self.model.generation, self.model.parent, self.model.confirmed)
                    assert (row["generation"], row["parent_generation"], row["confirmed"]) == expected

        limits = settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        await asyncio.to_thread(run_state_machine_as_test, Session, settings=limits)
