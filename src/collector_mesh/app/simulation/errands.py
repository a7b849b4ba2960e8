"""Work that is done on a simulated host for somebody elsewhere."""

import asyncio
from collections.abc import Callable, Coroutine
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.domain.model.errors import (
    MeshError,
    OutcomeUnknownError,
    UnavailableError,
    clipped,
    text_of,
)
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_starter import StartedCall

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


class HostedCall:
    """A call that is begun on a host for somebody elsewhere, who is told there what comes of it.

    Args:
        loop: of the simulation.
        host: where it is begun.
        begin: begins it, given whom to tell.
        answer: told what comes of it.
        timeout: seconds that it has, as far as that is known.
    """

    def __init__(
        self,
        loop: SimulatedLoop,
        host: Host,
        begin: Callable[[Callable[[Reply], None]], StartedCall | None],
        answer: Callable[[Reply], None],
        timeout: float | None,
    ) -> None:
        self._loop = loop
        self._host = host
        self._begin = begin
        self._answer = answer
        self._timeout = inf if timeout is None else timeout
        self._started: StartedCall | None = None
        # Whoever crashes the host sets an error; it is told here, and not on the host.
        self._outcome: asyncio.Future[Reply] = loop.create_future()
        host.outcomes[self._outcome] = None
        self._outcome.add_done_callback(self._told)
        loop.call_soon(self._go_on, context=host.context())

    def time_remaining(self) -> float:
        """See `StartedCall`."""
        return self._timeout if self._started is None else self._started.time_remaining()

    def cancel(self) -> None:
        """See `StartedCall`."""
        if not self._outcome.done():
            self._outcome.cancel()
            self._host.outcomes.pop(self._outcome, None)
            self._loop.call_soon(self._stop, context=self._host.context())

    def _go_on(self) -> None:
        if self._outcome.done():
            return
        try:
            self._started = self._begin(self._settle)
        except Exception as error:  # noqa: BLE001  # whoever waits for the call hears of it
            self._settle_with(error)

    def _stop(self) -> None:
        if self._started is not None:
            self._started.cancel()

    def _settle(self, reply: Reply) -> None:
        self._host.outcomes.pop(self._outcome, None)
        if not self._outcome.done():
            self._outcome.set_result(reply)

    def _settle_with(self, error: Exception) -> None:
        self._settle(Reply.refused(error if isinstance(error, MeshError) else _no_call(error)))

    def _told(self, outcome: "asyncio.Future[Reply]") -> None:
        if outcome.cancelled():
            return
        error = outcome.exception()
        if error is None:
            self._answer(outcome.result())
        else:
            # Its host has crashed meanwhile, and has taken along what it knew.
            self._answer(Reply.refused(OutcomeUnknownError(f"outcome unknown: {error}")))


def _no_call(error: Exception) -> UnavailableError:
    return UnavailableError(clipped(f"the call could not be made: {text_of(error)}"))


if TYPE_CHECKING:
    _fits: type[StartedCall] = HostedCall
