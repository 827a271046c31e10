"""The composition root: makes every object, knows everybody, starts and stops them in order."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import anyio
import asyncpg
import structlog
import uvicorn
from litestar import Litestar
from litestar.di import Provide
from uuid_utils import uuid7

from duologue.auth.feature import build_auth
from duologue.auth.guards import provide_identity
from duologue.chat.blocks import BlockService
from duologue.chat.blocks_store import BlockStore
from duologue.chat.changes_store import Change, ChangesStore
from duologue.chat.export import ConversationExport
from duologue.chat.export_store import ExportStore
from duologue.chat.journal import Journal, StoredRoom
from duologue.chat.journal_store import JournalStore
from duologue.chat.routes import block_router
from duologue.chat.routes import router as conversation_router
from duologue.chat.search import SearchIndexer, SearchService
from duologue.chat.search_store import SearchStore
from duologue.chat.service import ConversationService
from duologue.chat.store import ConversationStore, Membership
from duologue.chat.watermarks import Watermarks
from duologue.chat.watermarks_store import Moved, WatermarkStore
from duologue.cluster.broker import Broker, Ears
from duologue.cluster.memory import MemoryBroker
from duologue.cluster.nodes import Nodes
from duologue.config import Settings
from duologue.database.installation import installation
from duologue.mail.feature import build_mail
from duologue.mail.smtp import SmtpConfig
from duologue.operations.admission import Admission
from duologue.operations.body import JsonBody
from duologue.operations.descriptors import make_room
from duologue.operations.edge import Edge, exception_handlers
from duologue.operations.health import Readiness, health_router
from duologue.operations.http import HttpProtocol
from duologue.operations.memory import available
from duologue.operations.metrics import Metrics, Sources, metrics_router
from duologue.operations.news import News
from duologue.operations.refusals import Refusals
from duologue.presence.directory import Directory
from duologue.presence.leases_store import LeaseStore
from duologue.presence.routes import router as directory_router
from duologue.presence.service import PresenceService
from duologue.presence.store import PresenceStore
from duologue.realtime.drain import drain
from duologue.realtime.hub import Hub
from duologue.realtime.lobby import Lobby
from duologue.realtime.mending import Mender
from duologue.realtime.outbox import Flusher
from duologue.realtime.peers import Peers
from duologue.realtime.server import Handshaker, socket_protocol
from duologue.realtime.sockets import Sockets
from duologue.realtime.subscription import Rooms
from duologue.realtime.users import UserBoard
from duologue.realtime.wheel import Wheel
from duologue.web.assets import Assets, assets_router
from duologue.web.client import client_router
from duologue.web.docs import docs_router, openapi_config
from duologue.web.pages import pages_router
from duologue.web.playground import playground_router
from duologue.web.protocol import protocol_router

__all__ = ["Application"]

BODY_BYTES = 64 * 1024
SOCKETS_SECONDS = 3.0  # for the answers to close frames
QUEUE_SECONDS = 5.0  # for the last commits; longer only while PostgreSQL is away

log = structlog.get_logger("duologue")


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class QuietServer(uvicorn.Server):
    """uvicorn without signal handlers of its own, that says when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve these sockets."""
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals alone."""
        yield


@dataclass
class Application:
    """One node: everything between the port and the database."""

    settings: Settings
    pool: asyncpg.Pool
    public_url: str
    console: Callable[[str], None]
    clock: Callable[[], datetime] = utc_now

    async def start(self, sockets: list[socket.socket]) -> None:
        """Make everything and serve; returns when requests are answered."""
        settings = self.settings
        loop = asyncio.get_running_loop()
        node_id = UUID(int=uuid7().int)
        nodes = Nodes(node_id, loop.time)
        self.broker = broker = await self._make_broker(node_id)
        presence_store = PresenceStore(self.pool)
        self.presence = PresenceService(
            presence_store,
            LeaseStore(self.pool, node_id),
            self.clock,
            living=nodes.live,
            wrote=lambda came, went: self.news.moved(came, went),
        )
        directory = Directory(presence_store, self.presence, is_open=settings.directory == "open")
        self.wheel = Wheel(loop.time)
        flusher = Flusher(loop)
        self.sockets = Sockets(self.wheel, flusher, self.presence, self.clock, settings.rate_limits)
        lobby = Lobby(self.sockets, broker)
        board = UserBoard(self.sockets, directory)
        peers = Peers(self.presence)
        self.presence.listen(board.changed)
        self.presence.listen(peers.changed)
        self.search_indexer = SearchIndexer(search_store := SearchStore(self.pool))

        def deliver(stored: Sequence[StoredRoom]) -> None:
            hub.deliver(stored)
            lobby.deliver(stored)
            self.search_indexer.note(stored)

        def moved(marks: Sequence[Moved]) -> None:
            hub.moved(marks)
            for mark in marks:
                if mark.read_grew:
                    lobby.refresh(mark.room_id, [mark.user_id])

        def changed(change: Change, membership: Membership) -> None:
            hub.changed(change, membership)
            if change.is_newest:
                lobby.refresh(change.room_id, [membership.user1_id, membership.user2_id])

        self.watermarks = Watermarks(WatermarkStore(self.pool), moved)
        hub = Hub(self.watermarks.delivered, broker)
        self.journal_store = JournalStore(self.pool)
        metrics = Metrics(loop.time)
        self.journal = Journal(self.journal_store, deliver, metrics.committed)
        conversations = ConversationService(
            ConversationStore(self.pool),
            ChangesStore(self.pool),
            self.journal,
            self.watermarks,
            self.presence,
            room_opened=lambda row: self.news.room_opened(row),
            changed=changed,
        )
        search = SearchService(search_store, conversations.peer_view)
        blocks = BlockService(
            BlockStore(self.pool), lambda room_id, user_id, blocked: self.news.blocked(room_id, user_id, blocked)
        )
        lobby.conversations = conversations
        self.mender = hub.mending = Mender(hub, conversations, broker, self.journal.under_way)

        self.mail = build_mail(
            self.pool,
            smtp=SmtpConfig(
                settings.smtp_host, settings.smtp_port, settings.smtp_secure, settings.smtp_user, settings.smtp_pass
            )
            if settings.smtp_host
            else None,
            secret=settings.jwt_secret,
            previous_secrets=[settings.jwt_secret_previous] if settings.jwt_secret_previous else [],
            sender=settings.email_from,
            public_url=self.public_url,
            clock=self.clock,
            console=self.console,
        )
        self.auth = build_auth(
            self.pool,
            self.mail.outbox,
            jwt_secret=settings.jwt_secret,
            jwt_refresh_secret=settings.jwt_refresh_secret,
            jwt_secret_previous=settings.jwt_secret_previous,
            jwt_refresh_secret_previous=settings.jwt_refresh_secret_previous,
            refresh_grace=settings.refresh_grace,
            production=settings.production,
            cross_site=settings.cookie_mode == "cross-site",
            trusted_proxies=settings.trusted_proxies,
            rate_limits=settings.rate_limits,
            live_sockets=self.sockets.count,
            export_sources=[ConversationExport(ExportStore(self.pool))],
            clock=self.clock,
        )
        self.auth.events.on_ended(self.sockets.end_session)
        self.auth.events.on_refreshed(self.sockets.extend_session)
        self.news = News(
            broker,
            nodes,
            revocations=self.auth.revocations,
            sockets=self.sockets,
            hub=hub,
            lobby=lobby,
            board=board,
            presence=self.presence,
            look=self.mender.look,
            stirred=conversations.stirred,
            clock=self.clock,
        )
        self.auth.events.on_ended_here(self.news.session_ended)
        self.auth.events.on_refreshed(self.news.session_refreshed)
        self.readiness = Readiness(self.pool)

        max_sockets = make_room(settings.max_sockets)
        # On a developer's machine the default is no promise to anybody.
        is_promised = settings.production or settings.sources["MAX_SOCKETS"] != "default"
        if max_sockets < settings.max_sockets and is_promised:
            log.warning("the system's limit of open files allows fewer sockets than MAX_SOCKETS", sockets=max_sockets)
        admission = Admission(
            self.sockets,
            loop.time,
            max_sockets=max_sockets,
            connect_rate=settings.connect_rate,
            max_memory=settings.max_memory or available() * 3 // 4,
        )
        self.wheel.put(admission, 1.0)
        assets = Assets()
        refusals = Refusals(settings.trusted_proxies, loop.time)
        handshaker = Handshaker(
            authenticate=self.auth.authenticator.authenticate,
            used=self.auth.confirm,
            refused=refusals.note,
            origins=settings.client_url,
            sockets=self.sockets,
            rooms=Rooms(conversations, self.journal, self.watermarks, hub, peers, self.sockets),
            lobby=lobby,
            board=board,
            gate=admission,
        )
        metrics.sources = Sources(
            sockets=lambda: len(self.sockets),
            handshakes=lambda: len(handshaker.under_way),
            rooms=lambda: len(hub),
            queued=lambda: self.journal.depth,
            frames=lambda: flusher.frames,
            refused=lambda: {**admission.counts(), **refusals.noted},
            dropped=lambda: broker.lost,
            away=lambda: broker.away,
            draining=lambda: self.readiness.draining,
            mails=self.mail.outbox.waiting,
        )
        litestar = Litestar(
            route_handlers=[
                self.auth.router,
                conversation_router(),
                block_router(),
                directory_router(),
                health_router(),
                docs_router(),
                protocol_router(),
                client_router(),
                *([] if settings.metrics == "off" else [metrics_router(settings.metrics_token)]),
                assets_router(assets),
                pages_router(assets, development=not settings.production),
                *([] if settings.production else [playground_router(assets)]),
                *(router for router in (self.mail.router, self.auth.guests_router) if router),
            ],
            dependencies={
                "identity": Provide(provide_identity),
                "rooms": Provide(lambda: conversations, sync_to_thread=False),
                "search": Provide(lambda: search, sync_to_thread=False),
                "blocks": Provide(lambda: blocks, sync_to_thread=False),
                "directory": Provide(lambda: directory, sync_to_thread=False),
                "metrics": Provide(lambda: metrics, sync_to_thread=False),
                "readiness": Provide(lambda: self.readiness, sync_to_thread=False),
                **self.auth.dependencies,
            },
            dto=JsonBody,
            return_dto=None,
            exception_handlers=exception_handlers(),
            openapi_config=openapi_config(),
            request_max_body_size=BODY_BYTES,
            logging_config=None,
        )
        self.server = QuietServer(
            uvicorn.Config(
                Edge(
                    litestar,
                    origins=settings.client_url,
                    production=settings.production,
                    refusals=refusals,
                    leaving=lambda: self.readiness.draining,
                    busy=admission.request,
                ),
                http=HttpProtocol,
                ws=socket_protocol(handshaker),  # type: ignore[arg-type]
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=5,
            )
        )
        await broker.start(Ears(hub.heard, lobby.heard, self.news.heard, self.news.link_changed))
        if not broker.alone:
            self.mender.start()
            self.news.start()
        self.wheel.start()
        await self.presence.start()
        self.journal.start()
        self.search_indexer.start()
        await self.mail.start()
        await self.auth.start()
        self._serving = asyncio.create_task(self.server.serve(sockets), name="uvicorn")
        async with anyio.create_task_group():
            pass  # the first request would import anyio's backend, and hold up everybody's messages for 100 ms
        up = asyncio.create_task(self.server.up.wait())
        await asyncio.wait((up, self._serving), return_when=asyncio.FIRST_COMPLETED)

    async def _make_broker(self, node_id: UUID) -> Broker:
        if self.settings.nats_url is None:
            return MemoryBroker()
        from duologue.cluster.nats import NatsBroker  # one node does without what this brings along

        return NatsBroker(self.settings.nats_url, f"duologue.{await installation(self.pool)}", f"duologue-{node_id}")

    async def stop(self) -> None:
        """Drain: be left out by balancers, tell sockets to come back, commit what is queued, let go of everything."""
        self.readiness.draining = True
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.journal_store.close)
            stack.push_async_callback(self.broker.stop)
            stack.push_async_callback(self.mender.stop)
            stack.push_async_callback(self.news.stop)
            stack.push_async_callback(self.search_indexer.stop)
            stack.push_async_callback(self.watermarks.stop)
            stack.push_async_callback(self.presence.stop)
            stack.push_async_callback(self.auth.stop)
            stack.push_async_callback(self.mail.stop)
            stack.push_async_callback(self.wheel.stop)
            stack.push_async_callback(self.sockets.stop)
            # Until the balancer has seen /readyz, people are served as ever.
            await asyncio.sleep(self.settings.drain_notice)
            self.server.should_exit = True  # nobody new; requests under way are answered
            await drain(self.sockets, self.journal.settled)
            await self.sockets.closed(SOCKETS_SECONDS)
            await self._serving
            await self.journal.stop(QUEUE_SECONDS)
