"""The executor where calls are counted by method and timed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import HandlerError, MeshError
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.concurrency import Slot
from collector_mesh.domain.ports.tasks import Job, Started
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.handlers import Method
from collector_mesh.domain.serving.watched import WatchedExecutor
from collector_mesh.domain.watching.method_numbers import CANCELLED, MethodNumbers, SideNumbers


class MeasuredExecutor(Executor):
    """Counts each call that is to run here.

    Args:
        parts: those of the executor.
        side: the numbers.
        more: further parts of the executor.
    """

    def __init__(self, *parts: Any, side: SideNumbers, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._side = side
        self._now = self._clock.now
        self._begin_work = super()._begin

    def refuse(self, call: Call, error: MeshError) -> Reply:
        """See the base class."""
        self._side.of(call).refused(error.code)
        return super().refuse(call, error)

    def _not_admitted(self, call: Call, error: MeshError) -> Reply:
        self._side.of(call).refused(error.code)
        return super()._not_admitted(call, error)

    def _begin(
        self, call: Call, context: CallContext, method: Method | None, share: Slot
    ) -> Reply | Started[Reply]:
        numbers, began = self._side.begins(call), self._now()
        try:
            outcome = self._begin_work(call, context, method, share)
        except BaseException:
            numbers.has_ended(None, self._now() - began)
            raise
        if not isinstance(outcome, Reply):
            return _Measured(outcome, numbers, began, self._now)
        numbers.has_ended(outcome, self._now() - began)
        return outcome


class MeasuredWatchedExecutor(MeasuredExecutor, WatchedExecutor):
    """The same where somebody watches calls too."""


class _Measured:
    """Work whose end is counted once."""

    __slots__ = ("_began", "_is_over", "_job", "_now", "_numbers", "_started")

    def __init__(
        self, started: Started[Reply], numbers: MethodNumbers, began: float, now: Callable[[], float]
    ) -> None:
        self._started = started
        self._numbers = numbers
        self._began = began
        self._now = now
        self._is_over = False
        self._job: Job | None = None

    def go_on(
        self,
        deadline: float,
        ended: Callable[[], None],
        settle: Callable[[Reply | None, BaseException | None], None],
    ) -> Job:
        """See `Started`."""

        def settled(reply: Reply | None, error: BaseException | None) -> None:
            self._end(_code_of(error) if reply is None else reply.status.code)
            settle(reply, error)

        self._job = self._started.go_on(deadline, ended, settled)
        return self

    async def result(self, deadline: float, ended: Callable[[], None]) -> Reply:
        """See `Started`."""
        try:
            reply = await self._started.result(deadline, ended)
        except MeshError as error:
            self._end(error.code)
            raise
        except BaseException:
            self._end(CANCELLED)
            raise
        self._end(reply.status.code)
        return reply

    def cancel(self) -> None:
        """See `Job`."""
        self._end(CANCELLED)
        if self._job is not None:
            self._job.cancel()

    def _end(self, code: int) -> None:
        if not self._is_over:
            self._is_over = True
            self._numbers.ended(code, self._now() - self._began)


def _code_of(error: BaseException | None) -> int:
    return error.code if isinstance(error, MeshError) else HandlerError.code


if TYPE_CHECKING:
    _started_fits: type[Started[Reply]] = _Measured
    _job_fits: type[Job] = _Measured
