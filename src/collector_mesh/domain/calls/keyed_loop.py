"""Calls with an idempotency key on their way out: a repeat goes to whoever has the first reply, and nowhere else."""

from collections.abc import Callable
from typing import Any

import attrs

from collector_mesh.domain.calls.attempt_loop import AttemptLoop
from collector_mesh.domain.calls.place import HERE, Place
from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.model.call import Origin
from collector_mesh.domain.model.errors import (
    ConflictError,
    DeadlineExceededError,
    Executed,
    MeshError,
    OutcomeUnknownError,
    quoted,
)
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.verdict import Reason
from collector_mesh.domain.policies.key_places import KeyPlace, KeyPlaces
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.topology.candidates import Candidate


class KeyedLoop(AttemptLoop):
    """An `AttemptLoop` that also knows of calls with a key; nothing is different for others.

    Args:
        router: chooses by the key, so that a repeat which another collector sends finds the same peer.
        places: where calls went.
        own_store: gives the store of this collector.
        arguments: those of `AttemptLoop`.
    """

    def __init__(
        self,
        *arguments: Any,
        router: Router,
        places: KeyPlaces,
        own_store: Callable[[], str],
        **others: Any,
    ) -> None:
        super().__init__(*arguments, **others)
        self._router = router
        self._places = places
        self._own_store = own_store

    async def _run(self, state: RetryState, first: Candidate | None) -> Reply:
        call = state.call
        if not call.idempotency_key:
            return await super()._run(state, first)
        known = self._places.of(call, self.now())
        if known is not None and known.sticks:
            state.weigh(Reply.refused(_may_have_run(known.peer_id)), is_reached=False)
        absent: RetryState | None = None
        while True:
            now = self.now()
            if call.deadline <= now:
                too_late = DeadlineExceededError("deadline exceeded", executed=state.executed)
                return state.told(Reply.refused(too_late))
            place = self._next(state, now)
            if place is None:
                absent, is_there = await self._waits(state, absent, now)
                if not is_there and not state.has_reply:
                    raise self._finder.nobody(state, self.now())
                told = None if is_there else self._told(state)
            elif state.attempts and not await self._ready_again(state, now):
                told = self._told(state)
            elif (place := self._next(state, self.now())) is None:
                # It has paused meanwhile, and another call with its key may have gone elsewhere.
                told = None
            else:
                told = await self._try(state, place, self.now())
            if told is not None:
                return told

    def _next(self, state: RetryState, now: float) -> Place | None:
        """Where it is tried now; None where nobody is there who may run it."""
        call, own_id = state.call, self._collector_id
        known = self._places.of(call, now)
        store = None if known is None else known.store
        if store == "":
            # It went to somebody who tells of no store: what became of it nobody can find out.
            return None
        is_here = self._handlers.find(call.key) is not None
        if call.target == own_id or (is_here and not call.target and own_id not in state.asked):
            if own_id in state.asked or store not in (None, self._own_store()):
                return None
            return HERE
        if call.target:
            candidate = self._finder.next(state, now)
            is_fit = candidate is not None and store in (None, candidate.connection.key_store)
            return candidate if is_fit and call.target not in state.asked else None
        if is_here and call.origin is Origin.PEER and not self._checks.relays(call.key.namespace):
            return None
        return self._router.choose_by_key(call, tried=state.asked, now=now, dice=self._dice, store=store)

    async def _waits(
        self, state: RetryState, absent: RetryState | None, now: float
    ) -> tuple[RetryState | None, bool]:
        """Wait for whoever may have run it, or, where nobody has, for anybody; gives whether to look again."""
        known = self._places.of(state.call, now)
        if known is None:
            return None, await self._waiting.wait(state, now)
        if absent is None:
            absent = RetryState(attrs.evolve(state.call, target=known.peer_id))
        is_there = await self._waiting.wait(absent, now)
        if is_there:
            state.asked.pop(known.peer_id, None)
        return absent, is_there

    async def _try(self, state: RetryState, place: Place, now: float) -> Reply | None:
        call = state.call
        if place is not HERE and call.origin is Origin.PEER and not state.verdicts:
            self._counts.passed_on += 1
        if place is HERE:
            store, peer_id = self._own_store(), self._collector_id
        else:
            store, peer_id = place.connection.key_store, place.peer_id
        sent: KeyPlace = self._places.leaves(call, store, peer_id, now)
        reply: Reply | None = None
        try:
            if place is HERE:
                reply = await self._executor.run(call)
            else:
                reply = await self._sender.send(call, place, call.deadline)
        finally:
            self._places.back(call, sent, reply, self.now())
        is_refused = reply.status.code == ConflictError.code and reply.executed is Executed.NO
        if is_refused and (place is HERE or not reply.is_own):
            # That the key is another request's: this one has not run, whatever became of that.
            return reply
        state.untaken = reply
        told = self.take(state, place, reply, now, call.deadline)
        state.untaken = None
        return told

    def _goes_on(self, state: RetryState, place: Place, reply: Reply, reason: Reason) -> bool:
        call = state.call
        if not call.idempotency_key or reply.status.code == OK.code:
            return super()._goes_on(state, place, reply, reason)
        if place is HERE or reply.executed is Executed.YES:
            return super()._goes_on(state, place, reply, reason) and reply.executed is Executed.NO
        known = self._places.of(call, self.now())
        may_again = known is not None and known.sticks and bool(known.store)
        if reply.executed is Executed.MAYBE:
            # What a collector answers is the truth of its store; only what was lost on the way is asked for again.
            goes_on = (
                may_again
                and reply.is_own
                and self._policies.of(call.key).retry.allows(reply, attempts=state.attempts, idempotent=True)
            )
        elif may_again:
            goes_on = self._policies.of(call.key).retry.allows(
                reply, attempts=state.attempts, idempotent=True
            )
        else:
            return super()._goes_on(state, place, reply, reason)
        if goes_on and not state.is_free:
            # Nobody else may run it now. A try that was no attempt, since the peer is leaving, is made again when it is back.
            state.asked.pop(place.peer_id, None)
        return goes_on


def _may_have_run(peer_id: str) -> MeshError:
    return OutcomeUnknownError(
        f"outcome unknown: a call with this key may have run on collector {quoted(peer_id)}, which cannot be asked"
    )
