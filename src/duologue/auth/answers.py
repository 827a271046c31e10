"""Rows as the wire shows them, and the answers every handler declares."""

from collections.abc import Callable
from uuid import UUID

from litestar.openapi import ResponseSpec

from duologue.auth.accounts_store import AccountRow
from duologue.auth.audit_store import EventRow
from duologue.auth.client import describe_device
from duologue.auth.sessions_store import SessionRow
from duologue.wire.accounts import Profile, SecurityEvent, Session
from duologue.wire.base import rfc3339
from duologue.wire.errors import ErrorBody

__all__ = ["errors", "event_view", "profile_view", "session_view"]

DESCRIPTIONS = {
    400: "Invalid input; `details` says which field",
    401: "Not signed in, or wrong credentials",
    403: "Refused, or a foreign page asked",
    404: "There is no such thing of yours",
    413: "The body is too large",
    415: "The body is no JSON",
    429: "Too many tries; `Retry-After` says when to come back",
    503: "Busy; `Retry-After` says when to come back",
}


def errors(*statuses: int) -> dict[int, ResponseSpec]:
    """Declares error answers for OpenAPI."""
    return {
        status: ResponseSpec(ErrorBody, description=DESCRIPTIONS[status], generate_examples=False)
        for status in sorted(statuses)
    }


def profile_view(account: AccountRow) -> Profile:
    """The user to themselves."""
    return Profile(
        id=account.id,
        email=account.email,
        created_at=rfc3339(account.created_at),
        last_seen_at=rfc3339(account.last_seen_at) if account.last_seen_at else None,
        display_name=account.display_name,
    )


def session_view(row: SessionRow, current: UUID, sockets: Callable[[UUID], int]) -> Session:
    """A session to its owner."""
    return Session(
        id=str(row.id),
        device=describe_device(row.user_agent),
        user_agent=row.user_agent,
        address=row.address,
        created_at=rfc3339(row.created_at),
        last_used_at=rfc3339(row.last_used_at),
        expires_at=rfc3339(row.absolute_expires_at),
        sockets=sockets(row.id),
        current=row.id == current,
    )


def event_view(row: EventRow) -> SecurityEvent:
    """A security event to its user."""
    return SecurityEvent(
        id=str(row.id),
        event=row.event,
        session_id=str(row.session_id) if row.session_id else None,
        address=row.address,
        user_agent=row.user_agent,
        detail=row.detail,
        at=rfc3339(row.at),
    )
