"""How many files this process may have open: every socket is one."""

import contextlib
import resource
from typing import Final

__all__ = ["make_room"]

RESERVE: Final = 256  # for requests, PostgreSQL's connections, and files


def make_room(sockets: int) -> int:
    """Raise our own limit as far as needed and allowed; how many of these sockets fit below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + RESERVE
    if soft == resource.RLIM_INFINITY:
        return sockets
    if soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(sockets, soft - RESERVE))
