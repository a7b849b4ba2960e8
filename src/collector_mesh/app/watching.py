"""Who watches calls, and the parts that tell of them: none of it is made where nobody does."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.calls.attempt import Attempt
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching
from collector_mesh.domain.serving.executor import Executor

if TYPE_CHECKING:
    from collector_mesh.domain.watching.numbers import Numbers


def make_watch(*sources: CallWatch | None) -> CallWatch | None:
    """Those that watch calls as one, in their order; None where nothing is switched on."""
    if not any(source is not None for source in sources):
        return None
    from collector_mesh.domain.watching.watches import one_watch

    return one_watch(*sources)


def make_executor(
    watch: CallWatch | None,
    numbers: "Numbers | None",
    *parts: Any,
    enter: Callable[[bytes], None] | None = None,
    **more: Any,
) -> Executor:
    """What runs calls here; `enter` as for `WatchedExecutor`."""
    if numbers is None:
        if watch is None:
            return Executor(*parts, **more)
        from collector_mesh.domain.serving.watched import WatchedExecutor

        return WatchedExecutor(*parts, watch=watch, enter=enter, **more)
    from collector_mesh.domain.serving.measured import MeasuredExecutor, MeasuredWatchedExecutor

    if watch is None:
        return MeasuredExecutor(*parts, side=numbers.served, **more)
    return MeasuredWatchedExecutor(*parts, side=numbers.served, watch=watch, enter=enter, **more)


def make_attempts(watch: CallWatch | None) -> Callable[..., Attempt]:
    """What makes the attempts of calls."""
    if watch is None:
        return Attempt
    from collector_mesh.domain.calls.watched import WatchedAttempt

    return partial(WatchedAttempt, watch)


def make_dispatching(dispatcher: Dispatching, watch: CallWatch | None, clock: Clock) -> Dispatching:
    """What is handed every call that is to be dispatched: the dispatcher, or what is around it."""
    if watch is None:
        return dispatcher
    from collector_mesh.domain.calls.watched import WatchedDispatcher

    return WatchedDispatcher(dispatcher, watch, clock)
