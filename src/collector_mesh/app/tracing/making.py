"""What traces calls, made of what was given; nothing of it is loaded where nobody asks for it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from collector_mesh.app.options import ClientOptions, Options
from collector_mesh.app.settings import Settings
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness

if TYPE_CHECKING:
    from collector_mesh.app.hooks.tracer import GuardedTracer
    from collector_mesh.domain.calls.watched_client import WatchedClientLink
    from collector_mesh.domain.peers.client_link import ClientLink
    from collector_mesh.domain.ports.observer import Observer
    from collector_mesh.domain.watching.access_log import AccessLog
    from collector_mesh.domain.watching.roots import TraceRoots
    from collector_mesh.domain.watching.spans import SpanWatch


FLUSH_SECONDS = 2.0
"""How long the end of a collector or a client waits at most until what was recorded has been passed on."""

_LATE_SECONDS = 0.5
"""How much longer, where a tracer of a user's does not heed that."""


def make_roots(options: Options | ClientOptions, settings: Settings, dice: Randomness) -> "TraceRoots | None":
    """What gives calls trace contexts that have none; None where nobody reads these."""
    if options.tracer is None and not options.trace_ids and not access_log_is_on(settings):
        return None
    from collector_mesh.domain.watching.roots import TraceRoots

    return TraceRoots(dice, settings.trace_sample, records=options.tracer is not None)


def access_log_is_on(settings: Settings) -> bool:
    """Whether there is to be an access log."""
    return settings.access_log > 0 or settings.access_log_errors


def make_access_log(
    collector_id: str, settings: Settings, observer: "Observer", dice: Randomness
) -> "AccessLog | None":
    """What tells of calls that have ended."""
    if not access_log_is_on(settings):
        return None
    from collector_mesh.domain.watching.access_log import AccessLog

    return AccessLog(collector_id, settings.access_log, observer, dice, errors=settings.access_log_errors)


def make_tracer(
    options: Options | ClientOptions, collector_id: str, observer: "Observer"
) -> "GuardedTracer | None":
    """Who takes the spans of recorded calls, behind a guard."""
    if options.tracer is None:
        return None
    from collector_mesh.app.hooks.tracer import GuardedTracer

    return GuardedTracer(options.tracer, collector_id, observer)


def make_span_watch(
    collector_id: str, tracer: "GuardedTracer | None", roots: "TraceRoots | None"
) -> "SpanWatch | None":
    """What makes the spans."""
    if tracer is None or roots is None:
        return None
    from collector_mesh.domain.watching.spans import SpanWatch

    return SpanWatch(collector_id, tracer, roots)


def make_calling(
    link: "ClientLink", watch: "SpanWatch | None", clock: Clock
) -> "ClientLink | WatchedClientLink":
    """What the calls of a client go over: its link, or what is around it."""
    if watch is None:
        return link
    from collector_mesh.domain.calls.watched_client import WatchedClientLink

    return WatchedClientLink(link, watch, clock)


async def flushed(tracer: "GuardedTracer") -> None:
    """Have what was recorded passed on, for a short time: whoever takes it may hang."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_SECONDS + _LATE_SECONDS):
            await tracer.flush(FLUSH_SECONDS)


def root_of(roots: "TraceRoots | None") -> Callable[[], bytes] | None:
    """Gives a new trace context; None where nobody reads them."""
    return None if roots is None else roots.root


def current_of(tracer: "GuardedTracer | None") -> Callable[[], bytes] | None:
    """Gives the trace context of the program's own current span; None where nothing is traced."""
    return None if tracer is None else tracer.current


def enter_of(tracer: "GuardedTracer | None") -> Callable[[bytes], None] | None:
    """Makes a call's span the current one of its handler; None where nothing is traced."""
    return None if tracer is None else tracer.enter
