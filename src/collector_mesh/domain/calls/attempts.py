"""The attempts of calls: how long each may take, how it is sent, and what is told of it."""

from collections.abc import Callable

import attrs

from collector_mesh.domain.calls.attempt import Attempt, Judge
from collector_mesh.domain.calls.course import Course, says_idempotent
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.peering import Peering
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Promise, Tasks
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.topology.candidates import Candidate


class Attempts:
    """Makes them.

    Args:
        collector_id: of this collector.
        router: tells whether somebody else could take a call over.
        peering: dials peers that are gone.
        tasks: makes what is awaited for a reply.
        clock: the time.
        dice: for breakers.
        policies: how long an attempt may take.
        counts: where attempts are counted.
    """

    def __init__(
        self,
        collector_id: str,
        router: Router,
        peering: Peering,
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        policies: Policies,
        counts: Counts,
    ) -> None:
        self._collector_id = collector_id
        self._router = router
        self._peering = peering
        self._promise = tasks.promise
        self._now = clock.now
        self._policies = policies
        self._counts = counts
        self._judge = Judge(clock, dice)

    def first(self, call: Call, candidate: Candidate, answer: Callable[[Reply], None], now: float) -> Attempt:
        """Make the first attempt of a call, at a peer that has links; it is not sent yet."""
        deadline = call.deadline
        # On the way of every call: most methods may not run twice, or have one candidate.
        said = call.idempotent if call.idempotent is not None or not call.hints else says_idempotent(call)
        may_repeat = candidate.is_idempotent if said is None else said
        if may_repeat and self._router.has_another(call, candidate, (), now):
            policy = self._policies.of(call.key)
            if policy.retry.max_attempts > 1:
                deadline = policy.attempt.deadline(now, deadline, candidate.standing.p99)
        self._counts.attempts += 1
        engine = candidate.connection.engine
        assert engine is not None  # for the type checker: whoever calls this has looked
        return Attempt(call, candidate, engine, answer, self._judge, now, deadline)

    def deadline(self, course: Course, candidate: Candidate, now: float) -> float:
        """When an attempt is given up."""
        call = course.call
        policy = self._policies.of(call.key)
        if course.attempts + 1 >= policy.retry.max_attempts or not course.is_idempotent(candidate):
            return call.deadline
        if not self._router.has_another(call, candidate, course.asked, now):
            return call.deadline
        return policy.attempt.deadline(now, call.deadline, candidate.standing.p99)

    async def make(self, course: Course, candidate: Candidate, deadline: float) -> Reply:
        """Have a peer run a call, or pass it on; the attempt is given up at its deadline."""
        call = course.call
        now = self._now()
        if call.deadline <= now:
            return Reply.refused(DeadlineExceededError("deadline exceeded", executed=Executed.NO))
        connection = candidate.connection
        if not connection.is_up:
            self._peering.dial_now((connection,))
            text = f"collector {quoted(connection.peer_id)} does not answer: {connection.reason}"
            return Reply.refused(UnavailableError(text))
        self._counts.attempts += 1
        if candidate.hops:
            visited = (*call.visited, self._collector_id)
            call = attrs.evolve(call, hops=call.hops + 1, visited=visited)
        if connection.engine is None:
            reply = await self._unary(call, candidate, now, deadline)
            return self.seen(course, candidate, reply, deadline)
        promise: Promise[Reply] = self._promise()

        def settle(reply: Reply) -> None:
            if not promise.done():
                promise.set_result(reply)

        attempt = Attempt(call, candidate, connection.engine, settle, self._judge, now, deadline)
        attempt.send()
        try:
            return self.seen(course, candidate, await promise, deadline)
        except BaseException:
            attempt.cancel()
            raise

    async def _unary(self, call: Call, candidate: Candidate, now: float, deadline: float) -> Reply:
        connection = candidate.connection
        if deadline < call.deadline:
            call = attrs.evolve(call, deadline=deadline)
        is_probe = candidate.standing.begun(now)
        connection.in_flight += 1
        try:
            reply = await connection.link.serve(call)
            connection.last_news = self._now()
        except MeshError as error:
            if isinstance(error, UnavailableError):
                self._peering.has_failed(connection, str(error))
            reply = Reply.refused(error)
        except BaseException:
            self._judge.abandoned(candidate, now, is_probe=is_probe)
            raise
        finally:
            connection.in_flight -= 1
        self._judge.ended(candidate, reply, now, is_probe=is_probe)
        return reply

    def seen(self, course: Course, candidate: Candidate, reply: Reply, deadline: float) -> Reply:
        """A reply as it is told: the end of an attempt's own time is not that of the call."""
        call = course.call
        if (
            reply.status.code != DeadlineExceededError.code
            or reply.executed is Executed.YES
            or deadline >= call.deadline
            or self._now() >= call.deadline
        ):
            return reply
        self._counts.timed_out_attempts += 1
        course.cut_short = candidate
        text = f"collector {quoted(candidate.peer_id)} has not answered in the time of one attempt"
        if reply.executed is Executed.NO:
            return Reply.refused(UnavailableError(text))
        return Reply.refused(DeadlineExceededError(text))
