"""Plain functions in threads: how many run, who waits for a thread, and who gets none."""

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    MeshError,
    OutcomeUnknownError,
    OverloadedError,
)
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.concurrency import RETRY_AFTER, ConcurrencyLimit
from collector_mesh.domain.policies.lease import Lease
from collector_mesh.domain.ports.tasks import Job, Promise, Tasks

T = TypeVar("T")

MOST_THREADS = 256
"""Threads of one collector that run plain functions or wait in one, together; as many as may run, if those are more."""

_NEVER = float("inf")


class Place:
    """What one plain function takes of the threads while it runs."""

    __slots__ = ("_has_ended", "_is_left", "_nested", "_plain", "_waits")

    def __init__(self, plain: "PlainFunctions") -> None:
        self._plain = plain
        self._has_ended = False
        self._is_left = False
        self._waits = 0
        """Calls that it waits for; threads that it has started may wait for several."""
        self._nested: dict[Job, Promise[tuple[Reply | None, BaseException | None]]] = {}

    async def wait_for(self, context: CallContext, tasks: Tasks, call: Coroutine[Any, Any, Reply]) -> Reply:
        """Make a call that the function waits for: it does not count as running meanwhile.

        Raises:
            BaseException: what the call raises.
        """
        self.waits()
        # Threads that a handler has started do not have its context.
        _RUNS_FOR.set(self._plain)
        try:
            if self._is_left:
                call.close()
                return _left(context)
            try:
                started = tasks.begin(call)
            except MeshError as stopped:
                return Reply.refused(stopped)
            if isinstance(started, Reply):
                return started
            outcome = tasks.promise()

            def settle(reply: Reply | None, error: BaseException | None) -> None:
                if not outcome.done():
                    outcome.set_result((reply, error))

            job = started.go_on(_NEVER, _nothing, settle)
            self._nested[job] = outcome
            try:
                reply, error = await outcome
            except BaseException:
                job.cancel()
                raise
            finally:
                del self._nested[job]
            if isinstance(error, MeshError):
                # It was cancelled, as at the end of a drain.
                return Reply.refused(error)
            if error is not None:
                raise error
            given: Reply = reply
            return given
        finally:
            self.goes_on()

    def leave(self, context: CallContext) -> None:
        """Nobody waits for the function anymore: it goes on, but what it waits for does not."""
        self._is_left = True
        for job, outcome in list(self._nested.items()):
            job.cancel()
            if not outcome.done():
                outcome.set_result((_left(context), None))

    def waits(self) -> None:
        """It waits for a call, or for one more."""
        self._waits += 1
        if self._waits == 1 and not self._has_ended:
            self._plain.pauses()

    def goes_on(self) -> None:
        """One of these calls has ended. It goes on at once, also where enough others run by now."""
        self._waits -= 1
        if not self._waits and not self._has_ended:
            self._plain.goes_on()

    def end(self) -> None:
        """The function has ended, or has not been run."""
        if not self._has_ended:
            self._has_ended = True
            self._plain.ended(is_running=not self._waits)


class _Waiting:
    """Somebody who waits for a thread."""

    __slots__ = ("place", "turn")

    def __init__(self, turn: Promise[None]) -> None:
        self.turn = turn
        self.place: Place | None = None


class PlainFunctions:
    """Runs plain functions in threads; everything but the functions themselves happens in the event loop.

    So many run, and more wait for a thread, first come, first served; but a call that a plain function here waits for
    comes before the others, since others wait behind it. A function that waits in a call does not count among those
    that run, so that functions which call each other never wait for each other's threads, as long as there are threads
    at all. Where there are none, and everybody who has one waits in a call, nobody else is let wait.

    Args:
        limit: functions that run.
        seats: who may wait, and how many.
        tasks: has the threads.
    """

    def __init__(self, limit: int, seats: ConcurrencyLimit, tasks: Tasks) -> None:
        self._limit = limit
        self._most = max(limit, MOST_THREADS)
        self._seats = seats
        self._tasks = tasks
        self._first: OrderedDict[_Waiting, None] = OrderedDict()
        """Those that come before the others: calls that a function here waits for, and validators."""
        self._others: OrderedDict[_Waiting, None] = OrderedDict()
        self._is_due = False
        self.running = 0
        """Functions that run, those that wait in a call not included."""
        self.threads = 0
        """Functions that have a thread."""

    @property
    def most_waiting(self) -> int:
        """How many may wait for a thread."""
        return self._seats.limit

    @property
    def waiting(self) -> int:
        """Functions that wait for a thread."""
        return len(self._first) + len(self._others)

    async def run(
        self,
        function: Callable[[], T],
        context: CallContext | None,
        *,
        begins: Callable[[Place], None],
        lease: Lease | None = None,
        namespace: str = "",
        source: str = "",
        comes_first: bool = False,
    ) -> T:
        """Run a function in a thread, in a copy of the current context, once there is one.

        Cancelling this does not stop the function.

        Args:
            function: the function; it must not raise `OverloadedError`.
            context: of the call that it runs for.
            begins: called when there is a thread.
            lease: given back while it waits for one.
            namespace: of its call.
            source: who has sent that.
            comes_first: whether it comes before others, as what another plain function here waits for always does.

        Raises:
            OverloadedError: it was not run; there is no thread, and no room to wait for one.
        """
        comes_first = comes_first or _RUNS_FOR.get() is self
        before = self._first if comes_first else self._first or self._others
        if self.running < self._limit and self.threads < self._most and not before:
            place = self._enter()
        else:
            place = await self._wait(lease, namespace, source, comes_first=comes_first)
        begins(place)
        # In the task of this call, whose context the thread has a copy of.
        _RUNS_FOR.set(self)
        try:
            return await self._tasks.in_thread(function, place)
        except BaseException:
            # Where it was cancelled; elsewhere the function waits for nothing anymore.
            if context is not None:
                place.leave(context)
            raise

    async def in_thread(self, function: Callable[[], T], *, comes_first: bool) -> T:
        """Run a function that belongs to the current call.

        Args:
            function: the function, as for `run`.
            comes_first: whether it comes before those that wait already, as a validator does. A handler does not, and has
                not been started until there is a thread.

        Raises:
            OverloadedError: see `run`.
        """
        context = CURRENT.get()
        if context is None:
            return await self.run(function, None, begins=_nothing, comes_first=comes_first)

        def begins(place: Place) -> None:
            context.place = place
            context.has_started = context.has_started or not comes_first

        if not comes_first:
            context.has_started = False
        return await self.run(
            function,
            context,
            begins=begins,
            namespace=context.namespace,
            source="" if comes_first else context.source,
            comes_first=comes_first,
        )

    def pauses(self) -> None:
        """A function waits in a call: another one may run, but first of all the one that it waits for."""
        self.running -= 1
        if self.waiting and not self._is_due:
            self._is_due = True
            self._tasks.when_idle(self._look)

    def goes_on(self) -> None:
        """A function goes on."""
        self.running += 1

    def ended(self, *, is_running: bool) -> None:
        """A function has ended."""
        self.threads -= 1
        self.running -= is_running
        self._let_in()

    def _look(self) -> None:
        self._is_due = False
        self._let_in()

    def _let_in(self) -> None:
        """Give threads to those that wait, or turn them away where that could take for ever."""
        while self.running < self._limit and (queue := self._first or self._others):
            if self.threads >= self._most and self.running:
                return  # whoever runs gives a thread back, or waits in a call
            waiting, _ = queue.popitem(last=False)
            if waiting.turn.done():
                continue  # it was cancelled, and has not come to take itself off
            if self.threads < self._most:
                waiting.place = self._enter()
            waiting.turn.set_result(None)

    def _enter(self) -> Place:
        self.running += 1
        self.threads += 1
        return Place(self)

    async def _wait(self, lease: Lease | None, namespace: str, source: str, *, comes_first: bool) -> Place:
        if self.threads >= self._most and not self.running:
            raise OverloadedError.after(RETRY_AFTER)
        seat = self._seats.take(namespace, source)
        waiting = _Waiting(self._tasks.promise())
        queue = self._first if comes_first else self._others
        queue[waiting] = None
        if lease is not None:
            lease.pause()
        place = None
        try:
            await waiting.turn
            if waiting.place is None:
                raise OverloadedError.after(RETRY_AFTER)
            if lease is not None:
                lease.resume()
            place = waiting.place
        finally:
            seat.release()
            queue.pop(waiting, None)
            if place is None and waiting.place is not None:
                waiting.place.end()
        return place


_RUNS_FOR: ContextVar[PlainFunctions | None] = ContextVar("collector_mesh_runs_for", default=None)
"""Whose thread is waiting for what the running code does, or is that code; also where async handlers are in between."""


def _left(context: CallContext) -> Reply:
    """What a call has come to that was cancelled because nobody waits for whoever has made it."""
    if context.time_remaining() <= 0.0:
        return Reply.refused(DeadlineExceededError("deadline exceeded"))
    return Reply.refused(OutcomeUnknownError("outcome unknown: the caller no longer waits for the handler"))


def _nothing(*_: object) -> None:
    """Nobody is told."""
