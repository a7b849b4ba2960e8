"""The metrics of one collector: what is read of it, wherever somebody asks, and its endpoint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from collector_mesh.domain.model.events import MetricsServed
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.readings import Readings
from collector_mesh.domain.watching.families import Family
from collector_mesh.domain.watching.loop_lag import LoopLag

if TYPE_CHECKING:
    from collector_mesh.app.metrics.scraping import Scraping

READ_SECONDS = 5.0
"""How long another thread waits for the event loop of a collector."""


class Metrics:
    """Reads a collector, and answers scrapers where it is to.

    Args:
        readings: of the collector.
        lag: sees how late the event loop is.
        address: HOST:PORT of an endpoint, None for none.
        observer: hears where that is.
    """

    def __init__(self, readings: Readings, lag: LoopLag, address: str | None, observer: Observer) -> None:
        self._readings = readings
        self._lag = lag
        self._address = address
        self._observer = observer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scraping: Scraping | None = None

    @property
    def collector_id(self) -> str:
        """Of the collector."""
        return self._readings.collector_id

    @property
    def address(self) -> str:
        """Where its endpoint listens, with the real port; empty while it does not."""
        return "" if self._scraping is None else self._scraping.address

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Look at the event loop, and answer scrapers.

        Raises:
            ListenError: the address is taken or not of this machine.
        """
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as opened:
            if self._address is not None:
                from collector_mesh.app.metrics.scraping import Scraping

                self._scraping = Scraping(self, self._address, self._observer)
                await opened.enter_async_context(self._scraping.open())
                self._observer.tell(MetricsServed(self.collector_id, self.address))
            opened.push_async_callback(self._lag.close)
            self._lag.start()
            yield

    async def read(self) -> list[Family]:
        """Read everything, in the event loop of the collector; other work is done between two metrics."""
        families = []
        for family in self._readings.read():
            families.append(family)
            await asyncio.sleep(0)
        return families

    def read_from_anywhere(self) -> list[Family]:
        """The same in any thread, which waits for it.

        Raises:
            TimeoutError: the event loop does nothing.
        """
        loop = self._loop
        if loop is None or not loop.is_running() or loop is _running_loop():
            return list(self._readings.read())
        future = asyncio.run_coroutine_threadsafe(self.read(), loop)
        try:
            return future.result(READ_SECONDS)
        finally:
            future.cancel()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
