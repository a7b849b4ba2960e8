"""The endpoint of a collector for scrapers."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from collector_mesh.adapters.prometheus.endpoint import Answer, Headers, serving
from collector_mesh.adapters.prometheus.text import Format, format_of, metrics_of, of_process, text_of
from collector_mesh.app.metrics.metrics import Metrics
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.events import Defect
from collector_mesh.domain.ports.observer import Observer


class Scraping:
    """Answers scrapers; those that come while a text is made get that one.

    Args:
        metrics: of the collector.
        address: HOST:PORT.
        observer: hears where something here goes wrong.
    """

    def __init__(self, metrics: Metrics, address: str, observer: Observer) -> None:
        self._metrics = metrics
        self._observer = observer
        self._where = HostPort.parse(address, field="metrics")
        self._making: dict[Format, asyncio.Task[bytes]] = {}
        self._thread: ThreadPoolExecutor | None = None
        self.address = ""
        """Where it listens, with the real port; empty while it does not."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer scrapers.

        Raises:
            ListenError: the address is taken or not of this machine.
        """
        self._thread = ThreadPoolExecutor(1, "metrics")
        try:
            async with serving(self._where, self._scrape) as self.address:
                yield
        finally:
            self.address = ""
            making = tuple(self._making.values())
            for task in making:
                task.cancel()
            await asyncio.gather(*making, return_exceptions=True)
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _scrape(self, headers: Headers) -> Answer:
        form = format_of(headers.get("accept", ""), headers.get("accept-encoding", ""))
        task = self._making.get(form)
        if task is None:
            task = self._making[form] = asyncio.get_running_loop().create_task(self._made(form))
            task.add_done_callback(lambda _done: self._making.pop(form, None))
        try:
            # Whoever has asked first may go before it is made.
            text = await asyncio.shield(task)
        except Exception as error:  # noqa: BLE001  # a defect of ours, or of the library: the log has it, not the scraper
            self._observer.tell(Defect(self._metrics.collector_id, "metrics", error))
            return Answer(
                500, b"the metrics cannot be read, see the log\n", (("Content-Type", "text/plain"),)
            )
        return Answer(200, text, form.headers)

    async def _made(self, form: Format) -> bytes:
        collector_id, families = self._metrics.collector_id, await self._metrics.read()

        def make() -> bytes:
            return text_of([*metrics_of([(collector_id, families)]), *of_process()], form)

        return await asyncio.get_running_loop().run_in_executor(self._thread, make)
