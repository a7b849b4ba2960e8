"""Bugs of calls: who gets them, how often, for how long, and what comes back."""

from typing import Any

import attrs
import pytest

from collector_mesh.domain.calls import retry_state
from collector_mesh.domain.calls.judge import Judge
from collector_mesh.domain.calls.pending import PendingCall
from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.link.page import Page
from collector_mesh.domain.model.errors import Executed, MeshError
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.policies.attempt_time import AttemptTime
from collector_mesh.domain.policies.breaker import Breaker
from collector_mesh.domain.policies.concurrency import Share
from collector_mesh.domain.policies.retry import Retry
from collector_mesh.domain.policies.standing import Outcome, Standing
from collector_mesh.domain.routing.fitness import Fitness
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.executor import Executor


def retry_after_sending(patch: pytest.MonkeyPatch) -> None:
    def allows(_self: Retry, reply: Any, *, attempts: int, idempotent: bool) -> bool:
        return attempts < 5 and reply.executed is not Executed.YES

    patch.setattr(Retry, "allows", allows)
    patch.setattr(RetryState, "may_repeat_at", lambda _state, _candidate: True)


def no_retry_budget(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Standing, "budget_left", lambda _standing, _now: 1e9)


def breaker_ejects_everybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Fitness, "ignores_breakers", lambda _fitness, _pool: False)
    patch.setattr(Breaker, "lets", lambda _breaker, _now: False)


def reply_to_another_call(patch: pytest.MonkeyPatch) -> None:
    original, kept = Executor._succeeded, dict[int, Payload]()

    def succeeded(executor: Executor, method: Any, result: Any, context: Any) -> Any:
        reply = original(executor, method, result, context)
        earlier = kept.get(id(executor))
        kept[id(executor)] = reply.payload
        return attrs.evolve(reply, payload=earlier) if earlier is not None else reply

    patch.setattr(Executor, "_succeeded", succeeded)


def runs_twice(patch: pytest.MonkeyPatch) -> None:
    original = Executor.execute

    def execute(executor: Executor, call: Any, answer: Any) -> Any:
        if call.payload.value.endswith(b"7"):
            original(executor, call, lambda _reply: None)
        return original(executor, call, answer)

    patch.setattr(Executor, "execute", execute)


def wrong_executor_named(patch: pytest.MonkeyPatch) -> None:
    original = Executor._succeeded

    def succeeded(executor: Executor, method: Any, result: Any, context: Any) -> Any:
        return attrs.evolve(original(executor, method, result, context), handled_by="somebody")

    patch.setattr(Executor, "_succeeded", succeeded)


def answered_without_running(patch: pytest.MonkeyPatch) -> None:
    original = Executor.execute

    def execute(executor: Executor, call: Any, answer: Any) -> Any:
        if call.payload.value.endswith(b"7"):
            value = call.payload.value + b" at " + executor._collector_id.encode()
            answer(Reply(OK, Payload("order", value), executor._collector_id, Executed.YES))
            return None
        return original(executor, call, answer)

    patch.setattr(Executor, "execute", execute)


def cut_handlers_have_not_run(patch: pytest.MonkeyPatch) -> None:
    def cut(context: Any, error: Any) -> Reply:
        context.cancel()
        error.executed = Executed.NO
        return Reply.refused(error)

    patch.setattr(Executor, "_cut", staticmethod(cut))


def refusals_of_handlers_have_not_run(patch: pytest.MonkeyPatch) -> None:
    original = Executor.failed

    def failed(executor: Executor, key: Any, error: BaseException, *context: Any) -> Reply:
        if isinstance(error, MeshError):
            return Reply.refused(error)
        return original(executor, key, error, *context)

    patch.setattr(Executor, "failed", failed)


def only_the_last_try_counts(patch: pytest.MonkeyPatch) -> None:
    original = RetryState.weigh

    def weigh(state: RetryState, reply: Reply, *, is_reached: bool) -> None:
        state._rank = (-1, False, False)
        original(state, reply, is_reached=is_reached)

    patch.setattr(RetryState, "weigh", weigh)


def slots_never_given_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Share, "release", lambda _share: None)


def visited_list_ignored(patch: pytest.MonkeyPatch) -> None:
    begin, choose = RetryState.__init__, Router.choose

    def init(state: RetryState, call: Any) -> None:
        begin(state, call)
        state.asked = {call.caller: None} if call.caller else {}

    def chosen(router: Router, call: Any, *, tried: Any, **more: Any) -> Any:
        return choose(router, call, tried=() if tried is call.visited else tried, **more)

    patch.setattr(RetryState, "__init__", init)
    patch.setattr(Router, "choose", chosen)


def deadline_begins_anew(patch: pytest.MonkeyPatch) -> None:
    original, given = Page.add_call, dict[int, float]()

    def add_call(page: Page, sent: Any, left: float, value: bytes, size: int) -> None:
        number = getattr(sent.call.payload.value, "number", -1)
        original(page, sent, given.setdefault(number, left), value, size)

    patch.setattr(Page, "add_call", add_call)


def cancel_not_passed_on(patch: pytest.MonkeyPatch) -> None:
    def cancel(pending: PendingCall) -> None:
        if not pending._is_over:
            pending._is_over = True
            pending._ended(None)

    patch.setattr(PendingCall, "cancel", cancel)


def peer_knows_better_than_caller(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(retry_state, "says_idempotent", lambda _call: None)


def breaker_never_half_opens(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Breaker, "lets", lambda breaker, _now: not breaker.is_open)


def failures_stay_in_flight(patch: pytest.MonkeyPatch) -> None:
    original = Standing.ended

    def ended(standing: Standing, outcome: Outcome, *parts: Any, **more: Any) -> None:
        original(standing, outcome, *parts, **more)
        if outcome is Outcome.FAILURE:
            standing.load.in_flight += 1

    patch.setattr(Standing, "ended", ended)


def only_the_first_is_asked(patch: pytest.MonkeyPatch) -> None:
    original = RetryState.may_repeat_at

    def may_repeat_at(state: RetryState, candidate: Any) -> bool:
        is_next = state.executed is not Executed.NO and candidate.peer_id not in state.asked
        return is_next or original(state, candidate)

    patch.setattr(RetryState, "may_repeat_at", may_repeat_at)


def impatience_is_not_counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Judge, "_unanswered", lambda *_arguments, **_options: None)


def attempts_have_a_tenth_of_a_second(patch: pytest.MonkeyPatch) -> None:
    def deadline(_policy: AttemptTime, now: float, deadline: float, _p99: float) -> float:
        return min(now + 0.1, deadline)

    patch.setattr(AttemptTime, "deadline", deadline)
