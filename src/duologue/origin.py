"""Which page is asking: one rule for HTTP and for sockets."""

from collections.abc import Collection

__all__ = ["is_welcome"]


def is_welcome(origin: str, host: str, welcome: Collection[str]) -> bool:
    """Whether an `Origin` is the server's own page, by its `Host`, or one of the welcome ones.

    Compared as written, not parsed: browsers write it one way (RFC 6454 §6.2), and what is written otherwise is no
    browser's. `null`, as sandboxed pages send it, is nobody's own.
    """
    return origin in welcome or (host != "" and origin in (f"http://{host}", f"https://{host}"))
