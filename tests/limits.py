"""How long tests wait for what has to happen. Nothing that is told of the mesh is a time of this machine."""

import asyncio
from collections.abc import Callable

LIMIT_SECONDS = 100.0
"""Many times of what anything takes that a test waits for, also on a machine that is busy: only a failure takes so long."""

_LOOK_SECONDS = 0.002


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds; fail if it does not within the limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(_LOOK_SECONDS)
