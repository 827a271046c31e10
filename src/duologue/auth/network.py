"""Where a request comes from, and which network that is."""

import ipaddress
from collections.abc import Sequence

__all__ = ["Network", "client_address", "network_of"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(peer: str, forwarded: str | None, trusted: Sequence[Network]) -> str:
    """The nearest address that is none of our proxies.

    `forwarded` is X-Forwarded-For, whose entries each hop appends: it is read from its end, as long as the hop that
    wrote an entry is trusted. What a client puts there itself stands further left and is never reached.
    """
    current = _parse(peer)
    if current is None:
        return peer
    hops = [hop.strip() for hop in (forwarded or "").split(",")] if forwarded else []
    while hops and _is_trusted(current, trusted):
        following = _parse(hops.pop())
        if following is None:
            break
        current = following
    return str(current)


def network_of(address: str) -> str:
    """What limits count by: an IPv4 address, or the /64 that one IPv6 customer has at the least."""
    parsed = _parse(address)
    if parsed is None:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in trusted)


def _parse(text: str) -> Address | None:
    text = text.strip().strip('"')
    if text.startswith("["):  # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, ipaddress.IPv6Address) else parsed
