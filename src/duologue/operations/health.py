"""`/healthz`: the process answers. `/readyz`: it can do its work."""

import asyncpg
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec

from duologue.database.faults import AWAY
from duologue.database.pool import ping
from duologue.wire.base import Wire

__all__ = ["Readiness", "health_router"]

SECONDS = 2.0


class Health(Wire, frozen=True):
    """`status` is `ok`, or what is wrong."""

    status: str


class Readiness:
    """Whether this node should be sent people."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.draining = False

    async def fault(self) -> str | None:
        """What is wrong, if anything."""
        if self.draining:
            return "draining"
        try:
            await ping(self._pool, SECONDS)
        except AWAY:
            return "PostgreSQL is away"
        return None


@get("/healthz", summary="Whether the process answers", sync_to_thread=False, security=[{}])
def healthz() -> Health:
    """Always `ok`."""
    return Health("ok")


@get(
    "/readyz",
    summary="Whether this node can do its work",
    security=[{}],
    responses={503: ResponseSpec(Health, description="It cannot", generate_examples=False)},
)
async def readyz(readiness: NamedDependency[Readiness]) -> Response[Health]:
    """503 while PostgreSQL is away or the node is leaving."""
    fault = await readiness.fault()
    return Response(Health(fault or "ok"), status_code=503 if fault else 200)


def health_router() -> Router:
    """The two probes."""
    return Router("/", route_handlers=[healthz, readyz], tags=["Operations"])
