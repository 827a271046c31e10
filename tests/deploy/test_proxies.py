"""nginx, HAProxy and Caddy as `deploy/` configures them: nobody behind them notices that there are two nodes."""

import asyncio
import itertools
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets

from tests.deploy.conftest import Site
from tests.deploy.proxies import DEPLOY, NODES, PROXIES, Caddy, HAProxy, Nginx, Proxy
from tests.harness.http import plain_client
from tests.harness.people import PASSWORD, SECONDS, V1, Person, Socket, arrive

pytestmark = [pytest.mark.xdist_group("deploy"), pytest.mark.thorough]

LAST = "That was all."
PING_SECONDS, PONG_SECONDS = 25, 10
ELSEWHERE = "127.0.0.2"
"""A client that is not the proxy."""


@pytest.fixture(params=PROXIES, ids=lambda kind: kind.__name__)
def proxy(request: pytest.FixtureRequest, site: Site) -> Proxy:
    """Each of them."""
    return site.proxies[request.param]


@asynccontextmanager
async def visitor(
    proxy: Proxy, person: Person | None = None, address: str = ELSEWHERE
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the proxy, signed in as that person."""
    transport = httpx.AsyncHTTPTransport(verify=proxy.tls(), local_address=address)
    headers = {"Authorization": f"Bearer {person.token}"} if person else {}
    async with plain_client(transport=transport, base_url=proxy.url, headers=headers, timeout=3 * SECONDS) as http:
        yield http


@asynccontextmanager
async def opened(proxy: Proxy, person: Person, route: str, **options: Any) -> AsyncIterator[Socket]:
    """A socket through the proxy."""
    joint = "&" if "?" in route else "?"
    async with websockets.connect(
        f"{proxy.ws_url}{route}{joint}token={person.token}",
        ssl=proxy.tls(),
        max_queue=None,
        compression=None,
        ping_interval=None,
        **options,
    ) as connection:
        yield Socket(connection)


async def test_a_node_knows_whose_request_it_is_and_for_which_host(site: Site, proxy: Proxy) -> None:
    person = await arrive(site.nodes[0].url, site.dsn)
    async with visitor(proxy) as http:
        # What a client says of itself counts for nothing.
        spoofed = {"X-Forwarded-For": "203.0.113.9"}
        answer = await http.post("/auth/login", json={"email": person.email, "password": PASSWORD}, headers=spoofed)
        assert answer.status_code == 200, answer.text
        sessions = (await http.get("/auth/sessions")).json()["sessions"]
        assert ELSEWHERE in {session["address"] for session in sessions}
        # A page of this host is the server's own, as long as Host arrives as it was sent.
        own = {"Origin": proxy.url}
        assert (await http.post("/auth/refresh", headers=own)).status_code == 200
        foreign = {"Origin": "https://elsewhere.example"}
        assert (await http.post("/auth/refresh", headers=foreign)).status_code == 403
    await person.http.aclose()


async def test_figures_are_not_for_the_public_and_health_is(proxy: Proxy) -> None:
    async with visitor(proxy) as http:
        assert (await http.get("/metrics")).status_code == 404
        assert (await http.get("/readyz")).json() == {"status": "ok"}


async def test_two_people_talk_through_it_whichever_nodes_they_get(site: Site, proxy: Proxy) -> None:
    alice, bob = await arrive(site.nodes[0].url, site.dsn), await arrive(site.nodes[1].url, site.dsn)
    room = await alice.open_room(bob)
    async with (
        opened(proxy, alice, f"/room/{room}", subprotocols=[V1], origin=proxy.url) as hers,
        opened(proxy, bob, f"/room/{room}") as his,
        opened(proxy, bob, f"/room/{room}") as his_other,
    ):
        assert hers.connection.subprotocol == V1
        await hers.receive_type("RESUMED")
        await hers.command("SEND", content="Hi", clientId="c1")
        assert (await hers.receive_type("MESSAGE_SENT"))["data"]["seq"] == 1
        for socket in (his, his_other):
            assert (await socket.receive_type("NEW_MESSAGE"))["data"]["content"] == "Hi"
        await his.say("Hello", "c2")
        assert (await hers.receive_type("NEW_MESSAGE"))["data"]["content"] == "Hello"
    with pytest.raises(websockets.InvalidStatus, match="403"):
        async with opened(proxy, alice, f"/room/{room}", origin="https://elsewhere.example"):
            pass
    # A refusal is still a close code that a browser can read.
    async with opened(proxy, alice, f"/room/{uuid.uuid4()}") as nowhere:
        assert (await nowhere.closed())[0] == 4004
    for person in (alice, bob):
        await person.http.aclose()


def seconds(pattern: str, text: str) -> set[int]:
    """The numbers of a setting in a configuration file."""
    return {int(number) for number in re.findall(pattern, text)}


def test_no_proxy_gives_an_idle_socket_up_before_its_heartbeat() -> None:
    longest = PING_SECONDS + PONG_SECONDS
    nginx = (DEPLOY / Nginx.file).read_text()
    haproxy = (DEPLOY / HAProxy.file).read_text()
    assert min(seconds(r"proxy_(?:read|send)_timeout (\d+)s", nginx)) > longest
    assert min(seconds(r"timeout (?:client|server|tunnel) +(\d+)s", haproxy)) > longest
    # Caddy has no time-out for an upgraded connection unless it is given one.
    assert not re.search(r"stream_timeout|read_timeout|write_timeout", (DEPLOY / Caddy.file).read_text())


def test_every_proxy_names_the_same_two_nodes() -> None:
    for kind in PROXIES:
        text = (DEPLOY / kind.file).read_text()
        assert [text.count(node) for node in NODES] == [1, 1], kind.file


@pytest.mark.long
async def test_an_idle_socket_lives_on_behind_every_proxy(site: Site) -> None:
    alice, bob = await arrive(site.nodes[0].url, site.dsn), await arrive(site.nodes[1].url, site.dsn)
    room = await alice.open_room(bob)

    async def idle(proxy: Proxy) -> None:
        async with opened(proxy, bob, f"/room/{room}") as his:
            # Longer than each of the proxies' time-outs; nothing is said, only the server pings.
            with pytest.raises(TimeoutError):
                await his.receive(80)
            idled.release()
            assert (await his.receive(SECONDS))["data"]["content"] == "Still there?"

    idled = asyncio.Semaphore(0)
    idling = [asyncio.create_task(idle(proxy)) for proxy in site.proxies.values()]
    for _ in idling:
        await idled.acquire()
    async with alice.socket(f"/room/{room}") as hers:
        await hers.say("Still there?")
        await asyncio.gather(*idling)
    for person in (alice, bob):
        await person.http.aclose()


class Caller:
    """Somebody behind a proxy who never stops: requests on kept and on new connections, and a socket."""

    def __init__(self, proxy: Proxy, person: Person, room: str, is_over: Callable[[], bool]) -> None:
        self.name = type(proxy).__name__
        self._proxy = proxy
        self._person = person
        self.room = room
        self._is_over = is_over
        self.requests = 0
        self.said: list[str] = []
        self.failures: list[str] = []
        self.heard: list[int] = []
        self._last = ""
        self.moved = 0
        """How often the socket was told to go."""

    async def ask(self, *, kept: bool) -> None:
        """Reads and writes; each answer counts."""
        while not self._is_over():
            async with visitor(self._proxy, self._person) as http:
                for number in itertools.count():
                    if self._is_over() or (number and not kept):
                        break
                    content = f"{self.name} {kept} {self.requests}"
                    client_id = str(uuid.uuid4())
                    try:
                        read = await http.get("/auth/profile")
                        path = f"/msg/room/{self.room}/messages"
                        wrote = await http.post(path, json={"content": content, "clientId": client_id})
                    except httpx.HTTPError as error:
                        self.failures.append(f"{self.name}: {error!r}")
                        continue
                    self.requests += 2
                    self.failures += [
                        f"{self.name}: {answer.request.method} {answer.status_code} {answer.text[:100]}"
                        for answer in (read, wrote)
                        if not answer.is_success
                    ]
                    if wrote.is_success:
                        self.said.append(content)

    async def listen(self) -> None:
        """Hear the room to its last message, over as many sockets as it takes."""
        while self._last != LAST:
            after = self.heard[-1] if self.heard else 0
            try:
                async with opened(self._proxy, self._person, f"/room/{self.room}?after={after}") as socket:
                    while self._last != LAST:
                        frame = await socket.receive(30)
                        self.heard.append(frame["data"]["seq"])
                        self._last = frame["data"]["content"]
            except websockets.ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == 1012 and '"retryMs":' in closed.rcvd.reason:
                    self.moved += 1
                else:
                    self.failures.append(f"{self.name}: a socket was closed: {closed!r}")
            except (OSError, websockets.WebSocketException) as error:
                self.failures.append(f"{self.name}: no socket: {error!r}")


async def test_one_node_after_the_other_is_restarted_and_not_one_request_fails(site: Site) -> None:
    """The rolling update of docs/operations.md, behind all three proxies at once."""
    people = [await arrive(site.nodes[0].url, site.dsn) for _ in range(4)]
    over = False
    callers = []
    for proxy, person in zip(site.proxies.values(), people, strict=False):
        callers.append(Caller(proxy, person, await person.open_room(people[3]), lambda: over))
    asking = [asyncio.create_task(caller.ask(kept=kept)) for caller in callers for kept in (True, False)]
    listening = [asyncio.create_task(caller.listen()) for caller in callers]
    for node in site.nodes:
        assert await node.stop(seconds=30) == 0
        await node.start()
        async with plain_client(base_url=node.url) as http:
            while (await http.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
        # The balancers have to see that it is back before the next one goes: as the page says.
        before = [caller.requests for caller in callers]
        async with asyncio.timeout(30):
            while any(caller.requests < count + 20 for caller, count in zip(callers, before, strict=True)):
                await asyncio.sleep(0.05)
            await back(site, node)
    over = True
    await asyncio.gather(*asking)
    for caller, person in zip(callers, people, strict=False):
        caller.said.append(LAST)
        assert (await person.http.post(f"/msg/room/{caller.room}/messages", json={"content": LAST})).status_code == 201
    async with asyncio.timeout(30):
        await asyncio.gather(*listening)
    for caller, person in zip(callers, people, strict=False):
        assert caller.failures == []
        assert caller.moved >= 1, "its socket was on one of the two"
        log = await person.whole_history(caller.room)
        assert sorted(message["content"] for message in log) == sorted(caller.said)
        assert [message["seq"] for message in log] == list(range(1, len(log) + 1)) == caller.heard
    for person in people:
        await person.http.aclose()


async def back(site: Site, node: Any) -> None:
    """Wait until every proxy sends that node something again: a request that only it can have counted."""
    async with plain_client(base_url=node.url) as http:

        async def served() -> float:
            text = (await http.get("/metrics")).text
            found = re.search(r'duologue_refused_total\{reason="NOT_FOUND"\} ([\d.]+)', text)
            return float(found[1]) if found else 0.0

        for proxy in site.proxies.values():
            start = await served()
            async with visitor(proxy) as outside:
                while await served() == start:
                    await outside.get(f"/nowhere/{uuid.uuid4()}")
