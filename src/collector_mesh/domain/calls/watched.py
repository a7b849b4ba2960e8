"""The dispatcher and its attempts where somebody watches calls."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.calls.attempt import Attempt
from collector_mesh.domain.calls.judge import Judge
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching
from collector_mesh.domain.serving.watched import WatchedCall
from collector_mesh.domain.topology.candidates import Candidate


class WatchedDispatcher:
    """Tells a watch of each call that is dispatched.

    Args:
        dispatcher: has calls run.
        watch: is told.
        clock: the time.
    """

    def __init__(self, dispatcher: Dispatching, watch: CallWatch, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._watch = watch
        self._now = clock.now

    @property
    def known_key(self) -> Callable[[tuple[str, str, str]], MethodKey | None]:
        """See the port."""
        return self._dispatcher.known_key

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        watch, began = self._watch, self._now()
        watch.dispatching(call)
        reply = None
        try:
            reply = await self._dispatcher.dispatch(call)
            return reply
        finally:
            watch.dispatched(call, reply, began, self._now())

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall | None:
        """See the port."""
        watch = self._watch
        submitted = WatchedCall(watch.dispatching, watch.dispatched, call, self._now, answer)
        try:
            begun = self._dispatcher.submit(call, submitted.settle)
        except BaseException:
            submitted.end(None)
            raise
        return submitted.with_work(begun)

    def refuse(self, call: Call, error: MeshError) -> Reply:
        """See the port."""
        reply = self._dispatcher.refuse(call, error)
        now = self._now()
        self._watch.dispatching(call)
        self._watch.dispatched(call, reply, now, now)
        return reply


class WatchedAttempt(Attempt):
    """An attempt whose beginning and end a watch is told of."""

    __slots__ = ("_is_told", "_now", "_watch")

    def __init__(
        self,
        watch: CallWatch,
        clock: Clock,
        call: Call,
        candidate: Candidate,
        way: Way,
        answer: Callable[[Reply], None],
        judge: Judge,
        now: float,
        deadline: float,
    ) -> None:
        self._watch = watch
        self._now = clock.now
        self._is_told = False
        call = watch.attempting(call, candidate.peer_id)
        super().__init__(call, candidate, way, answer, judge, now, deadline)

    def send(self) -> None:
        """See the base class."""
        try:
            self._way.send(self)
        except BaseException:
            self._tell(None)
            raise

    def settle(self, reply: Reply) -> None:
        """See the base class."""
        try:
            self._tell(reply)
        finally:
            super().settle(reply)

    def cancel(self) -> None:
        """See the base class."""
        try:
            self._tell(None)
        finally:
            super().cancel()

    def _tell(self, reply: Reply | None) -> None:
        if not self._is_told:
            self._is_told = True
            # Not the time of its link: who gives up does so between two messages of that.
            self._watch.attempted(self.call, self.candidate.peer_id, reply, self.began, self._now())


if TYPE_CHECKING:
    _fits: type[Dispatching] = WatchedDispatcher
