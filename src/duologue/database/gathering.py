"""One statement for all who ask at one time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

__all__ = ["Gathering"]

MOST = 500  # keys in a statement

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Gathering(Generic[Key, Answer]):
    """Asks at once for a first key; whoever comes while an answer is on its way shares the next statement.

    A query is mostly its way there and back: fifty handshakes at once cost one (`python -m bench connects`).
    """

    def __init__(self, ask: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Answer]]]) -> None:
        """`ask` answers for those keys that it knows; what it raises, all who asked are told."""
        self._ask = ask
        self._waiting: dict[Key, asyncio.Future[Answer | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Answer | None:
        """The answer for this key, asked for after this call."""
        answer = self._waiting.get(key)
        if answer is None:
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._asking is None:
                self._asking = asyncio.create_task(self._run(), name="gathering")
        return await asyncio.shield(answer)  # others may wait for it too

    async def _run(self) -> None:
        try:
            while self._waiting:
                some = {key: self._waiting.pop(key) for key in list(self._waiting)[:MOST]}
                try:
                    found = await self._ask(list(some))
                except Exception as error:  # noqa: BLE001 (passed on to all who asked)
                    for answer in some.values():
                        answer.set_exception(error)
                        answer.exception()  # whoever asked may have left
                else:
                    for key, answer in some.items():
                        answer.set_result(found.get(key))
        finally:
            self._asking = None
