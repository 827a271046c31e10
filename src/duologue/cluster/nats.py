"""Copies over NATS: core subjects, nothing stored there, interest only where sockets are."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import structlog
from nats import errors
from nats.aio.client import Client, Server
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from duologue.cluster.broker import Address, Ears
from duologue.errors import StartError

__all__ = ["NatsBroker", "connect"]

CONNECT_SECONDS: Final = 2
START_SECONDS: Final = 2.0  # then the node starts without
PING_SECONDS: Final = 2  # two unanswered ones, and the link counts as broken: within six seconds
RETRY_SECONDS: Final = (0.2, 2.0)  # at random between, so that nodes do not come back in step
SETTLE_SECONDS: Final = 2.0
QUEUE_BYTES: Final = 16 << 20  # ready to be sent; more is dropped, and said
PARCEL_COST: Final = 100  # bytes beside what is in it
STOP_SECONDS: Final = 3.0

log = structlog.get_logger("duologue.nats")


class Ear:
    """Hands what arrives on a subject to its listener at once.

    nats-py gives a subscription with a callback a task and a queue of its own: 11 µs a message there and back, and a
    task for every room. A subscription with a future is told directly: 4 µs (docs/decisions/0011). This is such a
    future, which is never done.
    """

    __slots__ = ("_hear",)

    def __init__(self, hear: Callable[[str, bytes], None]) -> None:
        self._hear = hear

    def cancelled(self) -> bool:
        """Never."""
        return False

    def set_result(self, message: Msg) -> None:
        """A message arrived."""
        try:
            self._hear(message.subject, message.data)
        except Exception:
            log.exception("a parcel could not be used; readers will find it in the log")


class NatsBroker:
    """One connection to NATS, for ever: it is made anew whenever it breaks."""

    alone = False

    def __init__(self, urls: str, prefix: str, name: str) -> None:
        """`urls`: one or several, with commas; `prefix` begins every subject, so that installations can share NATS."""
        self._urls = [url.strip() for url in urls.split(",")]
        self._prefix = prefix
        self._name = name
        self._ears: Ears | None = None
        self._client: Client | None = None
        self._followed: dict[str, Ear] = {}
        """By subject."""
        self._subscriptions: dict[str, Subscription] = {}
        """Of the present client."""
        self._interest: dict[str, None] = {}
        """Subjects whose interest has changed, in that order."""
        self._outgoing: deque[tuple[str, bytes]] = deque()
        self._outgoing_bytes = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._up = asyncio.Event()
        self._news = asyncio.Event()
        """The link came up, or a try failed."""
        self._stopping = False
        self._fault = ""
        self._tasks: list[asyncio.Task[None]] = []
        self.away = True
        self.lost = 0

    async def start(self, ears: Ears) -> None:
        """Connect; when NATS is away, go on without and connect when it comes. `StartError` when it refuses us."""
        self._ears = ears
        self._follow(f"{self._prefix}.all", lambda subject, data: ears.notice(data))
        self._tasks = [
            asyncio.create_task(self._keep_connected(), name="nats link"),
            asyncio.create_task(self._send(), name="nats sender"),
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while self.away and not is_refusal(self._fault):
                    self._news.clear()
                    await self._news.wait()
        if is_refusal(self._fault):
            await self.stop()
            raise StartError(f"NATS refuses us: {self._fault}; check NATS_URL.")
        if self.away:
            log.warning("NATS is away; this node starts without it", reason=self._fault)

    async def stop(self) -> None:
        """Send what waits, and leave."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self.settled()
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._client is not None:
            with contextlib.suppress(errors.Error, OSError, TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._client.close()

    def follow_room(self, room_id: str) -> None:
        """Hear the room's parcels."""
        assert self._ears is not None
        hear = self._ears.room
        self._follow(f"{self._prefix}.room.{room_id}.*.*", lambda subject, data: hear(room_id, data))

    def leave_room(self, room_id: str) -> None:
        """Hear them no more."""
        self._leave(f"{self._prefix}.room.{room_id}.*.*")

    def follow_lobby(self, user_id: int) -> None:
        """Hear the parcels of all rooms of that person, who is the first or the second in them."""
        assert self._ears is not None
        hear = self._ears.lobby
        begin = len(self._prefix) + len(".room.")

        def told(subject: str, data: bytes) -> None:
            hear(user_id, subject[begin : subject.index(".", begin)], data)

        for subject in self._lobby_subjects(user_id):
            self._follow(subject, told)

    def leave_lobby(self, user_id: int) -> None:
        """Hear them no more."""
        for subject in self._lobby_subjects(user_id):
            self._leave(subject)

    def publish(self, address: Address, parcel: bytes) -> None:
        """One message, whoever follows: NATS matches the room and both people in its subject."""
        self._put(f"{self._prefix}.room.{address.room_id}.{address.user1_id}.{address.user2_id}", parcel)

    def announce(self, notice: bytes) -> None:
        """To every other node."""
        self._put(f"{self._prefix}.all", notice)

    async def settled(self) -> None:
        """A round trip to NATS behind everything said so far; one for all who wait."""
        if self.away:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wake.set()
        await done

    # Saying

    def _lobby_subjects(self, user_id: int) -> tuple[str, str]:
        return f"{self._prefix}.room.*.{user_id}.*", f"{self._prefix}.room.*.*.{user_id}"

    def _follow(self, subject: str, hear: Callable[[str, bytes], None]) -> None:
        self._followed[subject] = Ear(hear)
        self._interest[subject] = None
        self._wake.set()

    def _leave(self, subject: str) -> None:
        self._followed.pop(subject, None)
        self._interest[subject] = None
        self._wake.set()

    def _put(self, subject: str, data: bytes) -> None:
        size = len(data) + PARCEL_COST
        if self.away or self._outgoing_bytes + size > QUEUE_BYTES:
            self.lost += 1
            return
        self._outgoing.append((subject, data))
        self._outgoing_bytes += size
        self._wake.set()

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            client = self._client
            if client is None or not client.is_connected:
                self._drop()
                await self._up.wait()
                continue
            interest, self._interest = self._interest, {}
            outgoing, self._outgoing, self._outgoing_bytes = self._outgoing, deque(), 0
            waiting, self._waiting = self._waiting, []
            try:
                for subject in interest:
                    await self._show_interest(client, subject)
                while outgoing:
                    await client.publish(*outgoing.popleft())
                if waiting:
                    # nats-py writes a flush's PING at once, ahead of what it still holds: the second one is behind it.
                    await client.flush(cast(int, SETTLE_SECONDS))
                    await client.flush(cast(int, SETTLE_SECONDS))
            except errors.MaxPayloadError:
                self.lost += 1
                self._outgoing.extendleft(reversed(outgoing))
                log.warning("a parcel is larger than NATS allows; its readers find it in the log")
            except (errors.Error, OSError, RuntimeError, AttributeError) as error:
                # AttributeError, RuntimeError: of a transport that went away under nats-py.
                self._interest = interest | self._interest  # what was shown already, is not shown again
                self.lost += len(outgoing)
                log.warning("NATS takes nothing", reason=describe(error))
                await asyncio.sleep(random.uniform(*RETRY_SECONDS))
                self._wake.set()
            finally:
                release(waiting)

    async def _show_interest(self, client: Client, subject: str) -> None:
        ear, subscription = self._followed.get(subject), self._subscriptions.get(subject)
        if ear is not None and subscription is None:
            # The place of a future: see Ear.
            self._subscriptions[subject] = await client.subscribe(subject, future=cast(Any, ear))
        elif ear is None and subscription is not None:
            del self._subscriptions[subject]
            await subscription.unsubscribe()

    def _drop(self) -> None:
        """Without a link, nothing waits for one: it would be old by then."""
        self.lost += len(self._outgoing)
        self._outgoing, self._outgoing_bytes = deque(), 0
        waiting, self._waiting = self._waiting, []
        release(waiting)

    # The link

    async def _keep_connected(self) -> None:
        while True:
            self._closed.clear()
            self._client = client = Client()
            self._subscriptions = {}
            try:
                await client.connect(
                    list(self._urls),
                    name=self._name,
                    no_echo=True,
                    connect_timeout=CONNECT_SECONDS,
                    max_reconnect_attempts=-1,  # from then on nats-py reconnects by itself, and replays the interest
                    reconnect_time_wait=1,
                    reconnect_to_server_handler=next_server,
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=2,
                    flush_timeout=SETTLE_SECONDS,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_broken,
                    reconnected_cb=self._on_link,
                    closed_cb=self._on_closed,
                )
                self._interest = dict.fromkeys(self._followed)
                await self._on_link()
                await self._closed.wait()
            except (errors.Error, OSError) as error:
                self._fault = describe(error)
            await self._on_broken()
            with contextlib.suppress(errors.Error, OSError):
                await client.close()
            await asyncio.sleep(random.uniform(*RETRY_SECONDS))

    async def _on_link(self) -> None:
        self.away = False
        self._fault = ""
        self._up.set()
        self._wake.set()
        self._news.set()
        log.info("NATS is there")
        if self._ears is not None:
            self._ears.link()

    async def _on_broken(self) -> None:
        self._up.clear()
        self._drop()
        if self.away or self._stopping:
            return
        self.away = True
        self.lost += 1  # what was on its way may not have arrived
        log.warning("NATS is away; this node reads from the log until it is back", reason=self._fault)
        if self._ears is not None:
            self._ears.link()

    async def _on_closed(self) -> None:
        self._closed.set()

    async def _on_error(self, error: Exception) -> None:
        self._fault = describe(error)
        self._news.set()


def next_server(servers: list[Server], info: dict[str, Any]) -> tuple[Server, float]:
    """Any of them, after a moment: nodes that lost NATS together do not come back in step."""
    return random.choice(servers), random.uniform(*RETRY_SECONDS)


async def connect(urls: str) -> str:
    """Try once, and give the server's version; `StartError` says what is wrong."""
    client = Client()

    async def ignore(error: Exception) -> None:
        """The error is raised as well."""

    try:
        async with asyncio.timeout(2 * CONNECT_SECONDS):
            await client.connect(
                [url.strip() for url in urls.split(",")],
                allow_reconnect=False,
                connect_timeout=CONNECT_SECONDS,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                error_cb=ignore,
            )
            version = str(client.connected_server_version).removeprefix("<nats server ").removesuffix(">")
            await client.close()
    except (errors.Error, OSError) as error:
        reason = describe(client.last_error or error)
        raise StartError(f"NATS cannot be used: {reason}; check NATS_URL.") from None
    return version


def describe(error: Exception) -> str:
    """One line, which names no password."""
    return " ".join(str(error).split()) or type(error).__name__


def is_refusal(fault: str) -> bool:
    """Whether NATS answers, and does not want us."""
    return "authorization" in fault.lower()


def release(waiting: list[asyncio.Future[None]]) -> None:
    """Let them go on."""
    for each in waiting:
        if not each.done():
            each.set_result(None)
