"""HTTP/1.1 as a client speaks it: one connection a request, with the cookies of one person.

What is frequent goes over the socket; HTTP is for signing in and for reading, so there is no pool, and no kept
connection that may turn out dead when it is used again.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httptools
import msgspec

from duologue.client.cookies import Cookies
from duologue.client.errors import LinkError

__all__ = ["Answer", "Http"]

SECONDS = 10.0  # for a whole request
LARGEST = 64 * 1024 * 1024  # bytes of an answer; an export of everything is the largest there is
READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. `headers` by their names in lower case; the lines of Set-Cookie stand apart."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    set_cookies: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def cookies(self) -> dict[str, str]:
        """Every line of Set-Cookie, by the cookie's name."""
        return {line.partition("=")[0].strip(): line for line in self.set_cookies}


class Http:
    """Asks one server. Cookies it sets are kept and sent, as a browser would."""

    def __init__(self, url: str, *, seconds: float = SECONDS, context: ssl.SSLContext | None = None) -> None:
        """`url` is `http://host:port` or `https://…`; `seconds` bounds each request, `context` is for TLS."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a server, such as http://localhost:4000")
        self.url = url.rstrip("/")
        self.cookies = Cookies()
        self.context = (context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._host = parts.hostname
        self._port = parts.port or (443 if self.context else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._base = parts.path.rstrip("/")
        self._seconds = seconds

    async def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask, and read the whole answer. A body that is not bytes goes as JSON. `LinkError` when no answer came."""
        data = b""
        head = {"Host": self._authority, "Connection": "close", "Accept": "application/json"}
        if body is not None:
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)
            head["Content-Type"] = "application/json"
        if method not in ("GET", "HEAD"):
            head["Content-Length"] = str(len(data))
        if cookies := self.cookies.header(path):
            head["Cookie"] = cookies
        head |= dict(headers or {})
        target = quote(self._base + path, safe="/?&=%+:,~")
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header must be one line")
        sent = "\r\n".join([*lines, "", ""]).encode("latin-1") + data
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._exchange(sent, head_only=method == "HEAD")
        except TimeoutError:
            raise LinkError(f"{self.url} did not answer within {self._seconds:g} s") from None
        except (OSError, httptools.HttpParserError) as error:
            raise LinkError(f"{self.url} cannot be reached: {error}") from error
        for line in answer.set_cookies:
            self.cookies.keep(line)
        return answer

    async def _exchange(self, sent: bytes, *, head_only: bool) -> Answer:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self.context)
        answer = _Reader()
        parser = httptools.HttpResponseParser(answer)
        try:
            # A server may refuse a large body before it has read it: then its answer is what counts.
            with contextlib.suppress(ConnectionError):
                writer.write(sent)
                await writer.drain()
            while not answer.is_whole and not (head_only and answer.has_head):
                data = await reader.read(READ)
                if not data:
                    if not answer.is_read_to_end:
                        raise LinkError(f"{self.url} ended the connection in the middle of an answer")
                    break
                parser.feed_data(data)
                if len(answer.body) > LARGEST:
                    raise LinkError(f"{self.url} answers with more than {LARGEST >> 20} MB")
            return Answer(parser.get_status_code(), answer.headers, bytes(answer.body), tuple(answer.set_cookies))
        finally:
            writer.transport.abort()  # whatever came is read, and whatever did not is not waited for


class _Reader:
    """What httptools calls."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.set_cookies: list[str] = []
        self.body = bytearray()
        self.has_head = False
        self.is_whole = False

    @property
    def is_read_to_end(self) -> bool:
        """Whether the end of the connection is the end of the answer (RFC 9112 §6.3, the last case)."""
        return self.has_head and not {"content-length", "transfer-encoding"} & self.headers.keys()

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key == "set-cookie":
            self.set_cookies.append(text)
        else:
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.is_whole = True
