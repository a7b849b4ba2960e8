"""Has a collector that `serve` runs be looked at from its machine."""

import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from collector_mesh.adapters.grpc.local_inspection import UNIX, LocalInspection
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli.local_sockets import Claim, LocalError, own_folder, socket_path
from collector_mesh.app.collector import Collector
from collector_mesh.domain.model.errors import ListenError


@asynccontextmanager
async def looked_at(collector: Collector) -> AsyncIterator[Callable[[], None]]:
    """Have a socket while the context is open; without one the collector serves all the same, and the log says why.

    Yields:
        What is called when the collector begins to drain.
    """
    async with AsyncExitStack() as opened:
        draining: Callable[[], None] = lambda: None  # noqa: E731
        try:
            path = socket_path(own_folder(os.environ), collector.collector_id)
            opened.enter_context(Claim(path, collector.collector_id))
            inspection = await opened.enter_async_context(
                LocalInspection(collector.container.gateway(), path)
            )
            draining = inspection.drain
            log(logging.DEBUG, "inspectable", {"address": f"{UNIX}{path}"})
        except (LocalError, ListenError) as error:
            _tell(str(error))
        except OSError as error:
            _tell(f"{error.filename or 'the socket'}: {error.strerror or error}")
        yield draining


def _tell(reason: str) -> None:
    log(logging.WARNING, "inspection_unavailable", {"reason": reason})
