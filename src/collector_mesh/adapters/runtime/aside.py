"""Work beside the event loop, which goes on meanwhile."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Do some work in a thread, and give what comes of it.

    A cancellation waits until the work is over: whatever it uses is nobody else's before that.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            try:
                await asyncio.wait([working])
            except asyncio.CancelledError:
                # A second one; the first one is raised once the work is over.
                continue
        if not working.cancelled():
            # Or it would be said to be lost.
            working.exception()
        raise
