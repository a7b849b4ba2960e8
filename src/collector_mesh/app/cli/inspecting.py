"""Has a collector that `serve` runs be looked at from its machine."""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from collector_mesh.adapters.grpc.local_inspection import UNIX, LocalInspection
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli.local_sockets import Claim, LocalError, own_folder, socket_path
from collector_mesh.app.cli.phases import Phases
from collector_mesh.app.collector import Collector
from collector_mesh.domain.model.errors import ListenError

if TYPE_CHECKING:
    from collector_mesh.domain.model.reloaded import ReloadReport


@asynccontextmanager
async def looked_at(
    collector: Collector, phases: Phases, reload: Callable[[], Awaitable["ReloadReport"]]
) -> AsyncIterator[None]:
    """Have a socket while the context is open; without one the collector serves all the same, and the log says why.

    Args:
        collector: which is looked at.
        phases: tell the socket how far it is, whose health says so.
        reload: has it read its configuration again.
    """
    async with AsyncExitStack() as opened:
        try:
            path = socket_path(own_folder(os.environ), collector.collector_id)
            opened.enter_context(Claim(path, collector.collector_id))
            inspection = await opened.enter_async_context(
                LocalInspection(collector.container.gateway(), path, reload)
            )
            phases.on_ready.append(inspection.ready)
            phases.on_drain.append(inspection.drain)
            log(logging.DEBUG, "inspectable", {"address": f"{UNIX}{path}"})
        except (LocalError, ListenError) as error:
            _tell(str(error))
        except OSError as error:
            _tell(f"{error.filename or 'the socket'}: {error.strerror or error}")
        yield


def _tell(reason: str) -> None:
    log(logging.WARNING, "inspection_unavailable", {"reason": reason})
