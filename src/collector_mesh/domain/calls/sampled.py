"""Calls on their way out of which few are recorded: those are watched, and the others go on as if nobody did.

Whether a call is recorded is one look at one byte of its trace context; see `trace_context`.
"""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.calls.attempt import Attempt
from collector_mesh.domain.calls.judge import Judge
from collector_mesh.domain.calls.watched import WatchedAttempt, WatchedDispatcher
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching
from collector_mesh.domain.topology.candidates import Candidate


class SampledDispatcher:
    """Tells a watch of each call that is recorded.

    Args:
        dispatcher: has calls run.
        watch: is told.
        clock: the time.
    """

    def __init__(self, dispatcher: Dispatching, watch: CallWatch, clock: Clock) -> None:
        self._plain = dispatcher
        self._watched = WatchedDispatcher(dispatcher, watch, clock)

    @property
    def known_key(self) -> Callable[[tuple[str, str, str]], MethodKey | None]:
        """See the port."""
        return self._plain.known_key

    def dispatch(self, call: Call) -> Coroutine[Any, Any, Reply]:
        """See the port; not a coroutine more for a call that is not recorded."""
        trace = call.trace
        if trace and trace[24] & 1:
            return self._watched.dispatch(call)
        return self._plain.dispatch(call)

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall | None:
        """See the port."""
        trace = call.trace
        if trace and trace[24] & 1:
            return self._watched.submit(call, answer)
        return self._plain.submit(call, answer)

    def refuse(self, call: Call, error: MeshError) -> Reply:
        """See the port."""
        trace = call.trace
        return (self._watched if trace and trace[24] & 1 else self._plain).refuse(call, error)


def sampled_attempts(watch: CallWatch, clock: Clock) -> Callable[..., Attempt]:
    """Makes the attempts of calls, and has those of calls that are recorded watched."""

    def attempt(
        call: Call,
        candidate: Candidate,
        way: Way,
        answer: Callable[[Reply], None],
        judge: Judge,
        now: float,
        deadline: float,
    ) -> Attempt:
        trace = call.trace
        if trace and trace[24] & 1:
            return WatchedAttempt(watch, clock, call, candidate, way, answer, judge, now, deadline)
        return Attempt(call, candidate, way, answer, judge, now, deadline)

    return attempt


if TYPE_CHECKING:
    _fits: type[Dispatching] = SampledDispatcher
