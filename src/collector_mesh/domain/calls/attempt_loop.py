"""Tries one collector after the other until a call has its answer."""

from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.finding import Finder
from collector_mesh.domain.calls.place import HERE, Place
from collector_mesh.domain.calls.retry_state import RetryState, may_repeat
from collector_mesh.domain.calls.sender import Sender
from collector_mesh.domain.calls.waiting import WaitingCalls
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.call_facts import facts_of
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.events import AttemptFailed, DispatchFailed
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.verdict import Reason, Verdict
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.retry import is_discovery
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.routing.refusals import Refusals
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.candidates import Candidate
from collector_mesh.domain.topology.topology import Topology

if TYPE_CHECKING:
    from collector_mesh.domain.ports.call_watch import CallWatch

_MISSED = frozenset({Reason.LEAVING, Reason.UNREACHED})
"""The call has not run, since whoever was to run it has left."""


class AttemptLoop:
    """The one loop that tries peers, and the one place that says what a try means for its call.

    A first try that succeeds never comes here: see `Dispatcher`. Any other first try is handed to `take`, and
    if that gives no reply, `run` goes on; so whoever awaits a call and whoever is told of it share all of this.
    """

    def __init__(
        self,
        collector_id: str,
        checks: CallChecks,
        handlers: HandlerRegistry,
        topology: Topology,
        finder: Finder,
        waiting: WaitingCalls,
        sender: Sender,
        executor: Executor,
        *,
        clock: Clock,
        dice: Randomness,
        policies: Policies,
        counts: Counts,
        refusals: Refusals,
        observer: Observer,
        watch: "CallWatch | None" = None,
    ) -> None:
        self._collector_id = collector_id
        self._checks = checks
        self._handlers = handlers
        self._topology = topology
        self._finder = finder
        self._waiting = waiting
        self._sender = sender
        self._executor = executor
        self._clock = clock
        self.now = clock.now
        """Gives the time."""
        self._dice = dice
        self._policies = policies
        self._counts = counts
        self._refusals = refusals
        self._observer = observer
        self._watch = watch

    async def run(self, state: RetryState, first: Place | None = None) -> Reply:
        """Try peers until the call has its answer. It raises nothing but what cancels it.

        Args:
            state: of the call.
            first: a peer that has been chosen already.
        """
        try:
            return await self._run(state, None if first is HERE else first)
        except MeshError as error:
            return state.told(Reply.refused(error))
        except Exception as error:  # noqa: BLE001  # a defect of ours must not hide that a handler may have run
            return self.failed(state, error)

    def failed(self, state: RetryState, error: Exception, reply: Reply | None = None) -> Reply:
        """What is told of a call at which something of this collector has raised: no less than is known of it.

        Args:
            state: of the call.
            error: what was raised.
            reply: what had come of a try, if there was one.
        """
        here = self._collector_id
        self._observer.tell(DispatchFailed(here, state.call.key, error, **facts_of(state.call, here)))
        for known in (state.untaken, reply):
            if known is not None:
                state.weigh(known, is_reached=True)
        return state.told(Reply.refused(UnavailableError("the call could not be routed")))

    def stopped(self, state: RetryState, error: BaseException | None) -> Reply:
        """What is told of a call whose `run` was stopped by somebody else."""
        known = error if isinstance(error, MeshError) else UnavailableError("it was stopped")
        return state.told(Reply.refused(known))

    async def _run(self, state: RetryState, first: Candidate | None) -> Reply:
        call = state.call
        while True:
            now = self.now()
            candidate, first = first or self._finder.next(state, now), None
            if candidate is None:
                if (told := await self._without_anybody(state, now)) is not None:
                    return told
                continue
            if state.executed is not Executed.NO and not state.may_repeat_at(candidate):
                state.asked[candidate.peer_id] = None
                continue
            if state.attempts:
                if not await self._ready_again(state, now):
                    return self._told(state)
                now = self.now()
            if call.deadline <= now:
                too_late = DeadlineExceededError("deadline exceeded", executed=state.executed)
                return state.told(Reply.refused(too_late))
            deadline = self._sender.deadline(state, candidate, now)
            state.untaken = reply = await self._sender.send(call, candidate, deadline)
            told = self.take(state, candidate, reply, now, deadline)
            state.untaken = None
            if told is not None:
                return told

    async def _without_anybody(self, state: RetryState, now: float) -> Reply | None:
        """Wait where nobody can take a call yet; gives its answer, None if somebody is to be looked for again.

        Raises:
            MeshError: nobody can, and no try has given a reply.
        """
        call = state.call
        if state.executed is Executed.NO and await self._waiting.wait(state, now):
            if call.target or self._handlers.find(call.key) is None:
                return None
            # It was registered here meanwhile.
            now = self.now()
            return self.take(state, HERE, await self._executor.run(call), now, call.deadline)
        if state.has_reply:
            return self._told(state)
        raise self._finder.nobody(state, self.now())

    def take(
        self, state: RetryState, place: Place, reply: Reply, began: float, deadline: float
    ) -> Reply | None:
        """Take down what came of a try; gives the answer to the call, or None if it goes elsewhere.

        Args:
            state: of the call.
            place: where it was tried.
            reply: what came of it.
            began: when the try began.
            deadline: when the try would have been given up.
        """
        call = state.call
        reason = self._reason(state, place, reply, deadline)
        peer_id = self._collector_id if place is HERE else place.peer_id
        tried: tuple[str, ...] = ()
        if reason is Reason.LACKS:
            self._topology.note_lacks(call.key, peer_id, now=self.now())
        elif reason is not Reason.MOVED:
            # Whoever passes calls on tells whom it has tried.
            tried = reply.tried or (peer_id,)
        verdict = Verdict(peer_id, reason, reply.status.code, reply.executed, began, self.now(), tried)
        state.add(verdict)
        if self._watch is not None:
            self._watch.judged(call, verdict)
        if not tried:
            return None
        if place is not HERE:
            if reason in _MISSED:
                state.missed[peer_id] = place.connection
            state.cut_short = place if reason is Reason.CUT else None
            state.failed = place.standing
            if reply.status is not OK:
                self._has_failed(call, place, verdict)
            if reason is Reason.CUT:
                # Or no call that takes longer than an attempt may would ever be known to do so.
                place.times.took(verdict.ended - began, verdict.ended)
                reply = _cut(place, reply)
        if (
            place is not HERE
            and reason is Reason.UNREACHED
            and not call.target
            and place.connection.is_hearsay
        ):
            # Whoever has said that somebody listens there may be anybody: it is no answer to anything.
            return self._without(state, reply)
        state.weigh(reply, is_reached=place is HERE or not reply.is_own)
        return None if self._goes_on(state, place, reply, reason) else self._told(state)

    def _without(self, state: RetryState, reply: Reply) -> Reply | None:
        """Go on as if somebody had not been tried; gives the answer if no more may be."""
        retry = self._policies.of(state.call.key).retry
        if retry.allows(reply, attempts=state.attempts, idempotent=False):
            return None
        if state.has_reply:
            return self._told(state)
        return state.told(Reply.refused(self._finder.nobody(state, self.now())))

    def _reason(self, state: RetryState, place: Place, reply: Reply, deadline: float) -> Reason:
        code, executed = reply.status.code, reply.executed
        if code == OK.code or executed is Executed.YES:
            return Reason.ANSWERED
        if place is HERE:
            return Reason.REFUSED if executed is Executed.NO else Reason.UNKNOWN
        if not state.call.target and is_discovery(reply):
            return Reason.LACKS
        if code == DeadlineExceededError.code and deadline < state.call.deadline > self.now():
            return Reason.CUT
        if executed is Executed.MAYBE:
            return Reason.UNKNOWN
        if code == UnavailableError.code:
            if self._has_moved(place):
                return Reason.MOVED
            if place.is_leaving:
                return Reason.LEAVING
        return Reason.UNREACHED if reply.is_own else Reason.REFUSED

    def _has_moved(self, candidate: Candidate) -> bool:
        """Whether there is another link to the peer than the one that a call was sent over in vain."""
        connection = candidate.connection
        current = self._topology.get(connection.peer_id)
        return current is not None and current is not connection and current.is_usable

    def _goes_on(self, state: RetryState, place: Place, reply: Reply, reason: Reason) -> bool:
        call = state.call
        if reply.status.code == OK.code:
            return False
        if call.target:
            # Nobody else may run it: it waits for the target to be back, if it may.
            return (
                reason in _MISSED and reply.executed is Executed.NO and self._waiting.may(state, self.now())
            )
        if place is HERE:
            if call.origin is Origin.PEER and not self._checks.relays(call.key.namespace):
                return False
            method = self._handlers.find(call.key)
            idempotent = may_repeat(call, by_itself=method is not None and method.idempotent)
        else:
            if place.hops and reply.tried:
                # It has been tried elsewhere already: if everybody on the way did that again, there would be no end.
                return False
            idempotent = state.may_repeat_at(place)
        retry = self._policies.of(call.key).retry
        return retry.allows(reply, attempts=state.attempts, idempotent=idempotent)

    def _has_failed(self, call: Call, candidate: Candidate, verdict: Verdict) -> None:
        candidate.standing.last = verdict
        self._counts.count_failed(verdict)
        here = self._collector_id
        self._observer.tell(AttemptFailed(here, call.key, verdict, **facts_of(call, here)))

    def _told(self, state: RetryState) -> Reply:
        """What is told of a call that goes nowhere else."""
        reply = state.told()
        if reply.status.code == UnavailableError.code and reply.executed is Executed.NO:
            details = {**self._refusals.details(state.call), **reply.status.details}
            reply.status = attrs.evolve(reply.status, details=details)
        return reply

    async def _ready_again(self, state: RetryState, now: float) -> bool:
        """Wait until another attempt may begin; False if none may."""
        if state.is_free:
            return True
        if not self._may_retry(state, now):
            return False
        call = state.call
        pause = self._policies.of(call.key).retry.pause(state.attempts, dice=self._dice)
        if pause:
            if now + pause >= call.deadline:
                return False
            await self._clock.alarm().wait(pause)
        return True

    def _may_retry(self, state: RetryState, now: float) -> bool:
        """Whether another attempt may be made; if so it is paid for."""
        standing = state.failed
        if standing is not None:
            if standing.budget_left(now) < 1:
                self._counts.retries_refused += 1
                return False
            standing.retried(now)
        self._counts.retries += 1
        return True


def _cut(candidate: Candidate, reply: Reply) -> Reply:
    """A reply as it is told: the end of an attempt's own time is not that of the call."""
    text = f"collector {quoted(candidate.peer_id)} has not answered in the time of one attempt"
    if reply.executed is Executed.NO:
        return Reply.refused(UnavailableError(text))
    return Reply.refused(DeadlineExceededError(text))
