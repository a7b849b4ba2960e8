"""The executor where somebody watches calls."""

from collections.abc import Callable
from typing import Any

from collector_mesh.domain.link.entries import Cancellable
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.serving.executor import Executor


class WatchedExecutor(Executor):
    """Tells a watch of each call that is to run here.

    Args:
        parts: those of the executor.
        watch: is told.
        more: further parts of the executor.
    """

    def __init__(self, *parts: Any, watch: CallWatch, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._watch = watch

    async def run(self, call: Call) -> Reply:
        """See the base class."""
        watch, now = self._watch, self._clock.now
        began = now()
        watch.serving(call)
        reply = None
        try:
            reply = await super().run(call)
            return reply
        finally:
            watch.served(call, reply, began, now())

    def execute(self, call: Call, answer: Callable[[Reply], None]) -> "Cancellable | None":
        """See the base class."""
        executed = WatchedCall(self._watch.serving, self._watch.served, call, self._clock.now, answer)
        try:
            begun = super().execute(call, executed.settle)
        except BaseException:
            executed.end(None)
            raise
        return executed.with_work(begun)

    def refuse(self, call: Call, error: MeshError) -> Reply:
        """See the base class."""
        reply = super().refuse(call, error)
        now = self._clock.now()
        self._watch.serving(call)
        self._watch.served(call, reply, now, now)
        return reply


class WatchedCall:
    """A call that nobody awaits, here or on its way out, and whose beginning and end are told once.

    Args:
        begins: told of the call now.
        ended: told of it, of what came of it (None if it was cancelled), and of when it began and ended.
        call: the call.
        now: gives the time.
        answer: called with what comes of it.
    """

    __slots__ = ("_answer", "_began", "_call", "_ended", "_is_over", "_now", "_work")

    def __init__(
        self,
        begins: Callable[[Call], None],
        ended: Callable[[Call, Reply | None, float, float], None],
        call: Call,
        now: Callable[[], float],
        answer: Callable[[Reply], None],
    ) -> None:
        self._ended = ended
        self._call = call
        self._now = now
        self._answer = answer
        self._is_over = False
        self._work: Cancellable | None = None
        self._began = now()
        begins(call)

    def with_work(self, work: Cancellable | None) -> "WatchedCall | None":
        """Keep what goes on with it, which has perhaps ended already."""
        if work is None:
            return None
        if not self._is_over:
            self._work = work
        return self

    def settle(self, reply: Reply) -> None:
        """Take what came of it."""
        answer = self._answer
        try:
            self.end(reply)
        finally:
            # Whatever is made of it, somebody waits for it.
            answer(reply)

    def end(self, reply: Reply | None) -> None:
        """Tell that it has ended."""
        if not self._is_over:
            self._is_over = True
            # What refers to itself is garbage for long.
            self._work, self._answer = None, _untold
            self._ended(self._call, reply, self._began, self._now())

    def time_remaining(self) -> float:
        """See `StartedCall`."""
        return max(0.0, self._call.deadline - self._now())

    def cancel(self) -> None:
        """Stop it."""
        work = self._work
        try:
            self.end(None)
        finally:
            if work is not None:
                work.cancel()


def _untold(_reply: Reply) -> None:
    """Nobody is told twice."""
