"""Middleware, and the parts that it is around: none of it is made where there is none."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Whoever imports the class of collectors need not make one.
    from collector_mesh.app.options import Options
    from collector_mesh.app.settings import Settings
    from collector_mesh.domain.calls.checks import CallChecks
    from collector_mesh.domain.calls.dispatcher import Dispatcher
    from collector_mesh.domain.ports.clock import Clock
    from collector_mesh.domain.ports.dispatching import Dispatching
    from collector_mesh.domain.ports.observer import Observer
    from collector_mesh.domain.ports.tasks import Tasks
    from collector_mesh.domain.serving.around import Around


def make_surrounded(
    options: "Options",
    settings: "Settings",
    dispatcher: "Dispatcher",
    checks: "CallChecks",
    tasks: "Tasks",
    clock: "Clock",
    observer: "Observer",
) -> "Dispatching":
    """The dispatcher, or what has calls meet middleware before it."""
    if not options.middleware:
        return dispatcher
    from collector_mesh.domain.calls.around import AroundDispatcher

    middleware = AroundDispatcher.of(tuple(options.middleware))
    if not middleware:
        return dispatcher
    return AroundDispatcher(
        dispatcher,
        middleware,
        collector_id=options.collector_id,
        checks=checks,
        tasks=tasks,
        clock=clock,
        observer=observer,
        max_payload_bytes=settings.max_payload_bytes,
        expose=settings.expose_handler_errors,
    )


def around_handlers(options: "Options") -> "Around | None":
    """What is around every handler of a collector, None where nothing is."""
    if not options.middleware:
        return None
    from collector_mesh.domain.serving.around import Around

    return Around.of(tuple(options.middleware))
