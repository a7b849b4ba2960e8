"""A call on its way out: checked, admitted, routed, tried."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.calls.attempt_loop import AttemptLoop
from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.pending import MISHAP, PendingCall
from collector_mesh.domain.calls.place import HERE, Place, is_simple
from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.calls.sender import Sender
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import MeshError, OutcomeUnknownError
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit, Slot
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Promise, Tasks
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.executor import Executor

if TYPE_CHECKING:
    from collector_mesh.domain.watching.method_numbers import SideNumbers


class Dispatcher:
    """Finds a collector for a call and has it run there. It never raises but what cancels it.

    There are two forms of the same: a call that is awaited (`dispatch`), and one whose caller is told
    (`submit`). Both make a first try, which nearly always succeeds, without a task, a state or a verdict; whatever
    else comes of it goes through `AttemptLoop`.
    """

    def __init__(
        self,
        collector_id: str,
        checks: CallChecks,
        executor: Executor,
        router: Router,
        sender: Sender,
        loop: AttemptLoop,
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        slots: ConcurrencyLimit,
        counts: Counts,
        side: "SideNumbers | None" = None,
    ) -> None:
        self._collector_id = collector_id
        self._checks = checks
        self._executor = executor
        self._router = router
        self._sender = sender
        self._loop = loop
        self._tasks = tasks
        self._promise = tasks.promise
        self.known_key = checks.known_key
        """Gives the key of a method that a peer has, so that it need not be made and checked, else None."""
        self._now = clock.now
        self._dice = dice
        self._slots = slots
        self._counts = counts
        self._side = side

    async def dispatch(self, call: Call) -> Reply:  # noqa: C901, PLR0912  # most of it in one coroutine: each one more costs
        """Have a call run: on its target, else here, else on a peer that shares the namespace."""
        try:
            is_here = self._checks.check(call)
            share = self._slots.take(call.key.namespace)
        except MeshError as error:
            return self._refused(call, error)
        reply = attempt = place = None
        now = self._now()
        # Counted here, and not around this: one more coroutine would cost more than all that is counted.
        numbers = None if self._side is None else self._side.begins(call)
        try:
            place = self._first(call, now, is_here=is_here)
            # As `is_simple`, without its call.
            if place is not HERE and (place is None or place.hops):
                reply = await self._loop.run(RetryState(call), place)
            else:
                # Nearly every call succeeds at once: what the loop does in four coroutines is done here in none,
                # a quarter of what the caller pays.
                deadline = call.deadline
                if place is HERE:
                    reply = await self._executor.run(call)
                else:
                    promise: Promise[Reply] = self._promise()

                    def settle(reply: Reply) -> None:
                        if not promise.done():
                            promise.set_result(reply)

                    attempt = self._sender.first(call, place, settle, now)
                    attempt.send()
                    try:
                        reply = await promise
                    except BaseException:
                        attempt.cancel()
                        raise
                    deadline = attempt.deadline
                if reply.status is not OK:
                    state = RetryState(call)
                    told = self._loop.take(state, place, reply, now, deadline)
                    reply = await self._loop.run(state) if told is None else told
        except Exception as error:  # noqa: BLE001  # a defect of ours: whoever waits hears what is known
            reply = self._failed(call, error, reply, is_tried=attempt is not None or place is HERE)
        except BaseException:
            # Nobody waits for what a further try would have given, and what the first one gave is not what came of the call.
            reply = None
            raise
        finally:
            share.release()
            if numbers is not None:
                numbers.has_ended(reply, self._now() - now)
        if reply.status is OK:
            self._counts.succeeded += 1
        else:
            self._counts.count(reply.status.code)
        return reply

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall | None:
        """As `dispatch`, but nobody awaits it: `answer` is called with what comes of it."""
        try:
            is_here = self._checks.check(call)
            share = self._slots.take(call.key.namespace)
        except MeshError as error:
            answer(self._refused(call, error))
            return None
        pending = PendingCall(call, answer, self._ended(call, share), self._loop, self._tasks)
        try:
            now = self._now()
            place = self._first(call, now, is_here=is_here)
            if place is None or not is_simple(place):
                pending.go_on(RetryState(call), place)
            elif place is HERE:
                pending.run_here(self._executor, now)
            else:
                pending.send(self._sender, place, now)
        except Exception as error:  # noqa: BLE001  # a defect of ours: whoever waits hears of it, and has its slot back
            pending.fail(error)
        except BaseException:
            # The user's, at the terminal: nobody hears of this call anymore, and a drain must not wait for it.
            share.release()
            raise
        return pending

    def refuse(self, call: Call, error: MeshError) -> Reply:
        """See the port."""
        if self._side is not None:
            self._side.of(call).refused(error.code)
        return Reply.refused(error)

    def _first(self, call: Call, now: float, *, is_here: bool) -> Place | None:
        """Where a call is tried first; None where the loop has to find out."""
        target = call.target
        if call.idempotency_key:
            return None
        if target == self._collector_id or (is_here and not target):
            return HERE
        if call.origin is Origin.PEER:
            self._counts.passed_on += 1
        if target or call.deadline <= now:
            return None
        return self._router.choose(call, tried=call.visited, now=now, dice=self._dice)

    def _failed(self, call: Call, error: Exception, reply: Reply | None, *, is_tried: bool) -> Reply:
        if reply is None and is_tried:
            reply = Reply.refused(OutcomeUnknownError(MISHAP))
        return self._loop.failed(RetryState(call), error, reply)

    def _refused(self, call: Call, error: MeshError) -> Reply:
        self._counts.count(error.code)
        if self._side is not None:
            self._side.of(call).refused(error.code)
        return Reply.refused(error)

    def _ended(self, call: Call, share: Slot) -> Callable[[Reply | None], None]:
        numbers, began = None if self._side is None else self._side.begins(call), self._now()

        def ended(reply: Reply | None) -> None:
            share.release()
            if numbers is not None:
                numbers.has_ended(reply, self._now() - began)
            if reply is not None:
                self._counts.count(reply.status.code)

        return ended
