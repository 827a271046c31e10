"""Who is calling over HTTP."""

from typing import Any

from litestar import Request

from duologue.auth.client import Client
from duologue.auth.cookies import ACCESS
from duologue.auth.needs import TheAuthenticator, TheClientReader, TheConfirmations
from duologue.identity import Identity

__all__ = ["access_token", "provide_client", "provide_identity"]


def access_token(request: Request[Any, Any, Any]) -> str | None:
    """The cookie, then `Authorization: Bearer`: the first one present decides, also when it is no good."""
    if token := request.cookies.get(ACCESS):
        return token
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def provide_identity(
    request: Request[Any, Any, Any],
    authenticator: TheAuthenticator,
    confirmations: TheConfirmations,
) -> Identity:
    """The caller, or 401."""
    identity = authenticator.authenticate(access_token(request))
    request.scope["state"]["user_id"] = identity.user_id  # for the log
    await confirmations.confirm(identity)
    return identity


def provide_client(request: Request[Any, Any, Any], client_reader: TheClientReader) -> Client:
    """Where the request comes from."""
    return client_reader.read(request)
