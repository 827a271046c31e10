"""HTTP: what people do with their account and their sessions."""

from typing import Annotated, Any
from uuid import UUID

from litestar import MediaType, Response, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, Parameter
from litestar.response import Stream

from duologue.auth.answers import errors, event_view, profile_view, session_view
from duologue.auth.export import write_document
from duologue.auth.needs import Caller, TheAccounts, TheClient, TheCookies, TheSessions
from duologue.errors import AppError, Code
from duologue.wire.accounts import (
    ChangeEmailRequest,
    ChangePasswordRequest,
    Done,
    EmailRequest,
    EndedSessions,
    Export,
    NewPasswordRequest,
    PasswordRequest,
    SecurityEventList,
    SessionList,
)

__all__ = ["ACCOUNT_HANDLERS"]

EVENTS_PAGE = 50
EventsLimit = Annotated[int, Parameter(ge=1, le=200, description="how many events at the most")]
EventsBefore = Annotated[UUID | None, Parameter(description="the id of the last event of the page before")]
SessionId = Annotated[UUID, Parameter(description="the session's id")]
BODY = (400, 403, 413, 415, 429, 503)


@post(
    "/reset-password",
    status_code=200,
    summary="Mail a code for a new password",
    responses=errors(*BODY),
    security=[{}],
)
async def reset_password(data: JSONBody[EmailRequest], accounts: TheAccounts, client: TheClient) -> Done:
    """The same answer for an unknown address."""
    await accounts.request_reset(data.email, client)
    return Done("If there is an account with this address, a code is on its way.")


@post(
    "/set-new-password",
    status_code=200,
    summary="Set a new password with the code of a reset",
    responses=errors(*BODY),
    security=[{}],
)
async def set_new_password(data: JSONBody[NewPasswordRequest], accounts: TheAccounts, client: TheClient) -> Done:
    """Ends every session of the user."""
    await accounts.set_new_password(data.email, data.otp, data.new_password, client)
    return Done("Your password is changed; sign in with it.")


@post(
    "/change-password",
    status_code=200,
    summary="Change the password",
    responses=errors(*BODY, 401),
)
async def change_password(
    data: JSONBody[ChangePasswordRequest],
    accounts: TheAccounts,
    identity: Caller,
    client: TheClient,
) -> Done:
    """Ends every other session of the user."""
    await accounts.change_password(identity, data.password, data.new_password, client)
    return Done("Your password is changed; your other devices are signed out.")


@post(
    "/change-email",
    status_code=200,
    summary="Mail a code to a new address",
    responses=errors(*BODY, 401),
)
async def change_email(
    data: JSONBody[ChangeEmailRequest],
    accounts: TheAccounts,
    identity: Caller,
    client: TheClient,
) -> Done:
    """The address changes when the code comes back through `POST /auth/verify-otp`, signed in; the old one is told."""
    await accounts.request_email_change(identity, data.password, data.email, client)
    return Done("A code is on its way to the new address.")


@get("/sessions", summary="Where the user is signed in", responses=errors(401, 503))
async def list_sessions(sessions: TheSessions, identity: Caller) -> SessionList:
    """The last used first."""
    rows = await sessions.list(identity.user_id)
    return SessionList([session_view(row, identity.session_id, sessions.live_sockets) for row in rows])


@delete(
    "/sessions/{session_id:uuid}",
    status_code=200,
    summary="Sign out one session",
    responses=errors(400, 401, 403, 404, 503),
)
async def end_session(
    session_id: SessionId,
    sessions: TheSessions,
    identity: Caller,
    client: TheClient,
) -> Done:
    """Its sockets close within a second."""
    if not await sessions.end(session_id, "revoked", client, user_id=identity.user_id):
        raise AppError(Code.NOT_FOUND, "You have no such session.")
    return Done("The session is signed out.")


@delete(
    "/sessions",
    status_code=200,
    summary="Sign out all other sessions",
    responses=errors(400, 401, 403, 503),
)
async def end_other_sessions(sessions: TheSessions, identity: Caller, client: TheClient) -> EndedSessions:
    """All but the one that asks."""
    ended = await sessions.end_others(identity.user_id, identity.session_id, client)
    return EndedSessions("Your other sessions are signed out.", ended)


@post(
    "/delete-account",
    status_code=200,
    summary="Erase the account",
    responses=errors(*BODY, 401),
)
async def delete_account(
    data: JSONBody[PasswordRequest],
    accounts: TheAccounts,
    identity: Caller,
    client: TheClient,
    cookie_jar: TheCookies,
) -> Response[Done]:
    """Ends every session; messages stay for the other side, without author data. Not to be undone."""
    await accounts.erase(identity, data.password, client)
    return Response(Done("Your account is erased."), cookies=cookie_jar.signed_out())


@get(
    "/export",
    media_type=MediaType.JSON,
    summary="All data about the user",
    responses=errors(401, 429, 503)
    | {200: ResponseSpec(Export, description="One document, to take along", generate_examples=False)},
)
async def export(
    accounts: TheAccounts,
    sessions: TheSessions,
    identity: Caller,
    client: TheClient,
) -> Stream:
    """As one JSON document, with both sides of the user's conversations; ten an hour."""
    found = await accounts.export(identity, client)
    head = {
        "user": profile_view(found.account),
        "sessions": [session_view(row, identity.session_id, sessions.live_sockets) for row in found.sessions],
        "securityEvents": [event_view(row) for row in found.events],
    }
    return Stream(
        write_document(head, found.sources, found.account.id),
        media_type=MediaType.JSON,
        headers={"Content-Disposition": 'attachment; filename="duologue-export.json"'},
    )


@get("/security-events", summary="The user's own security history", responses=errors(400, 401, 503))
async def security_events(
    accounts: TheAccounts,
    identity: Caller,
    limit: EventsLimit = EVENTS_PAGE,
    before: EventsBefore = None,
) -> SecurityEventList:
    """Newest first."""
    rows = await accounts.security_events(identity.user_id, limit, before)
    return SecurityEventList([event_view(row) for row in rows])


ACCOUNT_HANDLERS: list[Any] = [
    reset_password,
    set_new_password,
    change_password,
    change_email,
    list_sessions,
    end_session,
    end_other_sessions,
    delete_account,
    export,
    security_events,
]
