"""What a collector that `serve` runs waits for: its start, its peers, a signal."""

import asyncio
import math
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.output import Outlet

if TYPE_CHECKING:
    from collector_mesh.app.cli.config import ServeConfig
    from collector_mesh.app.cli.phases import Phases
    from collector_mesh.app.collector import Collector

EXIT_KILLED = 130
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

ONE_SIGNAL_SECONDS = 0.2
"""Signals that come so soon after the first one are no second one: nobody has asked twice.

`timeout` sends its signal to the process and then to its group; others pass on an interrupt that the terminal has sent to all.
"""

_LOG_SECONDS = 0.2
"""How long the ready line waits at most for what was logged before it: it may be that nobody reads that."""


async def has_started(stop: asyncio.Event, collector: "Collector") -> bool:
    """Start it; a signal that comes before it has started ends that."""
    starting = asyncio.ensure_future(collector.start())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
    if starting.cancelled():
        return False
    starting.result()
    return True


async def ready_with_peers(
    collector: "Collector", config: "ServeConfig", announced: Callable[[], None]
) -> None:
    """Announce that the collector is ready, once it has the peers that it is to wait for.

    Raises:
        CommandError: they have not come in time.
    """
    from collector_mesh.app.cli.serving import needed_peers
    from collector_mesh.domain.model.errors import UnavailableError

    needed = needed_peers(config)
    if needed is not None:
        seconds = config.wait_for_peers_timeout
        try:
            await collector.wait_for(peers=needed, timeout=math.inf if seconds is None else seconds)
        except UnavailableError as error:
            raise CommandError(f"--wait-for-peers {needed}: {error}", EXIT_FAILED) from error
    announced()


async def stopped_or_lost(
    stop: asyncio.Event, collector: "Collector", starting: Coroutine[Any, Any, None]
) -> str:
    """Start, and wait for a signal, or until nobody can connect anymore; give why, or nothing.

    Raises:
        CommandError: the start has failed.
    """
    stopping = asyncio.ensure_future(stop.wait())
    losing = asyncio.ensure_future(collector.wait_unreachable())
    ready = asyncio.ensure_future(starting)
    try:
        await asyncio.wait((stopping, losing, ready), return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            await ready
            await asyncio.wait((stopping, losing), return_when=asyncio.FIRST_COMPLETED)
        return losing.result() if losing.done() else ""
    finally:
        for task in (stopping, losing, ready):
            task.cancel()


def install_signals(stop: asyncio.Event) -> None:
    """The first signal drains, a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    first_at = 0.0

    def received() -> None:
        nonlocal first_at
        if not stop.is_set():
            first_at = loop.time()
            stop.set()
        elif loop.time() - first_at >= ONE_SIGNAL_SECONDS:
            os._exit(EXIT_KILLED)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, received)


def announce(collector: "Collector", phases: "Phases") -> None:
    """Tell whoever has started this that calls are taken; it may not be listening."""
    phases.ready()
    # Whoever has read the line may look into the log for how that came about, or end this at once.
    if isinstance(sys.stderr, Outlet):
        sys.stderr.drain(_LOG_SECONDS)
    sys.stdout.write(f"{collector.collector_id} ready on {collector.bound_address}\n")
    if phases.on_announced:
        # What they write themselves comes after it.
        if isinstance(sys.stdout, Outlet):
            sys.stdout.drain(_LOG_SECONDS)
        phases.announced()
