"""Sends a call to one peer: how long the try may take, and over what it goes."""

from collections.abc import Callable

import attrs

from collector_mesh.domain.calls.attempt import Attempt
from collector_mesh.domain.calls.judge import Judge
from collector_mesh.domain.calls.retry_state import RetryState, may_repeat
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import UnavailableError, quoted
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Promise, Tasks
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.topology.candidates import Candidate


class Sender:
    """Makes the tries of calls at peers.

    Args:
        collector_id: of this collector.
        router: tells whether somebody else could take a call over.
        keeping: dials peers that are gone.
        tasks: makes what is awaited for a reply.
        clock: the time.
        dice: for breakers.
        policies: how long an attempt may take.
        counts: where attempts are counted.
        attempts: makes them.
    """

    def __init__(
        self,
        collector_id: str,
        router: Router,
        keeping: Keeping,
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        policies: Policies,
        counts: Counts,
        attempts: Callable[..., Attempt] = Attempt,
    ) -> None:
        self._collector_id = collector_id
        self._router = router
        self._keeping = keeping
        self._promise = tasks.promise
        self._now = clock.now
        self._policies = policies
        self._counts = counts
        self._attempt = attempts
        self._judge = Judge(clock, dice, goes_on_elsewhere=self._goes_on_elsewhere)

    def first(self, call: Call, candidate: Candidate, answer: Callable[[Reply], None], now: float) -> Attempt:
        """Make the first attempt of a call, at a peer that is there; it is not sent yet."""
        deadline = call.deadline
        # On the way of every call: most methods may not run twice, or have one candidate.
        if (
            candidate.is_idempotent
            if call.idempotent is None and not call.hints
            else may_repeat(call, by_itself=candidate.is_idempotent)
        ):
            deadline = self._deadline(call, candidate, (), 0, now)
        self._counts.attempts += 1
        return self._attempt(call, candidate, candidate.connection.way, answer, self._judge, now, deadline)

    def deadline(self, state: RetryState, candidate: Candidate, now: float) -> float:
        """When a try is given up: before the call's own time only where somebody else can take it over."""
        if state.call.target or not state.may_repeat_at(candidate):
            return state.call.deadline
        return self._deadline(state.call, candidate, state.asked, state.attempts, now)

    def _deadline(
        self,
        call: Call,
        candidate: Candidate,
        asked: "dict[str, None] | tuple[()]",
        attempts: int,
        now: float,
    ) -> float:
        policy = self._policies.of(call.key)
        if attempts + 1 >= policy.retry.max_attempts:
            return call.deadline
        if not self._router.has_another(call, candidate, asked, now):
            return call.deadline
        return policy.attempt.deadline(now, call.deadline, candidate.times.p99)

    def _goes_on_elsewhere(self, call: Call, candidate: Candidate) -> bool:
        """Whether a call may run twice, and somebody else can take it over."""
        return (
            not call.target
            and may_repeat(call, by_itself=candidate.is_idempotent)
            and self._policies.of(call.key).retry.max_attempts > 1
            and self._router.has_another(call, candidate, (), self._now())
        )

    async def send(self, call: Call, candidate: Candidate, deadline: float) -> Reply:
        """Have a peer run a call, or pass it on; what goes wrong is a reply. It is given up at the deadline."""
        connection = candidate.connection
        if not connection.is_up:
            self._keeping.dial_now((connection,))
            text = f"collector {quoted(connection.peer_id)} does not answer: {connection.reason}"
            return Reply.refused(UnavailableError(text))
        self._counts.attempts += 1
        if candidate.hops:
            visited = (*call.visited, self._collector_id)
            call = attrs.evolve(call, hops=call.hops + 1, visited=visited)
        promise: Promise[Reply] = self._promise()

        def settle(reply: Reply) -> None:
            if not promise.done():
                promise.set_result(reply)

        attempt = self._attempt(call, candidate, connection.way, settle, self._judge, self._now(), deadline)
        attempt.send()
        try:
            return await promise
        except BaseException:
            attempt.cancel()
            raise
