"""Calls that a handler begins and does not await, as by stubs: they end with the call of the handler."""

from collections.abc import Callable

from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import Executed, MeshError
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_starter import StartedCall

_CANCELLED = 499


class BegunInHandler:
    """One such call.

    Args:
        context: the call that the handler runs for.
        answer: told what comes of it.
    """

    __slots__ = ("_answer", "_context", "_is_over", "_started")

    def __init__(self, context: CallContext, answer: Callable[[Reply], None]) -> None:
        self._context = context
        self._answer = answer
        self._started: StartedCall | None = None
        self._is_over = False

    def settle(self, reply: Reply) -> None:
        """Take its reply."""
        if not self._is_over:
            answer = self._end()
            answer(reply)

    def begun(self, started: StartedCall | None) -> StartedCall | None:
        """Take down that it is under way; gives what stands for it."""
        if started is None:
            return None
        self._started = started
        if not self._is_over:
            self._context.begins(self)
        return self

    def time_remaining(self) -> float:
        """See `StartedCall`."""
        return 0.0 if self._started is None else self._started.time_remaining()

    def cancel(self) -> None:
        """See `StartedCall`."""
        if not self._is_over:
            self._end()
            if self._started is not None:
                self._started.cancel()

    def abandon(self) -> None:
        """End it, since nobody waits for the handler: whoever waits for it hears why."""
        if not self._is_over:
            answer = self._end()
            if self._started is not None:
                self._started.cancel()
            text = "the handler that has made the call was cancelled"
            answer(Reply.refused(MeshError(text, code=_CANCELLED, executed=Executed.MAYBE)))

    def _end(self) -> Callable[[Reply], None]:
        self._is_over = True
        if self._started is not None:
            self._context.ends(self)
        answer, self._answer = self._answer, _untold
        return answer


def _untold(_reply: Reply) -> None:
    """Nobody is told twice."""
