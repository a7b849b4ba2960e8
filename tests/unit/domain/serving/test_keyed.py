"""Calls with an idempotency key where they run: the first one runs, whoever repeats it gets the same reply."""

from collections.abc import Iterator

import attrs
import pytest
from tests.unit.domain.serving.threads import Cancelled, Threads, Work

from collector_mesh.app.testing.fakes import FakeClock, FakeObserver, FakePromise, run
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    Executed,
    HandlerError,
    MeshError,
    OutcomeUnknownError,
    OverloadedError,
)
from collector_mesh.domain.model.events import KeyStoreFailed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.key_store import Claim, Claimed, KeyRules, KeyStoreError
from collector_mesh.domain.serving.keyed import KeyedCalls, digest_of
from collector_mesh.domain.serving.memory_keys import MemoryKeyStore

PAY = MethodKey("payments", "PaymentService", "Pay")
RULES = KeyRules(seconds=60.0, max_keys=4)
GRACE = 5.0
FOREVER = float("inf")


def pay(key: str = "k", request: bytes = b"ten", *, within: float = 10.0) -> Call:
    return Call(PAY, Payload(value=request), 1000.0 + within, idempotency_key=key)


def paid(text: bytes = b"paid") -> Reply:
    return Reply(OK, Payload(value=text), "here", Executed.YES)


@attrs.define
class Handler:
    """Runs calls: each until a test ends it."""

    calls: list[Call] = attrs.field(factory=list)
    ends: list[FakePromise] = attrs.field(factory=list)

    async def __call__(self, call: Call) -> Reply:
        end = FakePromise()
        self.calls.append(call)
        self.ends.append(end)
        reply: Reply = await end
        return reply


class BrokenStore(MemoryKeyStore):
    """A store that fails while it has an error."""

    error: Exception | None = None

    async def reserve(self, claim: Claim, rules: KeyRules, now: float) -> Claimed:
        self.check()
        return await super().reserve(claim, rules, now)

    async def finish(self, claim: Claim, reply: Reply, rules: KeyRules, now: float) -> None:
        self.check()
        await super().finish(claim, reply, rules, now)

    async def release(self, claim: Claim) -> None:
        self.check()
        await super().release(claim)

    def check(self) -> None:
        if self.error is not None:
            raise self.error


class Desk:
    """A collector that runs calls with keys, and nothing else."""

    def __init__(self, store: BrokenStore | None = None, claimant: str = "one") -> None:
        self.store = BrokenStore() if store is None else store
        self.clock = FakeClock()
        self.tasks = Threads()
        self.observer = FakeObserver()
        self.handler = Handler()
        self.keyed = KeyedCalls(
            "here",
            self.store,
            claimant,
            RULES,
            grace=GRACE,
            tasks=self.tasks,
            clock=self.clock,
            observer=self.observer,
        )

    def ask(self, call: Call) -> list[Reply]:
        """Have a call run; what comes of it is put into the list."""
        answers: list[Reply] = []
        self.keyed.execute(call, answers.append, self.handler)
        return answers

    def end(self, reply: Reply, number: int = -1) -> None:
        """End a handler."""
        self.handler.ends[number].set_result(reply)
        self.step()

    def step(self) -> None:
        for work in self.tasks.begun:
            work.step()
        self.tasks.step()

    def pass_time(self, seconds: float) -> None:
        self.clock.time += seconds
        self.clock.ring()
        self.step()

    def at_once(self, call: Call, reply: Reply) -> list[Reply]:
        """Have a call run whose handler does not wait."""
        answers: list[Reply] = []

        async def answer(given: Call) -> Reply:
            self.handler.calls.append(given)
            return reply

        self.keyed.execute(call, answers.append, answer)
        return answers


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    run(desk.tasks.close())


def codes(*answers: list[Reply]) -> list[list[int]]:
    return [[reply.status.code for reply in each] for each in answers]


# ---- one run for each key ----------------------------------------------------------------------------


def test_all_who_ask_with_a_key_while_it_runs_get_the_one_reply_and_so_do_those_who_ask_later(
    desk: Desk,
) -> None:
    first, second = desk.ask(pay()), desk.ask(pay())
    assert (first, second) == ([], [])

    desk.end(paid())
    third = desk.ask(pay())

    assert first == second == third == [paid()]
    assert first[0] is not second[0]
    assert len(desk.handler.calls) == 1


def test_a_handler_sees_no_key_and_may_take_a_little_longer_than_its_first_caller_waits(desk: Desk) -> None:
    desk.ask(pay(within=10.0))

    (call,) = desk.handler.calls

    assert (call.idempotency_key, call.deadline) == ("", 1010.0 + GRACE)


def test_other_keys_run_beside_it(desk: Desk) -> None:
    one, other = desk.ask(pay("one")), desk.ask(pay("other"))

    desk.end(paid(b"other"))
    assert (one, other) == ([], [paid(b"other")])
    desk.end(paid(b"one"), 0)

    assert one == [paid(b"one")]


def test_the_same_key_with_another_request_is_refused_and_has_not_run(desk: Desk) -> None:
    desk.ask(pay(request=b"ten"))
    while_it_runs = desk.ask(pay(request=b"twenty"))
    desk.end(paid())
    afterwards = desk.ask(pay(request=b"twenty"))

    for (reply,) in (while_it_runs, afterwards):
        assert (reply.status.code, reply.executed) == (409, Executed.NO)
        assert "has come with another request before" in reply.status.message
    assert len(desk.handler.calls) == 1


def test_an_error_of_the_handler_is_the_reply_to_repeats_too(desk: Desk) -> None:
    failed = Reply.refused(HandlerError("handler error: no money"))

    first = desk.at_once(pay(), failed)
    second = desk.ask(pay())

    assert codes(first, second) == [[500], [500]]
    assert second[0].executed is Executed.YES
    assert len(desk.handler.calls) == 1


def test_what_has_not_run_may_be_asked_for_again_and_runs_then(desk: Desk) -> None:
    refused = desk.at_once(pay(), Reply.refused(OverloadedError("overloaded")))
    again = desk.at_once(pay(), paid())

    assert codes(refused, again) == [[429], [200]]
    assert len(desk.handler.calls) == 2


def test_what_may_have_run_halfway_is_never_run_again(desk: Desk) -> None:
    desk.at_once(pay(), Reply.refused(OutcomeUnknownError("outcome unknown: it was ended")))

    (repeated,) = desk.ask(pay())

    assert (repeated.status.code, repeated.executed) == (502, Executed.MAYBE)
    assert "was ended before its handler had" in repeated.status.message
    assert len(desk.handler.calls) == 1


def test_a_request_is_told_from_others_by_its_type_and_its_bytes() -> None:
    texts = [("a", b"b"), ("ab", b""), ("", b"ab"), ("a", b"c"), ("\ud800", b"b")]

    digests = {digest_of(Call(PAY, Payload(type_url, value))) for type_url, value in texts}

    assert len(digests) == len(texts)
    assert digest_of(pay("one", within=1.0)) == digest_of(pay("other", within=2.0))


# ---- those who wait ----------------------------------------------------------------------------------


def test_each_waits_for_its_own_time_and_the_handler_goes_on(desk: Desk) -> None:
    short, long = desk.ask(pay(within=1.0)), desk.ask(pay(within=10.0))

    desk.pass_time(1.0)
    assert codes(short, long) == [[504], []]
    desk.end(paid())

    assert codes(short, long) == [[504], [200]]
    assert short[0].executed is Executed.MAYBE
    desk.pass_time(100.0)
    assert codes(short, long) == [[504], [200]]


def test_who_goes_hears_nothing_and_the_handler_goes_on_for_the_next_one(desk: Desk) -> None:
    answers: list[Reply] = []
    waiter = desk.keyed.execute(pay(), answers.append, desk.handler)
    assert waiter is not None

    waiter.cancel()
    waiter.cancel()
    desk.end(paid())

    assert answers == []
    assert desk.ask(pay()) == [paid()]
    assert len(desk.handler.calls) == 1


def test_a_handler_without_a_deadline_that_nobody_waits_for_is_ended_after_the_time_of_a_reply(
    desk: Desk,
) -> None:
    waiter = desk.keyed.execute(pay(within=FOREVER), desk.ask(pay("other")).append, desk.handler)
    assert waiter is not None
    waiter.cancel()

    desk.pass_time(RULES.seconds - 1)
    assert not desk.tasks.begun[1].is_over
    desk.pass_time(1)

    assert isinstance(desk.tasks.begun[1].error, Cancelled)


def test_a_handler_without_a_deadline_goes_on_while_somebody_waits_for_it_again(desk: Desk) -> None:
    waiter = desk.keyed.execute(pay(within=FOREVER), _nobody, desk.handler)
    assert waiter is not None
    waiter.cancel()
    desk.pass_time(RULES.seconds - 1)

    late = desk.ask(pay(within=FOREVER))
    desk.pass_time(10 * RULES.seconds)
    desk.end(paid())

    assert late == [paid()]


def test_who_awaits_a_call_gets_its_reply_and_may_be_cancelled_alone(desk: Desk) -> None:
    one, other = (Work(desk.keyed.run(pay(), desk.handler)) for _ in range(2))

    one.cancel()
    desk.end(paid())
    other.step()

    assert isinstance(one.error, Cancelled)
    assert other.result == paid()
    assert len(desk.handler.calls) == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OutcomeUnknownError("outcome unknown: the collector closes"),
            "outcome unknown: the collector closes",
        ),
        (OverloadedError("too much"), "outcome unknown: too much"),
        (Cancelled(), "outcome unknown: the first call with this key was ended before its handler had"),
    ],
)
def test_where_a_handler_is_stopped_from_outside_nobody_knows_what_it_has_done(
    desk: Desk, error: BaseException, message: str
) -> None:
    answers = desk.ask(pay())

    desk.tasks.begun[0].end(error)

    assert codes(answers) == [[502]]
    assert answers[0].status.message == message
    desk.step()
    assert codes(desk.ask(pay()), Desk(desk.store, "two").ask(pay())) == [[502], [502]]
    assert len(desk.handler.calls) == 1


def test_a_defect_where_a_call_is_begun_is_told_to_who_waits_and_the_key_may_be_asked_for_again(
    desk: Desk,
) -> None:
    desk.tasks.error = RuntimeError("no task")
    failed = desk.ask(pay())
    desk.tasks.error = None

    assert codes(failed, desk.at_once(pay(), paid())) == [[502], [200]]


def test_what_ends_the_process_goes_on_as_it_is(desk: Desk) -> None:
    async def stop(_call: Call) -> Reply:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.keyed.execute(pay(), _nobody, stop)


# ---- calls that run elsewhere ------------------------------------------------------------------------


def test_a_call_that_another_collector_runs_is_waited_for_and_its_reply_is_the_reply(desk: Desk) -> None:
    other = Desk(desk.store, "two")
    desk.ask(pay())

    answers = other.ask(pay())
    other.pass_time(0.02)
    assert answers == []
    desk.end(paid())
    other.pass_time(0.03)

    assert answers == [paid()]
    assert other.handler.calls == []


def test_a_store_is_asked_less_and_less_often_while_a_call_runs_elsewhere(desk: Desk) -> None:
    other = Desk(desk.store, "two")
    desk.ask(pay())
    other.ask(pay(within=1000.0))
    asked = 0

    def count() -> None:
        nonlocal asked
        asked += 1

    desk.store.check = count  # type: ignore[method-assign]
    for _ in range(1000):
        other.pass_time(0.01)

    assert 20 < asked < 35


def test_nobody_looks_after_a_call_that_runs_elsewhere_once_nobody_waits(desk: Desk) -> None:
    other = Desk(desk.store, "two")
    desk.ask(pay())
    answers = other.ask(pay(within=1.0))

    other.pass_time(1.0)
    other.pass_time(1.0)

    assert codes(answers) == [[504]]
    assert all(work.is_over for work in other.tasks.begun)


def test_what_a_collector_had_begun_that_has_ended_is_unknown_and_never_run_again(desk: Desk) -> None:
    desk.ask(pay())
    desk.store.lose("one")

    (reply,) = Desk(desk.store, "two").ask(pay())

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)
    assert reply.status.message.endswith("the collector that ran the first call with this key has ended")


# ---- a store that fails ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyStoreError("key store '/var/keys.db': the disk is full"), "the key store: the disk is full"),
        (ValueError("a secret"), "the key store cannot be used"),
    ],
)
def test_where_the_store_cannot_be_asked_a_call_is_not_run_and_callers_hear_of_no_file(
    desk: Desk, error: Exception, message: str
) -> None:
    desk.store.error = error
    (reply,) = desk.ask(pay())

    assert (reply.status.code, reply.executed, reply.status.message) == (503, Executed.NO, message)
    assert desk.handler.calls == []
    assert desk.observer.of(KeyStoreFailed) == [KeyStoreFailed("here", PAY, error)]
    desk.store.error = None
    assert desk.at_once(pay(), paid()) == [paid()]


def test_where_the_store_is_full_a_call_is_not_run_and_that_is_no_failure_of_the_store(desk: Desk) -> None:
    for number in range(RULES.max_keys):
        desk.at_once(pay(f"{number}"), paid())

    (reply,) = desk.ask(pay("one more"))

    assert (reply.status.code, reply.executed) == (429, Executed.NO)
    assert desk.observer.events == []


def test_a_reply_that_cannot_be_written_is_given_all_the_same_and_written_later(desk: Desk) -> None:
    first = desk.ask(pay())
    desk.store.error = OSError("the disk is full")
    desk.end(paid())
    assert first == [paid()]

    while_it_fails = desk.ask(pay())
    other_request = desk.ask(pay(request=b"twenty"))
    desk.pass_time(0.2)
    desk.store.error = None
    desk.pass_time(0.2)

    assert while_it_fails == [paid()]
    assert codes(other_request) == [[409]]
    assert Desk(desk.store, "two").ask(pay()) == [paid()]
    assert desk.ask(pay()) == [paid()]
    assert desk.tasks.background == []
    assert len(desk.observer.of(KeyStoreFailed)) == 1


def test_a_reply_that_can_never_be_written_is_forgotten_after_its_time(desk: Desk) -> None:
    desk.ask(pay())
    desk.store.error = OSError("the disk is full")
    desk.end(paid())
    desk.pass_time(0.1)

    for _ in range(3):
        desk.pass_time(RULES.seconds)

    assert desk.tasks.background == []
    assert codes(desk.ask(pay())) == [[503]]


def test_a_key_that_cannot_be_given_back_is_begun_anew_and_the_later_run_counts(desk: Desk) -> None:
    desk.ask(pay())
    desk.store.error = OSError("the disk is full")
    desk.end(Reply.refused(OverloadedError("overloaded")))
    desk.store.error = None

    again = desk.ask(pay())
    desk.pass_time(0.2)
    desk.pass_time(0.2)
    desk.end(paid())

    assert again == [paid()]
    assert desk.ask(pay()) == [paid()]
    assert desk.tasks.background == []


def test_where_too_much_waits_to_be_written_no_further_call_is_run(desk: Desk) -> None:
    desk.ask(pay())
    desk.store.error = OSError("the disk is full")
    desk.end(paid(bytes(RULES.max_bytes)))
    desk.store.error = None

    (refused,) = desk.ask(pay("another"))
    desk.step()
    desk.pass_time(0.2)

    assert (refused.status.code, refused.executed) == (429, Executed.NO)
    assert "wait to be written into the key store" in refused.status.message
    assert desk.tasks.background == []


def test_errors_of_a_store_are_of_the_mesh_whatever_they_are(desk: Desk) -> None:
    class OddError(MeshError):
        code = 499

    desk.store.error = OddError("odd")

    assert codes(desk.ask(pay())) == [[503]]


def _nobody(_reply: Reply) -> None:
    """Nobody hears of it."""
