"""Work that is done on a simulated host for somebody elsewhere."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.domain.model.errors import UnavailableError

T = TypeVar("T")


async def on_host(loop: SimulatedLoop, host: Host, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Have something done on a host, and wait for it.

    Raises:
        UnavailableError: the host is down, or goes down meanwhile.
    """
    if host.is_down:
        raise UnavailableError(f"collector '{host.host_id}' has crashed")
    outcome: asyncio.Future[T] = loop.create_future()
    host.outcomes[outcome] = None
    task = loop.start_on(host, _settle(host, work, outcome))
    try:
        return await outcome
    except asyncio.CancelledError:
        task.cancel()
        raise


async def _settle(host: Host, work: Callable[[], Coroutine[Any, Any, T]], outcome: asyncio.Future[T]) -> None:
    """Do something on its host, for somebody elsewhere."""
    try:
        result = await work()
    except asyncio.CancelledError:
        outcome.cancel()
        raise
    except BaseException as error:
        if not outcome.done():
            outcome.set_exception(error)
        if not isinstance(error, Exception):
            raise
    else:
        if not outcome.done():
            outcome.set_result(result)
    finally:
        host.outcomes.pop(outcome, None)
