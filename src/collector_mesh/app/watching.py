"""Who watches calls, and the parts that tell of them: none of it is made where nobody does."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.calls.attempt import Attempt
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching
from collector_mesh.domain.serving.executor import Executor

if TYPE_CHECKING:
    from collector_mesh.domain.ports.call_watch import CallWatch
    from collector_mesh.domain.watching.numbers import Numbers


def make_watch(*sources: "CallWatch | None") -> "CallWatch | None":
    """Those that watch calls as one, in their order; None where nothing is switched on."""
    if not any(source is not None for source in sources):
        return None
    from collector_mesh.domain.watching.watches import one_watch

    return one_watch(*sources)


def make_executor(
    watch: "CallWatch | None",
    spans: "CallWatch | None",
    numbers: "Numbers | None",
    *parts: Any,
    enter: Callable[[bytes], None] | None = None,
    **more: Any,
) -> Executor:
    """What runs calls here; `enter` as for `SampledExecutor`."""
    kind: type[Executor] = Executor
    if numbers is not None:
        from collector_mesh.domain.serving.measured import MeasuredExecutor, MeasuredWatchedExecutor

        kind = MeasuredExecutor if watch is None else MeasuredWatchedExecutor
        more["side"] = numbers.served
    elif watch is not None:
        from collector_mesh.domain.serving.watched import WatchedExecutor

        kind = WatchedExecutor
    if watch is not None:
        more["watch"] = watch
    if spans is not None:
        from collector_mesh.domain.serving.sampled import sampled

        kind = sampled(kind)
        more |= {"spans": spans, "enter": enter}
    return kind(*parts, **more)


def make_attempts(
    watch: "CallWatch | None", spans: "CallWatch | None", clock: Clock
) -> Callable[..., Attempt]:
    """What makes the attempts of calls; metrics count them elsewhere."""
    if watch is not None:
        from collector_mesh.domain.calls.watched import WatchedAttempt

        return partial(WatchedAttempt, make_watch(watch, spans) or watch, clock)
    if spans is None:
        return Attempt
    from collector_mesh.domain.calls.sampled import sampled_attempts

    return sampled_attempts(spans, clock)


def make_dispatching(
    dispatcher: Dispatching, watch: "CallWatch | None", spans: "CallWatch | None", clock: Clock
) -> Dispatching:
    """What is handed every call that is to be dispatched: the dispatcher, or what is around it."""
    dispatching = dispatcher
    if watch is not None:
        from collector_mesh.domain.calls.watched import WatchedDispatcher

        dispatching = WatchedDispatcher(dispatching, watch, clock)
    if spans is not None:
        from collector_mesh.domain.calls.sampled import SampledDispatcher

        dispatching = SampledDispatcher(dispatching, spans, clock)
    return dispatching
