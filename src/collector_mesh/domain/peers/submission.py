"""A call of a client that nobody awaits."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import MeshError, OutcomeUnknownError
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Task, Tasks

_Run = Callable[[Reply | None], Awaitable[Reply]]


class Submission:
    """One such call. Where there is a link, its first try takes no task.

    Args:
        call: the call.
        answer: told once what comes of it, unless it is cancelled.
        run: goes on with it in a task: from the beginning, or after a reply that is no success.
        tasks: runs that.
        clock: the time.
    """

    __slots__ = (
        "_answer",
        "_call",
        "_clock",
        "_engine",
        "_is_last",
        "_is_over",
        "_run",
        "_sent",
        "_task",
        "_tasks",
    )

    def __init__(
        self, call: Call, answer: Callable[[Reply], None], run: _Run, *, tasks: Tasks, clock: Clock
    ) -> None:
        self._call = call
        self._answer = answer
        self._run = run
        self._tasks = tasks
        self._clock = clock
        self._is_over = False
        self._is_last = False
        """Whether what its first try comes to is its reply, whatever that is."""
        self._engine: LinkEngine | None = None
        self._sent: SentCall | None = None
        self._task: Task | None = None

    def send(self, engine: LinkEngine, *, is_last: bool) -> None:
        """Send it over a link.

        Args:
            engine: of the link.
            is_last: whether it goes nowhere else.
        """
        self._is_last = is_last
        self._engine = engine
        self._sent = sent = SentCall(self._call, Mode.DISPATCH, self._tried)
        engine.send(sent)

    def go_on(self, first: Reply | None = None) -> None:
        """Go on with it in a task."""
        self._engine = self._sent = None
        self._task = self._tasks.start(self._goes_on(first), "a call")

    def time_remaining(self) -> float:
        """See `StartedCall`."""
        return max(0.0, self._call.deadline - self._clock.now())

    def cancel(self) -> None:
        """See `StartedCall`."""
        if self._is_over:
            return
        self._is_over = True
        if self._task is not None:
            self._tasks.start(self._task.stop(), "cancel a call")
        elif self._engine is not None and self._sent is not None:
            self._engine.cancel(self._sent)
        self._let_go()

    def _tried(self, reply: Reply) -> None:
        if reply.status is OK or self._is_last:
            self._finish(reply)
        elif not self._is_over:
            self.go_on(reply)

    async def _goes_on(self, first: Reply | None) -> None:
        try:
            reply = await self._run(first)
        except MeshError as error:
            reply = Reply.refused(error)
        except BaseException:
            self._finish(Reply.refused(OutcomeUnknownError("outcome unknown: it was stopped")))
            raise
        self._finish(reply)

    def _finish(self, reply: Reply) -> None:
        if not self._is_over:
            self._is_over = True
            answer = self._answer
            self._let_go()
            answer(reply)

    def _let_go(self) -> None:
        """Refer to nobody who refers to this: that would be garbage for long."""
        self._answer = _untold
        self._engine = self._sent = self._task = None


def _untold(_reply: Reply) -> None:
    """Nobody is told twice."""


if TYPE_CHECKING:
    _fits: type[StartedCall] = Submission
