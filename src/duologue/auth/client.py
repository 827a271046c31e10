"""Who a request comes from, as far as the network tells, and how the pieces share it."""

import re
from dataclasses import dataclass
from typing import Any

from litestar import Request

from duologue.auth.network import Network, client_address, network_of

__all__ = ["Client", "ClientReader", "describe_device"]

USER_AGENT_LENGTH = 256
BROWSERS = (
    ("Edge", r"Edg(?:A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"(?:Firefox|FxiOS)/"),
    ("Chrome", r"(?:Chrome|CriOS)/"),
    ("Safari", r"Version/[\d.]+.*Safari/"),
    ("curl", r"^curl/"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("macOS", "Mac OS X"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of a request."""

    address: str
    user_agent: str

    @property
    def network(self) -> str:
        """What limits count by."""
        return network_of(self.address)

    @property
    def device(self) -> str:
        """`Firefox on Windows`, as far as the User-Agent says; never the client's own words in full."""
        return describe_device(self.user_agent)


def describe_device(user_agent: str) -> str:
    """A few words of our own about a device."""
    browser = next((name for name, pattern in BROWSERS if re.search(pattern, user_agent)), None)
    system = next((name for name, mark in SYSTEMS if mark in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "an unknown device"


class ClientReader:
    """Finds the client behind the trusted proxies."""

    def __init__(self, trusted_proxies: tuple[Network, ...]) -> None:
        self._trusted = trusted_proxies

    def read(self, request: Request[Any, Any, Any]) -> Client:
        """The client of this request."""
        peer = request.client.host if request.client else ""
        forwarded = ",".join(request.headers.getall("x-forwarded-for", []))
        user_agent = request.headers.get("user-agent", "")[:USER_AGENT_LENGTH]
        printable = "".join(char for char in user_agent if char.isprintable())
        return Client(client_address(peer, forwarded, self._trusted), printable)
