"""A call on its way out: checked, authorized, admitted, routed, attempted."""

from collections.abc import Callable, Coroutine
from typing import Any

import attrs

from collector_mesh.domain.calls.attempts import Attempts
from collector_mesh.domain.calls.course import Course
from collector_mesh.domain.calls.relay import Relay
from collector_mesh.domain.link.entries import Cancellable
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    NotFoundError,
    PayloadTooLargeError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.peers.peering import Peering
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit, Share
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.retry import is_discovery
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Promise, Tasks
from collector_mesh.domain.routing.refusals import Refusals
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.candidates import Candidate
from collector_mesh.domain.topology.topology import Topology


class Dispatcher:
    """Finds a collector for a call and has it run there. It never raises but what cancels it."""

    def __init__(
        self,
        collector_id: str,
        executor: Executor,
        handlers: HandlerRegistry,
        router: Router,
        topology: Topology,
        peering: Peering,
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        slots: ConcurrencyLimit,
        policies: Policies,
        counts: Counts,
        refusals: Refusals,
        max_payload_bytes: int,
    ) -> None:
        self._collector_id = collector_id
        self._executor = executor
        self._handlers = handlers
        self._router = router
        self._topology = topology
        self._peering = peering
        self._tasks = tasks
        self._promise = tasks.promise
        self._clock = clock
        self._now = clock.now
        self._dice = dice
        self._slots = slots
        self._policies = policies
        self._counts = counts
        self._refusals = refusals
        self._attempts = Attempts(
            collector_id,
            router,
            peering,
            tasks=tasks,
            clock=clock,
            dice=dice,
            policies=policies,
            counts=counts,
        )
        self._max_payload_bytes = max_payload_bytes

    async def dispatch(self, call: Call) -> Reply:  # see below: what it saves is a quarter
        """Have a call run: on its target, else here, else on a peer that shares the namespace."""
        try:
            runs_here = self._check(call)
            share = self._slots.take(call.key.namespace)
        except MeshError as error:
            self._counts.count(error.code)
            return Reply.refused(error)
        try:
            now = self._now()
            candidate = None
            if not runs_here and not call.target:
                candidate = self._router.choose(call, tried=call.visited, now=now, dice=self._dice)
            if candidate is None or candidate.hops or candidate.connection.engine is None:
                reply = await self._run(call, candidate, runs_here=runs_here)
            else:
                # Nearly every call that leaves succeeds at the first peer: what `_to_peers`, `_attempt` and
                # the link do in four coroutines is done here in none, a quarter of what the caller pays.
                promise: Promise[Reply] = self._promise()

                def settle(reply: Reply) -> None:
                    if not promise.done():
                        promise.set_result(reply)

                attempt = self._attempts.first(call, candidate, settle, now)
                attempt.send()
                try:
                    reply = await promise
                except BaseException:
                    attempt.cancel()
                    raise
                if reply.status is not OK:
                    reply = await self._after(Course(call), candidate, reply, attempt.deadline)
        except MeshError as error:
            reply = Reply.refused(error)
        finally:
            share.release()
        if reply.status is OK:
            self._counts.succeeded += 1
        else:
            self._counts.count(reply.status.code)
        return reply

    async def _run(self, call: Call, candidate: Candidate | None, *, runs_here: bool) -> Reply:
        if call.target:
            return await self._to_target(call)
        if not runs_here:
            return await self._to_peers(Course(call), candidate)
        reply = await self._executor.run(call)
        if reply.status is OK:
            return reply
        course = Course(call)
        return await self._to_peers(course) if self._leaves(course, reply) else course.result(reply)

    def begin(self, call: Call, answer: Callable[[Reply], None]) -> Cancellable | None:
        """As `dispatch`, but nobody awaits it: `answer` is called with what comes of it.

        A call that runs here, or on the first peer that it is sent to, takes no task beside the handler's.
        """
        try:
            runs_here = self._check(call)
            share = self._slots.take(call.key.namespace)
        except MeshError as error:
            self._counts.count(error.code)
            answer(Reply.refused(error))
            return None
        relay = Relay(call, answer, self._ended(share), self._go_on)
        if runs_here and call.target in ("", self._collector_id):
            relay.run_here(self._executor)
            return relay
        candidate = None
        now = self._now()
        if not call.target:
            candidate = self._router.choose(call, tried=call.visited, now=now, dice=self._dice)
        if (
            candidate is not None
            and not candidate.hops
            and candidate.connection.engine is not None
            and call.deadline > now
        ):
            relay.send(self._attempts.first(call, candidate, relay.settle, now))
        else:
            relay.work = self._finish(relay, self._from_the_start(call, candidate))
        return relay

    def known_key(self, names: tuple[str, str, str]) -> MethodKey | None:
        """The key of a method that a peer has, so that it need not be made and checked."""
        return self._topology.known_key(names)

    # ---- before the first attempt ------------------------------------------------------------------

    def _check(self, call: Call) -> bool:
        """See that a call may go out; gives whether it can run here."""
        runs_here = self._handlers.find(call.key) is not None
        if call.origin is not Origin.LOCAL:
            self._executor.check(call)
            self._executor.check_open()
            if call.origin is Origin.PEER and not (runs_here and call.target in ("", self._collector_id)):
                self._check_relay(call)
        else:
            if not runs_here and self._topology.having(call.key) is None:
                call.key.check()
            size = len(call.payload.value)
            if size > self._max_payload_bytes:
                raise PayloadTooLargeError.of(size, self._max_payload_bytes)
        return runs_here

    def _check_relay(self, call: Call) -> None:
        """See that a peer's call may be passed on."""
        namespace = call.key.namespace
        self._executor.check_shared(call)
        if not self._relays(namespace):
            raise NotFoundError(
                f"no collector found for namespace {quoted(namespace)}: collector"
                f" {quoted(self._collector_id)} does not pass calls on"
            )
        self._counts.passed_on += 1

    def _relays(self, namespace: str) -> bool:
        return self._policies.of_namespace(namespace).relays

    def _ended(self, share: Share) -> Callable[[Reply | None], None]:
        def ended(reply: Reply | None) -> None:
            share.release()
            if reply is not None:
                self._counts.count(reply.status.code)

        return ended

    # ---- after the first attempt -------------------------------------------------------------------

    async def _after(self, course: Course, candidate: Candidate, reply: Reply, deadline: float) -> Reply:
        """What comes of a call after the first peer that it was sent to has not run it."""
        if self._goes_on(course, candidate, self._attempts.seen(course, candidate, reply, deadline)):
            return await self._to_peers(course)
        return self._told(course, reply)

    def _go_on(self, relay: Relay, reply: Reply) -> Reply | None:
        """What is answered to a call that nobody awaits after its first reply; None if it goes elsewhere."""
        course = Course(relay.call)
        attempt = relay.attempt
        if attempt is None:
            goes_on = self._leaves(course, reply)
        else:
            reply = self._attempts.seen(course, attempt.candidate, reply, attempt.deadline)
            goes_on = self._goes_on(course, attempt.candidate, reply)
        if goes_on:
            relay.work = self._finish(relay, self._to_peers(course))
            return None
        return self._told(course, reply)

    def _told(self, course: Course, reply: Reply) -> Reply:
        """What is told of a call that goes nowhere else."""
        reply = course.last or reply
        if reply.status.code == UnavailableError.code and reply.executed is Executed.NO:
            details = {**reply.status.details, **self._refusals.details(course.call)}
            reply.status = attrs.evolve(reply.status, details=details)
        return course.result(reply)

    def _finish(self, relay: Relay, work: Coroutine[Any, Any, Reply]) -> Cancellable | None:
        """Do what is left of a call that nobody awaits in a task of its own."""

        def settle(reply: Reply | None, error: BaseException | None) -> None:
            if reply is None:
                known = error if isinstance(error, MeshError) else UnavailableError("it was stopped")
                reply = Reply.refused(known)
            relay.finish(reply)

        try:
            outcome = self._tasks.begin(work)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong is an outcome
            work.close()
            settle(None, error)
            return None
        if isinstance(outcome, Reply):
            settle(outcome, None)
            return None
        # The deadline is that of each attempt: what has run may still be told.
        return outcome.go_on(float("inf"), _nothing, settle)

    async def _from_the_start(self, call: Call, candidate: Candidate | None) -> Reply:
        try:
            if call.target:
                return await self._to_target(call)
            return await self._to_peers(Course(call), candidate)
        except MeshError as error:
            return Reply.refused(error)

    # ---- attempts ----------------------------------------------------------------------------------

    async def _to_target(self, call: Call) -> Reply:
        target = call.target
        if target == self._collector_id:
            return await self._executor.run(call)
        candidate = self._router.target(call)
        course = Course(call)
        while True:
            reply = await self._attempts.make(course, candidate, call.deadline)
            if not self._has_moved(candidate, reply):
                break
            candidate = self._router.target(call)
        course.took(candidate, reply)
        return course.result(reply)

    async def _to_peers(self, course: Course, first: Candidate | None = None) -> Reply:
        """Try one peer after the other; `first` has been chosen already."""
        call = course.call
        retry = self._policies.of(call.key).retry
        while True:
            now = self._now()
            candidate = first or self._next(course, now)
            first = None
            if candidate is None:
                break
            if course.may_have_run and not course.is_idempotent(candidate):
                course.asked[candidate.peer_id] = None
                continue
            if course.attempts:
                if not self._may_retry(course, now):
                    break
                pause = 0.0 if course.is_free else retry.pause(course.attempts, dice=self._dice)
                if pause and not await self._paused(pause, course):
                    break
                now = self._now()
            if call.deadline <= now:
                return course.result(_too_late(course))
            reply = await self._attempts.make(
                course, candidate, self._attempts.deadline(course, candidate, now)
            )
            if not self._goes_on(course, candidate, reply):
                return self._told(course, reply)
        if course.last is not None:
            return self._told(course, course.last)
        raise self._nobody(call)

    def _next(self, course: Course, now: float) -> Candidate | None:
        """Who is tried now; None if there is nobody."""
        candidate = self._router.choose(course.call, tried=course.asked, now=now, dice=self._dice)
        if candidate is None:
            # Whoever could have taken the call over is not there anymore: the one that was given up gets the time
            # that is left.
            candidate, course.cut_short = course.cut_short, None
        return candidate

    def _nobody(self, call: Call) -> MeshError:
        """Why nobody was tried; those who are wanted and gone are dialed."""
        known = self._router.known(call.key, self._now())
        if known and not any(connection.is_up for connection in known):
            self._peering.dial_now(known)
        return self._refusals.nobody(call, known)

    def _may_retry(self, course: Course, now: float) -> bool:
        """Whether another attempt may be made; if so it is paid for."""
        standing = course.failed
        if standing is not None and not course.is_free:
            if standing.budget_left(now) < 1:
                self._counts.retries_refused += 1
                return False
            standing.retried(now)
        self._counts.retries += 1
        return True

    async def _paused(self, seconds: float, course: Course) -> bool:
        """Wait before an attempt; False if there is no time for that."""
        if self._now() + seconds >= course.call.deadline:
            return False
        await self._clock.alarm().wait(seconds)
        return True

    # ---- what comes of them ------------------------------------------------------------------------

    def _leaves(self, course: Course, reply: Reply) -> bool:
        """Whether a call that was not run here goes to a peer."""
        course.tried.append(self._collector_id)
        course.asked[self._collector_id] = None
        course.last = reply
        course.may_have_run = reply.executed is not Executed.NO
        if course.call.origin is Origin.PEER and not self._relays(course.call.key.namespace):
            return False
        method = self._handlers.find(course.call.key)
        idempotent = course.is_idempotent(None) or (
            course.call.idempotent is None and method is not None and method.idempotent
        )
        return self._allows(course, reply, idempotent=idempotent)

    def _goes_on(self, course: Course, candidate: Candidate, reply: Reply) -> bool:
        """Take down what came of an attempt; gives whether the call goes elsewhere."""
        if is_discovery(reply):
            self._topology.note_lacks(course.call.key, candidate.peer_id, now=self._now())
            course.asked[candidate.peer_id] = None
            return True
        if self._has_moved(candidate, reply):
            return True
        course.took(candidate, reply)
        if candidate.hops and reply.tried:
            # It has been tried elsewhere already: if everybody on the way did that again, there would be no end.
            return False
        return self._allows(course, reply, idempotent=course.is_idempotent(candidate))

    def _allows(self, course: Course, reply: Reply, *, idempotent: bool) -> bool:
        if reply.status.code == OK.code:
            return False
        retry = self._policies.of(course.call.key).retry
        return retry.allows(reply, attempts=course.attempts, idempotent=idempotent)

    def _has_moved(self, candidate: Candidate, reply: Reply) -> bool:
        """Whether a call was not run because the link that it was sent over ended, and there is another one."""
        if reply.status.code != UnavailableError.code or reply.executed is not Executed.NO:
            return False
        connection = candidate.connection
        current = self._topology.get(connection.peer_id)
        return current is not None and current is not connection and current.state in ("live", "suspect")


def _too_late(course: Course) -> Reply:
    executed = Executed.MAYBE if course.may_have_run else Executed.NO
    return Reply.refused(DeadlineExceededError("deadline exceeded", executed=executed))


def _nothing() -> None:
    """Nothing is given back when the work has ended."""
