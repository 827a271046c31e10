"""The link to the server: a socket, and after its end the next one, until it is closed or nobody is signed in."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from duologue.client.backoff import Backoff
from duologue.client.errors import ApiError, ClientError, Closed, LinkError, SignedOut
from duologue.client.session import Session
from duologue.client.socket import Ended, Socket, open_socket
from duologue.errors import CLOSE_MEANING, Close, Code
from duologue.wire.base import Wire

__all__ = ["Link", "LinkState", "Phase"]

log = logging.getLogger("duologue.client")


class Phase(StrEnum):
    """Where a link is."""

    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    SIGNED_OUT = "signed out"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class LinkState:
    """The phase; when offline, also why, and in how many seconds the next attempt begins."""

    phase: Phase
    why: str = ""
    retry: float = 0.0


class Frame(Wire, frozen=True):
    """What every frame of the server has."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class Link:
    """Owns one task, from `start` to `close`. What it hears it tells in the turn of the loop in which it came."""

    def __init__(
        self,
        session: Session,
        backoff: Backoff,
        *,
        opened: Callable[[], None],
        heard: Callable[[str, bytes], None],
        changed: Callable[[LinkState], None],
    ) -> None:
        """`opened` when there is a new socket, `heard` with a frame's type and data (an ERROR whole)."""
        self.number = 0
        """Of this socket among all there were, from 1."""
        self.state = LinkState(Phase.CLOSED)
        self.failure: ClientError | None = None
        """Why there will be no link, until the next `start`."""
        self._session = session
        self._backoff = backoff
        self._opened = opened
        self._heard = heard
        self._changed = changed
        self._url = session.http.url.replace("http", "ws", 1) + "/ws"
        self._decode = msgspec.json.Decoder(Frame).decode
        self._socket: Socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._failures = 0
        self._token = ""
        self._wake = asyncio.Event()

    @property
    def is_online(self) -> bool:
        """Whether commands reach a socket."""
        return self._socket is not None

    def start(self) -> None:
        """Begin, or begin again after `SIGNED_OUT`; a link that is under way goes on."""
        if self._task is None or self._task.done():
            self.failure = None
            self._failures = 0
            self._task = asyncio.create_task(self._run(), name="duologue link")

    def send(self, kind: str, data: Wire) -> None:
        """Send a command, if there is a socket."""
        if self._socket is not None:
            self._socket.send(kind, data)

    def hurry(self) -> None:
        """Try again now rather than when the wait is over: somebody asks, or the network is back."""
        self._wake.set()

    def cut(self) -> None:
        """Lose the socket; the next one is opened as after any loss."""
        if self._socket is not None:
            self._socket.cut()

    async def close(self) -> None:
        """Say goodbye and end the task."""
        socket, self._socket = self._socket, None
        try:
            if socket is not None:
                await socket.close()
        finally:
            tasks = [task for task in (self._task, self._refreshing) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._task = self._refreshing = None
            self.failure = Closed("the client is closed")
            self._change(LinkState(Phase.CLOSED))

    async def _run(self) -> None:
        try:
            while True:
                try:
                    self._change(LinkState(Phase.CONNECTING))
                    ended = await self._live()
                    wait = self._after(ended)
                    why = ended.reason if ended.retry is None else ""
                    why = why or CLOSE_MEANING.get(ended.code, f"the connection was lost ({ended.code})")
                except SignedOut:
                    raise
                except (LinkError, ApiError) as error:
                    self._failures += 1
                    hint = error.retry_after if isinstance(error, ApiError) else None
                    wait, why = self._backoff.seconds(self._failures, hint), str(error)
                if wait:
                    await self._wait(wait, why)
        except SignedOut as error:
            self.failure = error
            self._change(LinkState(Phase.SIGNED_OUT, error.message))
        except Exception as error:
            # A fault of this client's: whoever waits for the link hears of it rather than waiting for ever.
            log.exception("the link has ended by a fault")
            self.failure = ClientError(f"the link has ended by a fault: {error!r}")
            self._change(LinkState(Phase.CLOSED, str(self.failure)))

    async def _live(self) -> Ended:
        """One socket, from its beginning to its end."""
        self._token = await self._session.token()
        socket = Socket(self._open, self._take)
        try:
            await open_socket(socket, self._url, self._token, self._session.http.context)
            return await asyncio.shield(socket.ended)
        finally:
            self._socket = None
            socket.cut()

    def _open(self, socket: Socket) -> None:
        self.number += 1
        self._socket = socket
        self._opened()

    def _after(self, ended: Ended) -> float:
        """How long to wait after such an end; raises `SignedOut` when there is nothing to come back to."""
        if ended.code == Close.SESSION_ENDED:
            self._session.forget()
            raise SignedOut(Code.SESSION_ENDED, CLOSE_MEANING[Close.SESSION_ENDED])
        self._failures += 1
        if ended.code in (Close.INVALID_TOKEN, Close.NO_TOKEN):
            self._session.expire(self._token)
            if self._failures == 1:
                return 0.0  # the next token is asked for before the next socket
        return self._backoff.seconds(self._failures, ended.retry)

    async def _wait(self, seconds: float, why: str) -> None:
        log.info("the link is down, the next attempt is in %.1f s: %s", seconds, why)
        self._wake.clear()
        self._change(LinkState(Phase.OFFLINE, why, seconds))
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _take(self, payload: bytes) -> None:
        try:
            self._tell(self._decode(payload), payload)
        except msgspec.DecodeError as error:  # of another version, or not Duologue's: the other frames still count
            log.warning("a frame of the server cannot be read: %s", error)

    def _tell(self, frame: Frame, payload: bytes) -> None:
        if frame.type == "ROOMS_LIST":  # the first frame: now it is a working link
            self._failures = 0
            self._change(LinkState(Phase.ONLINE))
        elif frame.type == "SESSION_EXPIRING":
            self._refresh()
        self._heard(frame.type, payload if frame.type == "ERROR" else bytes(frame.data))

    def _refresh(self) -> None:
        """Refresh ahead of the token's end, so that the socket lives on."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refreshed(), name="duologue refresh")

    async def _refreshed(self) -> None:
        try:
            await self._session.refresh()
        except ClientError as error:  # the socket's end will say it again, and that is acted on
            log.info("the session could not be refreshed yet: %s", error)

    def _change(self, state: LinkState) -> None:
        if state != self.state:
            self.state = state
            self._changed(state)
