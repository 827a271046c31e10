"""Waiting for what a client tells."""

import asyncio

from duologue.client import LinkState, NewMessage

SECONDS = 30.0


async def heard(stream, kind, count=1):
    """The next events of that type; others are passed over."""
    found = []
    async with asyncio.timeout(SECONDS):
        async for event in stream:
            if isinstance(event, kind):
                found.append(event)
                if len(found) == count:
                    break
    return found[0] if count == 1 else found


async def contents(stream, count):
    """What the next messages say."""
    events = await heard(stream, NewMessage, count)
    return [event.data.content for event in ([events] if count == 1 else events)]


async def phase(duologue, wanted):
    """Wait until the link is in that phase; its state."""
    changed = asyncio.Event()
    off = duologue.on(LinkState, lambda state: changed.set())
    try:
        async with asyncio.timeout(SECONDS):
            while duologue.state.phase is not wanted:
                changed.clear()
                await changed.wait()
    finally:
        off()
    return duologue.state
