"""A call that nobody awaits: whoever has handed it in is told what comes of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.calls.attempt_loop import AttemptLoop
from collector_mesh.domain.calls.place import HERE, Place
from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.calls.sender import Sender
from collector_mesh.domain.link.entries import Cancellable
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import OutcomeUnknownError
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.serving.executor import Executor

MISHAP = "outcome unknown: internal error"
"""What is told of a try that something of this collector has ended."""

_NEVER = -1.0


class PendingCall:
    """One such call. While its first try is under way it takes no task beside the handler's.

    Args:
        call: the call.
        answer: given what comes of it.
        ended: told when it is over, with what came of it, or None if it was cancelled.
        loop: goes on after a first try that is no success.
        tasks: runs that.
    """

    __slots__ = (
        "_answer", "_began", "_call", "_deadline", "_ended", "_is_over", "_loop", "_place", "_tasks", "_work",
    )  # fmt: skip

    def __init__(
        self,
        call: Call,
        answer: Callable[[Reply], None],
        ended: Callable[[Reply | None], None],
        loop: AttemptLoop,
        tasks: Tasks,
    ) -> None:
        self._call = call
        self._answer = answer
        self._ended = ended
        self._loop = loop
        self._tasks = tasks
        self._place: Place = HERE
        self._began = _NEVER
        self._deadline = call.deadline
        self._work: Cancellable | None = None
        """What goes on with it: a handler, an attempt, or the loop."""
        self._is_over = False

    def run_here(self, executor: Executor, now: float) -> None:
        """Try it on this collector."""
        self._began = now
        # It may be answered, or go on elsewhere, before `execute` returns.
        work = executor.execute(self._call, self._settle)
        if self._work is None:
            self._work = work

    def send(self, sender: Sender, place: Place, now: float) -> None:
        """Try it at a peer that has a link."""
        assert place is not HERE  # for the type checker
        self._place, self._began = place, now
        attempt = sender.first(self._call, place, self._settle, now)
        self._deadline = attempt.deadline
        self._work = attempt
        attempt.send()

    def go_on(self, state: RetryState, place: Place | None = None) -> None:
        """Try one peer after the other, in a task; the first may have been chosen already."""
        outcome = self._tasks.begin(self._loop.run(state, place))
        if isinstance(outcome, Reply):
            self._finish(outcome)
        else:
            # The deadline is that of each attempt: what has run may still be told.
            self._work = outcome.go_on(float("inf"), _nothing, self._loop_ended(state))

    def fail(self, error: Exception) -> None:
        """Something of this collector has raised: tell what is known of the call."""
        reply = None if self._began == _NEVER else Reply.refused(OutcomeUnknownError(MISHAP))
        self._finish(self._loop.failed(RetryState(self._call), error, reply))

    def time_remaining(self) -> float:
        """See `StartedCall`."""
        return max(0.0, self._call.deadline - self._loop.now())

    def cancel(self) -> None:
        """Stop it: nobody waits for the reply anymore."""
        if not self._is_over:
            self._is_over = True
            self._ended(None)
            self._answer = _untold
            work, self._work = self._work, None
            if work is not None:
                work.cancel()

    def _settle(self, reply: Reply) -> None:
        """Take what came of the first try."""
        if reply.status is OK:
            self._finish(reply)
            return
        if self._is_over:
            return
        state = RetryState(self._call)
        try:
            told = self._loop.take(state, self._place, reply, self._began, self._deadline)
        except Exception as error:  # noqa: BLE001  # a defect of ours: whoever waits hears of it in time
            told = self._loop.failed(state, error, reply)
        if told is None:
            self.go_on(state)
        else:
            self._finish(told)

    def _loop_ended(self, state: RetryState) -> Callable[[Reply | None, BaseException | None], None]:
        def settle(reply: Reply | None, error: BaseException | None) -> None:
            self._finish(self._loop.stopped(state, error) if reply is None else reply)

        return settle

    def _finish(self, reply: Reply) -> None:
        if not self._is_over:
            self._is_over = True
            self._ended(reply)
            answer = self._answer
            # Whoever is told may hold this, and what has worked does: what refers to itself is garbage for long.
            self._answer, self._work = _untold, None
            answer(reply)


def _nothing() -> None:
    """Nothing is given back when the work has ended."""


def _untold(_reply: Reply) -> None:
    """Nobody is told twice."""


if TYPE_CHECKING:
    _fits: type[StartedCall] = PendingCall
