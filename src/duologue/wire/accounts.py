"""Requests and answers of sign-in."""

from typing import Annotated

from msgspec import Meta

from duologue.wire.base import Timestamp, Wire
from duologue.wire.rooms import Message

__all__ = [
    "Account",
    "ChangeEmailRequest",
    "ChangePasswordRequest",
    "Credentials",
    "Done",
    "EmailRequest",
    "EndedSessions",
    "Export",
    "ExportedBlock",
    "ExportedEdit",
    "ExportedPeer",
    "ExportedRoom",
    "NewPasswordRequest",
    "PasswordRequest",
    "Profile",
    "ProfileAnswer",
    "RegisterAnswer",
    "SecurityEvent",
    "SecurityEventList",
    "Session",
    "SessionList",
    "SignedIn",
    "VerifyRequest",
]

# Bounds of what is looked at at all; what is refused beyond that says the answer.
Email = Annotated[
    str,
    Meta(min_length=3, max_length=320, examples=["ann@example.com"], extra_json_schema={"format": "email"}),
]
Password = Annotated[str, Meta(min_length=1, max_length=1024, description="8 to 256 characters, any of them")]
Otp = Annotated[str, Meta(min_length=1, max_length=16, description="the six digits of the mail", examples=["012345"])]


class Credentials(Wire, frozen=True):
    """An address and its password."""

    email: Email
    password: Password


class EmailRequest(Wire, frozen=True):
    """An address."""

    email: Email


class VerifyRequest(Wire, frozen=True):
    """The code that was mailed to an address."""

    email: Email
    otp: Otp


class NewPasswordRequest(Wire, frozen=True):
    """The code of a reset, and the password to be."""

    email: Email
    otp: Otp
    new_password: Password


class ChangePasswordRequest(Wire, frozen=True):
    """The password that is, and the one to be."""

    password: Password
    new_password: Password


class PasswordRequest(Wire, frozen=True):
    """The user's password once more."""

    password: Password


class ChangeEmailRequest(Wire, frozen=True):
    """The user's password, and the address to be."""

    password: Password
    email: Email


class Done(Wire, frozen=True):
    """It is done, in words."""

    message: str


class RegisterAnswer(Wire, frozen=True):
    """A code is on its way to `email`, as it is stored."""

    message: str
    email: str


class Account(Wire, frozen=True):
    """Who is signed in."""

    id: int
    email: str


class SignedIn(Wire, frozen=True):
    """Both cookies are set."""

    message: str
    user: Account


class Profile(Wire, frozen=True):
    """The signed-in user."""

    id: int
    email: str
    created_at: Timestamp
    last_seen_at: Timestamp | None
    display_name: str | None


class ProfileAnswer(Wire, frozen=True):
    """The signed-in user."""

    user: Profile


class Session(Wire, frozen=True):
    """A device that is signed in. `current` is the one asking; `sockets` counts its live ones on this node."""

    id: str
    device: str
    user_agent: str
    address: str
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    sockets: int
    current: bool


class SessionList(Wire, frozen=True):
    """The last used first."""

    sessions: list[Session]


class EndedSessions(Wire, frozen=True):
    """How many sessions were signed out."""

    message: str
    ended: int


class SecurityEvent(Wire, frozen=True):
    """One line of the user's security history, named as in OWASP's logging vocabulary."""

    id: str
    event: str
    session_id: str | None
    address: str | None
    user_agent: str | None
    detail: str | None
    at: Timestamp


class SecurityEventList(Wire, frozen=True):
    """Newest first; `?before=<id of the last one>` continues."""

    events: list[SecurityEvent]


class ExportedPeer(Wire, frozen=True):
    """The other person of a room, as the user knows them."""

    id: int
    email: str
    display_name: str | None


class ExportedRoom(Wire, frozen=True):
    """A conversation of the user's."""

    id: str
    user1_id: int
    user2_id: int
    created_at: Timestamp
    peer: ExportedPeer


class ExportedEdit(Wire, frozen=True):
    """What a message of the user's said before."""

    message_id: str
    content: str
    replaced_at: Timestamp


class ExportedBlock(Wire, frozen=True):
    """Somebody the user has blocked."""

    user_id: int
    created_at: Timestamp


class Export(Wire, frozen=True):
    """Everything stored about the user, with both sides of their conversations."""

    user: Profile
    sessions: list[Session]
    security_events: list[SecurityEvent]
    rooms: list[ExportedRoom]
    messages: Annotated[list[Message], Meta(description="room by room, each in the order of `seq`")]
    edits: list[ExportedEdit]
    blocked: list[ExportedBlock]
