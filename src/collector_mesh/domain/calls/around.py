"""Middleware around calls that are dispatched."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    OutcomeUnknownError,
    attribute_of,
    clipped,
    text_of,
)
from collector_mesh.domain.model.events import HookFailed
from collector_mesh.domain.model.middleware import DispatchNext, Middleware, OutgoingCall
from collector_mesh.domain.model.passage import Passage
from collector_mesh.domain.model.status import Reply, Status, chosen_status
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Job, Tasks

_LATE_SECONDS = 0.05
"""How much later than a call middleware is ended: what the dispatcher says of a call whose time is up tells more."""

_IS_INSIDE: ContextVar[bool] = ContextVar("collector_mesh_in_middleware", default=False)
"""Whether the running code is middleware around dispatch: the calls that it makes itself do not meet it again."""


class AroundDispatcher:
    """Has each call that begins here, or comes from a client, meet middleware before it is dispatched.

    Calls that peers have this collector pass on have met that of the collector at which they came into the mesh.

    Args:
        dispatcher: has calls run.
        middleware: in the order in which calls meet it; all of it has something to do.
        collector_id: of this collector.
        checks: whether a client's call may go on; middleware sees none that may not.
        tasks: where it runs.
        clock: the time.
        observer: told of what it raises.
        max_payload_bytes: of the largest reply.
        expose: whether callers see the text of what it raises.
    """

    def __init__(
        self,
        dispatcher: Dispatching,
        middleware: tuple[Middleware, ...],
        *,
        collector_id: str,
        checks: CallChecks,
        tasks: Tasks,
        clock: Clock,
        observer: Observer,
        max_payload_bytes: int,
        expose: bool,
    ) -> None:
        self.dispatcher = dispatcher
        self.steps: tuple[Callable[[OutgoingCall, DispatchNext], Awaitable[Reply]], ...] = tuple(
            each.dispatch for each in middleware
        )
        self._collector_id = collector_id
        self._checks = checks
        self._begin = tasks.begin
        self._awaited = tasks.awaited
        self.is_cancellation = tasks.is_cancellation
        self._now = clock.now
        self._observer = observer
        self.max_payload_bytes = max_payload_bytes
        self._expose = expose
        self.known_key = dispatcher.known_key
        """See the port."""

    @staticmethod
    def of(middleware: tuple[Middleware, ...]) -> tuple[Middleware, ...]:
        """Those that have something to do where calls are dispatched."""
        return tuple(each for each in middleware if type(each).dispatch is not Middleware.dispatch)

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        if _IS_INSIDE.get():
            return await self.dispatcher.dispatch(call)
        if call.origin is not Origin.LOCAL:
            if call.origin is Origin.PEER:
                return await self.dispatcher.dispatch(call)
            refused = self._refused(call)
            if refused is not None:
                return refused
        passage = _Passage(self)
        _IS_INSIDE.set(True)
        try:
            return await self._awaited(
                passage.step(OutgoingCall(call, self._now)), call.deadline + _LATE_SECONDS
            )
        except Exception as error:  # noqa: BLE001  # its time is up, say
            return passage.stopped(error)
        finally:
            _IS_INSIDE.set(False)
            passage.end()

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall | None:
        """See the port: it takes a task."""
        if _IS_INSIDE.get():
            return self.dispatcher.submit(call, answer)
        if call.origin is not Origin.LOCAL:
            if call.origin is Origin.PEER:
                return self.dispatcher.submit(call, answer)
            refused = self._refused(call)
            if refused is not None:
                answer(refused)
                return None
        passage = _Passage(self)
        _IS_INSIDE.set(True)
        try:
            begun = self._begin(passage.step(OutgoingCall(call, self._now)))
        except Exception as error:  # noqa: BLE001  # it has cancelled itself, say
            begun = passage.stopped(error)
        finally:
            _IS_INSIDE.set(False)
        if isinstance(begun, Reply):
            passage.end()
            answer(begun)
            return None

        def settle(reply: Reply | None, error: BaseException | None) -> None:
            told = passage.stopped(error) if reply is None else reply
            passage.end()
            answer(told)

        job = begun.go_on(call.deadline + _LATE_SECONDS, _nothing, settle)
        return _Begun(job, call, passage, self._now)

    def _refused(self, call: Call) -> Reply | None:
        """The reply to a client's call that may not go on; None where it may."""
        key = call.idempotency_key
        try:
            self._checks.check(call)
        except MeshError as error:
            return self.dispatcher.refuse(call, error)
        # The dispatcher checks it too, and makes the key one of the caller's: done twice, it would be another one than elsewhere.
        call.idempotency_key = key
        return None

    def refuse(self, call: Call, error: MeshError) -> Reply:
        """See the port."""
        return self.dispatcher.refuse(call, error)

    def tell(self, error: BaseException) -> str:
        """Tell the observer what middleware has raised; gives what callers are told."""
        self._observer.tell(HookFailed(self._collector_id, "middleware.dispatch", error))
        return clipped(f"middleware error: {text_of(error)}" if self._expose else "middleware error")


class _Passage(Passage[OutgoingCall]):
    """The way of one call to the dispatcher."""

    __slots__ = ("_parts",)

    kind = OutgoingCall

    def __init__(self, parts: AroundDispatcher) -> None:
        # As the base class does it, without its call.
        self._steps = parts.steps
        self._most = parts.max_payload_bytes
        self._reached = 1
        self.given = None
        self._parts = parts

    async def arrive(self, call: OutgoingCall) -> Reply:
        """See the base class."""
        _IS_INSIDE.set(False)
        try:
            reply = await self._parts.dispatcher.dispatch(call._call)  # noqa: SLF001  # middleware is not to see it
        except GeneratorExit:
            # Nobody has waited for it: it is closed in a context that may be anybody's, whose calls meet middleware.
            raise
        except BaseException:
            _IS_INSIDE.set(True)
            raise
        _IS_INSIDE.set(True)
        self.given = reply
        self.status = reply.status
        self.payload = reply.payload
        self.metadata = reply.metadata
        return reply

    def passes(self, error: BaseException) -> bool:
        """See the base class."""
        # It is closed, the user's at the terminal, or cancelled.
        return isinstance(error, GeneratorExit | KeyboardInterrupt) or self._parts.is_cancellation(error)

    def failed(self, error: BaseException) -> Reply:
        """See the base class: that a handler may have run is never told as less."""
        status = chosen_status(error)
        if status is None:
            return self._told(Status(500, self._parts.tell(error)), Executed.NO)
        executed = attribute_of(error, "executed")
        return self._told(status, executed if isinstance(executed, Executed) else Executed.NO)

    def stopped(self, error: BaseException | None) -> Reply:
        """The outcome where middleware was ended."""
        if not isinstance(error, (DeadlineExceededError, OutcomeUnknownError)):
            return self.failed(error or RuntimeError("no outcome"))
        return self._told(Reply.refused(error).status, Executed.NO)

    def _told(self, status: Status, executed: Executed) -> Reply:
        reply, given = Reply(status, executed=executed), self.given
        if given is not None and given.executed.rank > reply.executed.rank:
            reply.executed, reply.handled_by, reply.tried = given.executed, given.handled_by, given.tried
        elif given is None and self.has_gone_on and executed is Executed.NO:
            reply.executed = Executed.MAYBE
        return reply


class _Begun:
    """A call around which middleware is, and that nobody awaits."""

    __slots__ = ("_call", "_job", "_now", "_passage")

    def __init__(self, job: Job, call: Call, passage: "_Passage", now: Callable[[], float]) -> None:
        self._job = job
        self._call = call
        self._passage = passage
        self._now = now

    def time_remaining(self) -> float:
        """See `StartedCall`."""
        return max(0.0, self._call.deadline - self._now())

    def cancel(self) -> None:
        """See `StartedCall`."""
        self._passage.end()
        self._job.cancel()


def _nothing() -> None:
    """Nothing is given back when the work has ended."""


if TYPE_CHECKING:
    _fits: type[Dispatching] = AroundDispatcher
