"""A call that is running here, and that nobody awaits."""

from collections.abc import Callable
from typing import Protocol

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.tasks import Started
from collector_mesh.domain.serving.outlived import Outlived


class Runs(Protocol):
    """What runs the call."""

    outlived: Outlived
    """Handlers that go on although nobody waits for them."""

    def outcome(self, call: Call, context: CallContext, error: BaseException | None) -> Reply:
        """The reply where the work has given none."""
        ...


class BegunCall:
    """One such call.

    Args:
        executor: runs it.
        call: the call.
        context: what its handler sees of it.
        answer: told once what comes of it.
        release: gives its slot back.
        started: its work.
    """

    __slots__ = ("_answer", "_call", "_context", "_executor", "_job")

    def __init__(
        self,
        executor: Runs,
        call: Call,
        context: CallContext,
        answer: Callable[[Reply], None],
        release: Callable[[], None],
        started: Started[Reply],
    ) -> None:
        self._executor = executor
        self._call = call
        self._context = context
        self._answer = answer
        self._job = started.go_on(call.deadline, release, self._settle)

    def _settle(self, reply: Reply | None, error: BaseException | None) -> None:
        if reply is None:
            reply = self._executor.outcome(self._call, self._context, error)
        self._answer(reply)

    def cancel(self) -> None:
        """Stop it."""
        self._job.cancel()
        self._executor.outlived.leave(self._context)
