"""Who is calling: what a verified access token says."""

from dataclasses import dataclass
from uuid import UUID

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """The holder of a valid access token of a live session."""

    user_id: int
    session_id: UUID
    generation: int
    """How often the session had been refreshed when the token was made."""
    expires_at: int
    """When the access token runs out, in seconds since the epoch."""
    token: str
    """The access token itself: `/msg/room` hands it to the socket."""
