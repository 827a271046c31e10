"""A client for HTTP that is made in no time."""

import ssl
from typing import Any

import httpx

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Without certificates: httpx would read all of the world's anew for each client, longer than most tests take."""


def plain_client(**options: Any) -> httpx.AsyncClient:
    """`httpx.AsyncClient`, for servers without TLS."""
    return httpx.AsyncClient(verify=NO_TLS, **options)
