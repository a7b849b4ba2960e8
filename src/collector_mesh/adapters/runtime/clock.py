"""The time, as the event loop has it."""

import asyncio
import contextvars
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.ports.clock import Alarm, Clock, Timer


class LoopAlarm:
    """An alarm that sleeps in the running loop."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """See the port."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    def ring(self) -> None:
        """See the port."""
        self._rung.set()


class LoopClock:
    """The clock of every event loop on this machine."""

    # Assigned, not wrapped: it is asked several times a call.
    now = staticmethod(time.monotonic)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """See the port."""
        # Not at a time of the loop, which may count from elsewhere.
        left = max(0.0, when - self.now())
        return asyncio.get_running_loop().call_later(left, callback, context=contextvars.Context())

    def alarm(self) -> LoopAlarm:
        """See the port."""
        return LoopAlarm()


if TYPE_CHECKING:
    _clock_fits: Clock = LoopClock()
    _alarm_fits: type[Alarm] = LoopAlarm
