"""Calls on their way out that wait: what is told, counted and given back when they end, however they do."""

from typing import Any

import pytest
from tests.unit.domain.calls.scripted import ScriptedWay, says, ways
from tests.unit.domain.serving.threads import Cancelled, Threads, Work
from tests.unit.domain.world import ECHO, MAX_PAYLOAD, THERE, World

from collector_mesh.app.testing.fakes import FakePromise
from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    InvalidCallError,
    OutcomeUnknownError,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.watching.method_numbers import SeriesBudget, SideNumbers


class Counted:
    """A collector whose calls are counted by method, with tasks that wait."""

    def __init__(self, *script: Reply | None, peers: str = "ab", relays: bool = False) -> None:
        self.world, self.tasks = World(Policies(Policy(relays=relays))), Threads()
        self.gate = FakePromise()
        self.replies: list[Reply] = []
        self.side = SideNumbers(SeriesBudget(1000), 0, lambda call: call.key in {ECHO, THERE})
        left = iter(script)
        for peer_id in peers if script else "":
            self.world.peer(peer_id, methods=(MethodInfo(THERE, "unary", True),))
            connection = self.world.topology.get(peer_id)
            assert connection is not None
            connection.way = ScriptedWay(peer_id, self.world.clock, lambda: next(left))
        world = self.world
        world.executor._tasks = self.tasks
        world.executor.is_cancellation = self.tasks.is_cancellation
        world.sender._promise = self.tasks.promise
        self.dispatcher = Dispatcher(
            "self",
            world.checks,
            world.executor,
            world.router,
            world.sender,
            world.loop,
            tasks=self.tasks,
            clock=world.clock,
            dice=world.dice,
            slots=world.outgoing,
            counts=world.counts,
            side=self.side,
        )
        world.method(ECHO, self._handler)

    async def _handler(self, request: object, _context: CallContext) -> object:
        await self.gate
        return request

    def dispatch(self, key: Any = THERE, **options: Any) -> Work:
        return Work(self.dispatcher.dispatch(Call(key, **options)))

    def submit(self, key: Any = THERE, **options: Any) -> Any:
        options.setdefault("deadline", 1010.0)
        return self.dispatcher.submit(Call(key, **options), self.replies.append)

    @property
    def sent(self) -> list[Any]:
        """What was sent to peers."""
        return [sent for way in ways(self.world).values() for sent in way.sent]

    @property
    def cancelled(self) -> int:
        return sum(len(way.cancelled) for way in ways(self.world).values())

    def codes(self) -> list[int]:
        return [reply.status.code for reply in self.replies]

    def counted(self, key: Any = THERE) -> tuple[int, int, dict[int, int]]:
        """How many have begun, how many have not ended, and the errors; no slot is taken for those that have ended."""
        numbers = self.side.methods[key]
        assert self.world.outgoing.taken == numbers.in_flight
        return numbers.begun, numbers.in_flight, numbers.errors

    def breaks(self, where: str) -> None:
        """Have something of this collector raise."""

        def broken(*_: object, **__: object) -> Any:
            raise ValueError("a defect")

        part, name = where.split(".")
        setattr(getattr(self.world, part), name, broken)


def ran(at: str = "a") -> Reply:
    return says(200, executed=Executed.YES, handled_by=at)


def test_an_awaited_call_is_counted_with_its_method_when_it_has_ended() -> None:
    counted = Counted(None)
    work = counted.dispatch()
    assert counted.counted() == (1, 1, {})

    counted.world.clock.time += 2.0
    (attempt,) = counted.sent
    attempt.settle(ran())
    attempt.settle(ran("again"))
    work.step()

    assert work.result.handled_by == "a"
    assert counted.counted() == (1, 0, {})
    assert counted.side.methods[THERE].seconds == 2.0
    assert counted.world.counts.succeeded == 1


def test_an_awaited_call_that_is_cancelled_is_given_up_at_the_peer_and_counted_as_that() -> None:
    counted = Counted(None)
    work = counted.dispatch()

    work.cancel()

    assert isinstance(work.error, Cancelled)
    assert counted.cancelled == 1
    assert counted.counted() == (1, 0, {499: 1})


def test_a_call_that_nobody_awaits_is_counted_with_its_method_when_it_has_ended() -> None:
    counted = Counted(None, None)
    answered, cancelled = counted.submit(), counted.submit()
    assert counted.counted() == (2, 2, {})
    assert answered.time_remaining() == 10.0

    first, _ = counted.sent
    first.settle(ran())
    answered.cancel()
    cancelled.cancel()
    cancelled.cancel()

    assert counted.codes() == [200]
    assert counted.cancelled == 1
    assert counted.counted() == (2, 0, {499: 1})
    assert counted.world.counts.succeeded == 1


def test_what_is_not_let_in_is_counted_as_refused_in_both_forms() -> None:
    counted = Counted()
    too_large = Payload("t", bytes(MAX_PAYLOAD + 1))

    assert counted.dispatch(payload=too_large).result.status.code == 413
    assert counted.submit(payload=too_large) is None
    counted.world.outgoing.taken = counted.world.outgoing.limit
    assert counted.dispatch().result.status.code == 429
    counted.world.outgoing.taken = 0

    assert counted.codes() == [413]
    assert counted.counted() == (3, 0, {413: 2, 429: 1})
    assert counted.world.counts.outcomes == {413: 2, 429: 1}


def test_a_call_that_somebody_else_has_refused_is_counted_by_method_and_is_no_outcome() -> None:
    counted = Counted()

    reply = counted.dispatcher.refuse(Call(THERE), InvalidCallError("no"))

    assert (reply.status.code, reply.executed) == (400, Executed.NO)
    assert counted.counted() == (1, 0, {400: 1})
    assert counted.world.counts.outcomes == {}


def test_a_handler_here_that_waits_answers_the_call_that_nobody_awaits_or_is_cancelled_with_it() -> None:
    counted = Counted()
    counted.submit(ECHO)
    cancelled = counted.submit(ECHO)
    first, second = counted.tasks.begun
    assert counted.counted(ECHO) == (2, 2, {})

    cancelled.cancel()
    counted.gate.set_result(None)
    first.step()

    assert isinstance(second.error, Cancelled)
    assert counted.codes() == [200]
    assert counted.counted(ECHO) == (2, 0, {499: 1})


@pytest.mark.parametrize("first", [says(503, "draining"), says(429, "overloaded")])
def test_a_first_try_that_fails_goes_on_elsewhere_and_the_call_is_one(first: Reply) -> None:
    counted = Counted(first, None)
    counted.submit()
    (work,) = counted.tasks.begun
    assert counted.counted() == (1, 1, {})

    (waiting,) = [sent for sent in counted.sent if not sent.is_done]
    waiting.settle(ran("b"))
    work.step()

    assert [reply.handled_by for reply in counted.replies] == ["b"]
    assert counted.counted() == (1, 0, {})
    assert counted.world.counts.attempts == 2


def test_a_call_that_goes_on_elsewhere_can_be_cancelled_there() -> None:
    counted = Counted(says(503, "draining"), None)
    pending = counted.submit()

    pending.cancel()

    assert counted.codes() == []
    assert counted.cancelled == 1
    assert counted.counted() == (1, 0, {499: 1})


@pytest.mark.parametrize("error", [DeadlineExceededError("deadline exceeded"), OutcomeUnknownError("ended")])
def test_a_call_that_is_ended_while_it_goes_on_elsewhere_is_answered_once(error: Exception) -> None:
    counted = Counted(says(503, "draining"), None)
    counted.submit()
    (work,) = counted.tasks.begun

    work.end(error)

    assert len(counted.replies) == 1
    assert counted.replies[0].status.code >= 500
    assert counted.counted()[1] == 0


def test_a_reply_that_comes_after_a_cancellation_is_nobodys() -> None:
    counted = Counted(None, None)
    first, second = counted.submit(), counted.submit()
    attempts = counted.sent
    first.cancel()
    second.cancel()

    for attempt, late in zip(attempts, (ran(), says(503)), strict=True):
        attempt.settle(late)

    assert counted.codes() == []
    assert counted.counted() == (2, 0, {499: 2})


@pytest.mark.parametrize(
    ("where", "executed"),
    [("router.choose", Executed.NO), ("sender.first", Executed.MAYBE)],
    ids=["before it was sent", "once it may have been"],
)
def test_a_defect_is_an_answer_to_whoever_waits_and_gives_the_slot_back(
    where: str, executed: Executed
) -> None:
    counted = Counted(None)
    counted.breaks(where)

    counted.submit()

    assert [(reply.status.code >= 500, reply.executed) for reply in counted.replies] == [(True, executed)]
    assert counted.counted()[1] == 0


@pytest.mark.parametrize(
    ("where", "key", "executed"),
    [("router.choose", THERE, Executed.NO), ("executor.run", ECHO, Executed.MAYBE)],
    ids=["before it was sent", "once a handler may have run here"],
)
def test_a_defect_is_an_answer_to_whoever_awaits_the_call_too(
    where: str, key: MethodKey, executed: Executed
) -> None:
    counted = Counted(None)
    counted.breaks(where)

    reply = counted.dispatch(key).result

    assert (reply.status.code, reply.executed) == (503 if executed is Executed.NO else 502, executed)
    assert counted.counted(key)[1] == 0


def test_a_defect_in_what_is_made_of_a_try_is_answered_with_what_is_known_of_the_try() -> None:
    counted = Counted(says(503, "draining", Executed.NO), says(502, "lost", Executed.MAYBE))
    counted.breaks("loop.take")

    counted.submit()
    counted.submit()

    assert [reply.executed for reply in counted.replies] == [Executed.NO, Executed.MAYBE]
    assert counted.counted()[1] == 0


def test_a_defect_after_the_call_was_sent_says_that_it_may_have_run() -> None:
    counted = Counted(None)
    for way in ways(counted.world).values():
        way.send = _broken  # type: ignore[method-assign, assignment]  # it fails

    work = counted.dispatch()
    counted.submit()

    for reply in (work.result, *counted.replies):
        assert (reply.status.code, reply.status.message, reply.executed) == (
            502,
            "outcome unknown: internal error",
            Executed.MAYBE,
        )


def test_what_the_user_does_at_the_terminal_goes_through_and_gives_the_slot_back() -> None:
    counted = Counted()
    counted.tasks.error = KeyboardInterrupt()  # type: ignore[assignment]  # it is raised all the same

    with pytest.raises(KeyboardInterrupt):
        counted.submit(ECHO)

    assert counted.world.outgoing.taken == 0
    assert counted.codes() == []


def test_calls_of_peers_that_go_on_to_others_are_counted_as_passed_on() -> None:
    counted = Counted(ran("b"), ran("b"), relays=True)
    options: dict[str, Any] = {"origin": Origin.PEER, "caller": "a", "visited": ("a",), "hops": 1}

    assert counted.dispatch(**options).result.handled_by == "b"
    counted.submit(**options)

    assert counted.codes() == [200]
    assert counted.world.counts.passed_on == 2


def _broken(_sent: object) -> None:
    raise ValueError("a defect")
