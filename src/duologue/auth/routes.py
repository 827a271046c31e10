"""HTTP: signing in and out. Thin: cookies in, cookies out."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.di import Provide
from litestar.params import JSONBody

from duologue.auth.account_routes import ACCOUNT_HANDLERS
from duologue.auth.answers import errors, profile_view
from duologue.auth.authenticator import Authenticator
from duologue.auth.cookies import HANDLE, REFRESH
from duologue.auth.guards import access_token
from duologue.auth.needs import (
    Caller,
    TheAccounts,
    TheAuthenticator,
    TheClient,
    TheCookies,
    TheRegistrations,
    TheSessions,
    TheSignIn,
)
from duologue.auth.registration import REGISTRATION_LIFETIME, SignedInAccount
from duologue.errors import AppError
from duologue.identity import Identity
from duologue.wire.accounts import (
    Account,
    Credentials,
    Done,
    EmailRequest,
    ProfileAnswer,
    RegisterAnswer,
    SignedIn,
    VerifyRequest,
)

__all__ = ["router"]

OPEN: list[dict[str, list[str]]] = [{}]  # needs no signing in
BODY = (400, 403, 413, 415, 429, 503)  # what any handler with a body may answer


@post(
    "/register",
    status_code=200,
    summary="Register an address; a code is mailed to it",
    responses=errors(*BODY),
    security=OPEN,
)
async def register(
    data: JSONBody[Credentials],
    request: Request[Any, Any, Any],
    registrations: TheRegistrations,
    client: TheClient,
    cookie_jar: TheCookies,
) -> Response[RegisterAnswer]:
    """The same answer whether the address is new, pending or taken. The cookie binds this browser to the code."""
    registered = await registrations.register(data.email, data.password, request.cookies.get(HANDLE), client)
    cookie = cookie_jar.handle(registered.handle, int(REGISTRATION_LIFETIME.total_seconds()))
    return Response(RegisterAnswer("A code is on its way to your address.", registered.email), cookies=[cookie])


@post(
    "/resend-otp",
    status_code=200,
    summary="Mail another registration code",
    responses=errors(*BODY),
    security=OPEN,
)
async def resend_otp(
    data: JSONBody[EmailRequest],
    request: Request[Any, Any, Any],
    registrations: TheRegistrations,
    client: TheClient,
) -> Done:
    """Sixty seconds apart, three an hour, eight a day; the same answer for every address."""
    await registrations.resend(data.email, request.cookies.get(HANDLE), client)
    return Done("If this address waits for a code, another one is on its way.")


@post(
    "/verify-otp",
    status_code=201,
    summary="Confirm an address with its code, and sign in",
    responses=errors(*BODY),
    security=OPEN,
)
async def verify_otp(
    data: JSONBody[VerifyRequest],
    request: Request[Any, Any, Any],
    registrations: TheRegistrations,
    accounts: TheAccounts,
    authenticator: TheAuthenticator,
    client: TheClient,
    cookie_jar: TheCookies,
) -> Response[SignedIn]:
    """Five tries a code, fifteen a day an address. For a signed-in user it also confirms a change of address."""
    identity = optional_identity(request, authenticator)
    if identity is not None:
        moved = await accounts.confirm_email_change(identity, data.email, data.otp, client)
        if moved is not None:
            answer = SignedIn("Your address is changed.", Account(moved.id, moved.email))
            return Response(answer, status_code=201)
    handle = request.cookies.get(HANDLE)
    confirmed = await registrations.confirm(data.email, data.otp, handle, client)
    used = [cookie_jar.handle("", 0)] if handle else []
    return signed_in("Your address is confirmed; you are signed in.", confirmed, cookie_jar, 201, used)


@post(
    "/login",
    status_code=200,
    summary="Sign in",
    responses=errors(*BODY, 401),
    security=OPEN,
)
async def login(
    data: JSONBody[Credentials],
    request: Request[Any, Any, Any],
    sign_in: TheSignIn,
    client: TheClient,
    cookie_jar: TheCookies,
) -> Response[SignedIn]:
    """Sets both cookies. 403 EMAIL_NOT_VERIFIED only after the right password of a pending registration."""
    account = await sign_in.login(data.email, data.password, request.cookies.get(HANDLE), client)
    return signed_in("You are signed in.", account, cookie_jar, 200)


@post(
    "/refresh",
    status_code=200,
    summary="Swap the refresh token for the next pair",
    responses=errors(400, 401, 403, 413, 415, 503),
    security=OPEN,
)
async def refresh(
    request: Request[Any, Any, Any],
    sessions: TheSessions,
    client: TheClient,
    cookie_jar: TheCookies,
) -> Response[Done]:
    """Within 30 s the same token gives the same successor. A refusal leaves the cookies alone: a tab may have won."""
    pair = await sessions.refresh(request.cookies.get(REFRESH), client)
    return Response(Done("Your session goes on."), cookies=cookie_jar.signed_in(pair))


@post(
    "/logout",
    status_code=200,
    summary="Sign out",
    responses=errors(400, 403, 413, 415, 503),
    security=OPEN,
)
async def logout(
    request: Request[Any, Any, Any],
    sessions: TheSessions,
    client: TheClient,
    cookie_jar: TheCookies,
) -> Response[Done]:
    """Ends the session, closes its sockets and clears both cookies; also without a session, and twice."""
    await sessions.sign_out(request.cookies.get(REFRESH), access_token(request), client)
    return Response(Done("You are signed out."), cookies=cookie_jar.signed_out())


@get("/profile", summary="The signed-in user", responses=errors(401, 503))
async def profile(identity: Caller, accounts: TheAccounts) -> ProfileAnswer:
    """Who the access token belongs to."""
    return ProfileAnswer(profile_view(await accounts.profile(identity.user_id)))


def optional_identity(request: Request[Any, Any, Any], authenticator: Authenticator) -> Identity | None:
    """The caller, if signed in."""
    try:
        return authenticator.authenticate(access_token(request))
    except AppError:
        return None


def signed_in(
    message: str,
    account: SignedInAccount,
    cookie_jar: TheCookies,
    status: int,
    more: Sequence[Cookie] = (),
) -> Response[SignedIn]:
    """Who it is, and both cookies."""
    answer = SignedIn(message, Account(account.account.id, account.account.email))
    return Response(answer, status_code=status, cookies=[*cookie_jar.signed_in(account.tokens), *more])


def router(dependencies: Mapping[str, Provide]) -> Router:
    """The routes below `/auth`, with the services they want by name."""
    handlers = [register, resend_otp, verify_otp, login, refresh, logout, profile, *ACCOUNT_HANDLERS]
    return Router("/auth", route_handlers=handlers, dependencies=dependencies, tags=["Authentication"])
