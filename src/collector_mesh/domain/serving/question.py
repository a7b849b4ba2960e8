"""Asks the validator about a method that nobody calls."""

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import DeadlineExceededError, MeshError, OutcomeUnknownError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import CandidateInfo, Explanation
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.validator import Validator
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.nested import NestedCalls
from collector_mesh.domain.serving.validation import is_final, out_of_time, refusal_of

ANSWER_SECONDS = 2.0
"""How long the validator gets for its answer: people wait for it."""


class ValidatorQuestion:
    """Finds out what the validator of this collector would say of a call.

    Args:
        collector_id: of this collector.
        executor: has the validator, if there is one.
        tasks: run the validator, beside other work.
        clock: the time.
        slots: of which it takes one, as the call would.
        nested: makes the calls that the validator makes.
    """

    def __init__(
        self,
        collector_id: str,
        executor: Executor,
        *,
        tasks: Tasks,
        clock: Clock,
        slots: ConcurrencyLimit,
        nested: NestedCalls,
    ) -> None:
        self._collector_id = collector_id
        self._executor = executor
        self._tasks = tasks
        self._clock = clock
        self._slots = slots
        self._nested = nested

    async def answered(self, explanation: Explanation, identity: Identity | None) -> Explanation:
        """An explanation with what the validators say.

        The one of this collector is asked if the call would run here. Those of peers decide there.

        Args:
            explanation: where the call would go if no validator had a say.
            identity: who asks, as who would call.
        """
        here = explanation.candidates[0]
        if not here.fit:
            return (
                _with_note(explanation, "the validators of peers were not asked")
                if explanation.fit
                else explanation
            )
        refusal = await self._refusal(explanation.key, identity)
        if refusal is None:
            return explanation
        reason = f"{here.reason}, but its validator refuses: {refusal}"
        if not is_final(refusal):
            reason = f"{here.reason}, but its validator could not decide: {refusal}"
            return attrs.evolve(
                explanation,
                candidates=(attrs.evolve(here, fit=False, reason=reason), *explanation.candidates[1:]),
            )
        others = tuple(map(_out_of_reach, explanation.candidates[1:]))
        refused = attrs.evolve(here, fit=False, reason=reason)
        note = f"the call ends at {self._collector_id}: what a validator refuses goes nowhere else"
        return _with_note(attrs.evolve(explanation, candidates=(refused, *others)), note)

    async def _refusal(self, key: MethodKey, identity: Identity | None) -> MeshError | None:
        validator = self._executor.validator
        if validator is None:
            return None
        deadline = self._clock.now() + ANSWER_SECONDS
        try:
            share = self._slots.take(key.namespace, "")
        except MeshError as error:
            return error
        call = Call(key, deadline=deadline, identity=identity)
        context = CallContext(call, self._collector_id, self._clock.now, self._nested)
        try:
            begun = self._tasks.begin(self._ask(validator, context))
        except BaseException as error:
            share.release()
            if isinstance(error, MeshError):
                return error
            raise
        if begun is None or isinstance(begun, MeshError):
            share.release()
            return begun
        try:
            return await begun.result(deadline, share.release)
        except DeadlineExceededError:
            return out_of_time(self._collector_id)
        except OutcomeUnknownError as error:
            return error

    async def _ask(self, validator: Validator, context: CallContext) -> MeshError | None:
        # A validator may want to see the call.
        CURRENT.set(context)
        try:
            await validator.validate_service_method(context.namespace, context.service, context.method)
        except KeyboardInterrupt:
            raise  # the user's, at the terminal
        except BaseException as error:
            if self._tasks.is_cancellation(error):
                raise
            return refusal_of(error, self._collector_id)
        finally:
            context.has_ended = True
        return None


def _with_note(explanation: Explanation, note: str) -> Explanation:
    return attrs.evolve(explanation, note="; ".join(filter(None, (explanation.note, note))))


def _out_of_reach(candidate: CandidateInfo) -> CandidateInfo:
    return attrs.evolve(candidate, fit=False) if candidate.fit else candidate
