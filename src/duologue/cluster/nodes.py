"""Which nodes live, and whether they are heard: silence of a living one means that its copies are lost."""

from collections.abc import Callable, Collection
from uuid import UUID

__all__ = ["HEARD_SECONDS", "Nodes"]

HEARD_SECONDS = 3.0  # each says every second that it is there


class Nodes:
    """The others, by the heartbeats in the database, and by what arrives from them."""

    def __init__(self, own: UUID, time: Callable[[], float]) -> None:
        self.own = own
        self._time = time
        self._living: set[UUID] = set()
        self._heard: dict[UUID, float] = {}
        self.gone = 0
        """How many have left or died: what they had to tell last may not have been said."""

    def live(self, nodes: Collection[UUID]) -> None:
        """Those whose heartbeat in the database is fresh."""
        known = self._living | self._heard.keys()
        self._living = set(nodes) - {self.own}
        self._heard = {
            node: moment for node, moment in self._heard.items() if node in self._living or self._fresh(moment)
        }
        self.gone += len(known - self._living - self._heard.keys())

    def hear(self, node: UUID) -> None:
        """Something came from this node."""
        self._heard[node] = self._time()

    @property
    def silent(self) -> set[UUID]:
        """Those that live and are not heard."""
        return {node for node in self._living if not self._fresh(self._heard.get(node, 0.0))}

    def _fresh(self, moment: float) -> bool:
        return self._time() - moment < HEARD_SECONDS
