"""A session: who is signed in, and requests in their name. Tokens are refreshed silently, one refresh at a time."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from duologue.client.backoff import Backoff
from duologue.client.errors import ApiError, LinkError, SignedOut
from duologue.client.http import Answer, Http
from duologue.errors import Code
from duologue.wire.accounts import Account, Profile, ProfileAnswer, RegisterAnswer, SignedIn
from duologue.wire.errors import ErrorBody

__all__ = ["Session"]

ACCESS: Final = "accessToken"
REFRESH: Final = "refreshToken"
EARLY = 30.0  # seconds before a token runs out in which it is refreshed rather than used
TRIES = 4  # of a refresh whose answer was lost; the server gives the same successor again

T = TypeVar("T")


class Session:
    """One person's sign-in on one server."""

    def __init__(self, http: Http, backoff: Backoff) -> None:
        self.http = http
        self.account: Account | None = None
        """Who is signed in, as the last sign-in said."""
        self._backoff = backoff
        self._refreshing = asyncio.Lock()
        self._refreshes = 0

    # Signing in and out

    async def register(self, email: str, password: str) -> str:
        """Ask for an account; a code is mailed. Returns the address as it will be stored."""
        answer = await self.open("POST", "/auth/register", {"email": email, "password": password})
        return decode(answer, RegisterAnswer).email

    async def resend(self, email: str) -> None:
        """Ask for another code: sixty seconds after the last one, three an hour."""
        await self.open("POST", "/auth/resend-otp", {"email": email})

    async def verify(self, email: str, code: str) -> Account:
        """Confirm a registration with its mailed code; that signs in."""
        return self._signed_in(await self.open("POST", "/auth/verify-otp", {"email": email, "otp": code}))

    async def sign_in(self, email: str, password: str) -> Account:
        """Sign in. `ApiError` with `INVALID_CREDENTIALS`, `EMAIL_NOT_VERIFIED` or `RATE_LIMITED` says why not."""
        return self._signed_in(await self.open("POST", "/auth/login", {"email": email, "password": password}))

    async def adopt(self, *, access: str, refresh: str | None = None) -> Account:
        """Go on with tokens from elsewhere: a sign-in of one's own make, or one that was kept."""
        self.http.cookies.set(ACCESS, access)
        if refresh is not None:
            self.http.cookies.set(REFRESH, refresh, "/auth")
        profile = await self.profile()
        self.account = Account(profile.id, profile.email)
        return self.account

    async def sign_out(self) -> None:
        """End the session; its sockets close. Without an answer the tokens are forgotten all the same."""
        try:
            await self.open("POST", "/auth/logout")
        finally:
            self.forget()

    async def reset_password(self, email: str) -> None:
        """Have a code mailed with which a new password can be set."""
        await self.open("POST", "/auth/reset-password", {"email": email})

    async def set_new_password(self, email: str, code: str, password: str) -> None:
        """Set it. Every session of the account ends."""
        await self.open("POST", "/auth/set-new-password", {"email": email, "otp": code, "newPassword": password})

    async def profile(self) -> Profile:
        """The account as the server knows it."""
        return (await self.ask("GET", "/auth/profile", ProfileAnswer)).user

    def expire(self, token: str) -> None:
        """The server takes this access token no longer: unless there is a newer one, a refresh comes next."""
        if self.http.cookies.get(ACCESS) == token:
            self.http.cookies.drop(ACCESS)

    def forget(self) -> None:
        """Drop the tokens."""
        self.http.cookies.clear()
        self.account = None

    def _signed_in(self, answer: Answer) -> Account:
        self.account = decode(answer, SignedIn).user
        return self.account

    # Tokens

    async def token(self) -> str:
        """An access token that is good for a while yet. `SignedOut` when there can be none."""
        cookies = self.http.cookies
        if cookies.seconds_left(ACCESS) <= EARLY:
            await self.refresh()
        token = cookies.get(ACCESS)
        if token is None:
            raise SignedOut(Code.NO_TOKEN, "Nobody is signed in.", status=401)
        return token

    async def refresh(self) -> None:
        """Swap the tokens for the next pair. Whoever comes while that is under way waits for it and gets its outcome.

        A lost answer is asked for again: the server knows that the successor was never used, and gives it once more.
        `SignedOut` when the session is over; `LinkError` when the server stays away.
        """
        before = self._refreshes
        async with self._refreshing:
            if self._refreshes != before:
                return
            for failures in range(1, TRIES + 1):
                try:
                    answer = await self.http.request("POST", "/auth/refresh")
                except LinkError:
                    if failures == TRIES:
                        raise
                    await asyncio.sleep(self._backoff.seconds(failures))
                    continue
                if answer.status == 401:
                    self.forget()
                    refusal = refused(answer)
                    raise SignedOut(refusal.code, refusal.message, status=401)
                check(answer)
                self._refreshes += 1
                return

    # Requests

    async def open(self, method: str, path: str, body: object = None) -> Answer:
        """A request that needs no sign-in. `ApiError` for every refusal."""
        return check(await self.http.request(method, path, body))

    async def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request in the person's name; when its token has run out, once more with the next one."""
        token = await self.token()
        answer = await self.http.request(method, path, body, headers)
        if answer.status == 401 and refused(answer).code in (Code.TOKEN_EXPIRED, Code.NO_TOKEN, Code.INVALID_TOKEN):
            if self.http.cookies.get(ACCESS) in (token, None):
                await self.refresh()
            answer = await self.http.request(method, path, body, headers)
        return check(answer)

    async def ask(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        """A request in the person's name, its answer read as a type of `duologue.wire`."""
        return decode(await self.request(method, path, body), kind)


def decode(answer: Answer, kind: type[T]) -> T:
    """The body of an answer as a type of `duologue.wire`."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError as error:
        raise ApiError("", f"The answer is none of Duologue's: {error}", status=answer.status) from None


def check(answer: Answer) -> Answer:
    """The answer, if it is no refusal."""
    if answer.status >= 400:
        raise refused(answer)
    return answer


def refused(answer: Answer) -> ApiError:
    """What a refusal says."""
    wait = None
    with contextlib.suppress(ValueError):  # a proxy may say a date
        wait = float(answer.headers.get("retry-after", "-"))
    try:
        body = msgspec.json.decode(answer.body, type=ErrorBody)
    except msgspec.DecodeError:
        return ApiError("", f"The server answered {answer.status}.", status=answer.status, retry_after=wait)
    details = () if body.details is msgspec.UNSET else body.details
    kind = SignedOut if body.code == Code.SESSION_ENDED else ApiError
    return kind(body.code, body.message, status=answer.status, details=details, retry_after=wait)
