"""`/metrics`: what to watch, for Prometheus. The hot path only counts; everything else is asked when somebody looks."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency

from duologue import __version__
from duologue.database.faults import AWAY
from duologue.errors import AppError, Code
from duologue.operations.distribution import Distribution

if TYPE_CHECKING:
    from prometheus_client import Metric

__all__ = ["Metrics", "Sources", "metrics_router"]

BATCHES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # messages; the last is the largest batch
SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
MAIL_SECONDS: Final = 2.0  # for the count; then PostgreSQL counts as away
FRESH_SECONDS: Final = 1.0  # in which the count is not asked for again, however many look


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures are, each asked when somebody looks."""

    sockets: Callable[[], int]
    handshakes: Callable[[], int]
    rooms: Callable[[], int]
    queued: Callable[[], int]
    frames: Callable[[], int]
    refused: Callable[[], Mapping[str, int]]
    """By reason."""
    dropped: Callable[[], int]
    """Parcels and notices that NATS did not take."""
    away: Callable[[], bool]
    """Whether nothing is heard of other nodes."""
    draining: Callable[[], bool]
    mails: Callable[[], Awaitable[int]]
    """Those that wait; asks PostgreSQL."""


class Metrics:
    """The figures of this process."""

    def __init__(self, loop_time: Callable[[], float]) -> None:
        self._loop_time = loop_time
        self.batches = Distribution(BATCHES)
        self.seconds = Distribution(SECONDS)
        self.sources: Sources
        """Set when all of them exist."""
        self._mails: int | None = None
        self._asked = -FRESH_SECONDS
        self._asking = asyncio.Lock()

    def committed(self, messages: int, seconds: float) -> None:
        """The journal stored a batch."""
        self.batches.add(messages)
        self.seconds.add(seconds)

    async def text(self) -> tuple[bytes, str]:
        """All of them in Prometheus's text format, and its media type."""
        # Imported at the first use: 60 ms that the start of the server need not wait for.
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest

        async with self._asking:
            if self._loop_time() - self._asked >= FRESH_SECONDS:
                self._mails = await self._count_mails()
                self._asked = self._loop_time()
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self)
        return generate_latest(registry), CONTENT_TYPE_LATEST

    async def _count_mails(self) -> int | None:
        try:
            async with asyncio.timeout(MAIL_SECONDS):
                return await self.sources.mails()
        except AWAY:
            return None

    def collect(self) -> Iterator["Metric"]:
        """Called by prometheus_client."""
        from prometheus_client.metrics_core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        now = self.sources
        yield InfoMetricFamily("duologue", "What runs here.", {"version": __version__})
        for name, text, value in (
            ("sockets", "Open sockets.", now.sockets()),
            ("handshakes", "Sockets that are being opened.", now.handshakes()),
            ("rooms", "Rooms with a socket on this node.", now.rooms()),
            ("journal_queued", "Messages waiting for a commit.", now.queued()),
            ("broker_up", "Whether other nodes are heard; 1 where there is but one.", not now.away()),
            ("draining", "1 while the node leaves.", now.draining()),
            ("postgres_up", "Whether PostgreSQL answers.", self._mails is not None),
        ):
            yield GaugeMetricFamily(f"duologue_{name}", text, float(value))
        if self._mails is not None:
            yield GaugeMetricFamily("duologue_mails_waiting", "Mails that wait to be sent, of all nodes.", self._mails)
        stored = self.batches.sum
        yield CounterMetricFamily("duologue_messages", "Messages stored by this node.", stored)
        yield CounterMetricFamily("duologue_frames", "Frames written to sockets.", float(now.frames()))
        dropped = float(now.dropped())
        yield CounterMetricFamily(
            "duologue_broker_dropped", "Copies that NATS did not take; read from the log.", dropped
        )
        refused = CounterMetricFamily("duologue_refused", "Sockets and requests that were refused.", labels=["reason"])
        for reason, number in now.refused().items():
            refused.add_metric([reason], number)
        yield refused
        for name, text, found in (
            ("batch_messages", "Messages of one commit.", self.batches),
            ("commit_seconds", "How long commits took, from the call to PostgreSQL's answer.", self.seconds),
        ):
            yield HistogramMetricFamily(f"duologue_{name}", text, buckets=found.buckets(), sum_value=found.sum)


def metrics_router(token: str | None) -> Router:
    """The page; with a token only for `Authorization: Bearer` with it."""

    @get("/metrics", include_in_schema=False)
    async def page(request: Request[Any, Any, Any], metrics: NamedDependency[Metrics]) -> Response[bytes]:
        """For Prometheus."""
        if token is not None:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), token.encode()):
                raise AppError(Code.INVALID_TOKEN if given else Code.NO_TOKEN, "The token of METRICS is needed.")
        body, media_type = await metrics.text()
        return Response(body, headers={"Content-Type": media_type})

    return Router("/", route_handlers=[page])
