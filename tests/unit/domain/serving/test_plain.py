"""Who gets a thread for a plain function, who waits for one, and who is turned away."""

import contextvars
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.unit.domain.serving.threads import Cancelled, Threads, Work

from collector_mesh.app.testing.fakes import FakeClock
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    OutcomeUnknownError,
    OverloadedError,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit
from collector_mesh.domain.policies.lease import Lease
from collector_mesh.domain.serving import plain as module
from collector_mesh.domain.serving.plain import Place, PlainFunctions

KEY = MethodKey("users", "UserService", "Count")


class Hall:
    """Plain functions, with a name each, that end when a test says so."""

    def __init__(self, limit: int = 1, seats: int = 10) -> None:
        self.clock = FakeClock()
        self.tasks = Threads()
        self.seats = self.slots(seats)
        self.plain = PlainFunctions(limit, self.seats, self.tasks)
        self.began: list[str] = []
        self.places: dict[str, Place] = {}
        self.contexts: dict[str, CallContext] = {}
        self._works: list[Work] = []
        """Kept, since a coroutine that nobody has is closed."""

    def slots(self, limit: int) -> ConcurrencyLimit:
        return ConcurrencyLimit(
            limit, lambda _: None, now=self.clock.now, is_known=lambda _: True, on_shed=lambda _: None
        )

    def enter(self, name: str, lease: Lease | None = None, *, comes_first: bool = False) -> Work:
        """Have a function run, or wait."""
        work = Work(self.run(name, lease, comes_first=comes_first))
        self._works.append(work)
        return work

    async def run(self, name: str, lease: Lease | None = None, *, comes_first: bool = False) -> str:
        context = self.contexts[name] = CallContext(
            Call(KEY, deadline=self.clock.time + 10.0), "self", self.clock.now
        )

        def begins(place: Place) -> None:
            self.began.append(name)
            self.places[name] = place

        return await self.plain.run(
            lambda: f"{name} is done", context, begins=begins, lease=lease, comes_first=comes_first
        )

    def end(self, name: str) -> None:
        """Have the function of that name end."""
        thread = next(each for each in self.tasks.threads if each.use is self.places[name])
        self.tasks.threads.remove(thread)
        thread.end()

    def call_of(self, name: str, call: "Called") -> Work:
        """Have a function that runs make a call, and wait for it; the others take their turns."""
        work = self.wait_of(name, call.made())
        self.tasks.step()
        return work

    def wait_of(self, name: str, call: Coroutine[Any, Any, Reply]) -> Work:
        work = Work(self.places[name].wait_for(self.contexts[name], self.tasks, call))
        self._works.append(work)
        return work


class Called:
    """A call that ends when a test says so."""

    def __init__(self, tasks: Threads) -> None:
        self._tasks = tasks
        self._reply = tasks.promise()
        self.is_made = self.is_cancelled = False
        self.error: Exception | None = None

    async def made(self) -> Reply:
        self.is_made = True
        try:
            reply: Reply = await self._reply
        except Cancelled:
            self.is_cancelled = True
            raise
        if self.error is not None:
            raise self.error
        return reply

    def end(self, error: Exception | None = None) -> None:
        self.error = error
        self._reply.set_result(Reply(OK))
        for begun in self._tasks.begun:
            begun.step()


async def _at_once(reply: Reply) -> Reply:
    return reply


async def _failing(error: Exception) -> Reply:
    raise error


def code_of(work: Work) -> int:
    assert work.error is None, work.error
    code: int = work.result.status.code
    return code


def test_as_many_run_as_may_and_the_others_come_in_their_order() -> None:
    hall = Hall(limit=2)
    works = {name: hall.enter(name) for name in "abcd"}

    assert (hall.began, hall.plain.running, hall.plain.waiting) == (["a", "b"], 2, 2)
    hall.end("b")
    works["c"].step()
    hall.end("c")
    works["d"].step()

    assert hall.began == ["a", "b", "c", "d"]
    assert (hall.plain.running, hall.plain.threads, hall.plain.waiting) == (2, 2, 0)
    works["b"].step()
    assert works["b"].result == "b is done"


def test_who_comes_while_others_wait_does_not_come_before_them() -> None:
    hall = Hall()
    hall.enter("a")
    waits = hall.enter("b")
    hall.end("a")

    late = hall.enter("c")  # b has its thread, and has not run since
    waits.step()
    hall.end("b")
    late.step()

    assert hall.began == ["a", "b", "c"]


def test_who_comes_first_comes_before_those_who_wait_already() -> None:
    hall = Hall()
    hall.enter("a")
    works = [hall.enter("b"), hall.enter("c", comes_first=True)]

    hall.end("a")
    for work in works:
        work.step()

    assert hall.began == ["a", "c"]


def test_without_a_seat_nobody_waits() -> None:
    hall = Hall(seats=1)
    hall.enter("a")
    waiting = hall.enter("b")

    refused = hall.enter("c")

    assert isinstance(refused.error, OverloadedError)
    assert (hall.plain.waiting, hall.seats.taken) == (1, 1)
    hall.end("a")
    waiting.step()
    assert (hall.began, hall.seats.taken) == (["a", "b"], 0)


def test_who_is_cancelled_while_it_waits_leaves_its_seat_and_its_turn() -> None:
    hall = Hall()
    hall.enter("a")
    gone, other = hall.enter("b"), hall.enter("c")

    gone.cancel()

    assert (hall.plain.waiting, hall.seats.taken) == (1, 1)
    hall.end("a")
    other.step()
    assert (hall.began, hall.plain.running) == (["a", "c"], 1)


def test_who_is_cancelled_as_it_gets_its_thread_gives_it_to_the_next() -> None:
    hall = Hall()
    hall.enter("a")
    gone, other = hall.enter("b"), hall.enter("c")
    hall.end("a")

    gone.cancel()
    other.step()

    assert (hall.began, hall.plain.running, hall.plain.threads) == (["a", "c"], 1, 1)


def test_a_function_whose_caller_has_gone_keeps_its_thread_until_it_ends() -> None:
    hall = Hall()
    gone = hall.enter("a")
    other = hall.enter("b")

    gone.cancel()
    other.step()
    assert (hall.began, hall.plain.running) == (["a"], 1)

    hall.end("a")
    other.step()
    assert hall.began == ["a", "b"]


def test_a_function_that_waits_for_a_call_lets_another_one_run_and_goes_on_at_once() -> None:
    hall = Hall()
    hall.enter("a")
    other = hall.enter("b")
    call = Called(hall.tasks)

    waits = hall.call_of("a", call)
    other.step()
    assert (hall.began, hall.plain.running, hall.plain.threads) == (["a", "b"], 1, 2)

    call.end()
    waits.step()
    assert code_of(waits) == 200
    assert hall.plain.running == 2  # for a moment more than may begin
    hall.end("a")
    assert (hall.plain.running, hall.plain.threads) == (1, 1)


def test_several_calls_of_one_function_free_one_place_until_all_have_ended() -> None:
    hall = Hall(limit=2)
    hall.enter("a")
    hall.enter("b")
    calls = [Called(hall.tasks), Called(hall.tasks)]
    works = [hall.call_of("a", call) for call in calls]
    assert hall.plain.running == 1

    calls[0].end()
    works[0].step()
    assert hall.plain.running == 1
    calls[1].end()
    works[1].step()

    assert hall.plain.running == 2


def test_a_function_that_ends_while_a_thread_of_it_still_waits_is_counted_out_once() -> None:
    hall = Hall()
    hall.enter("a")
    call = Called(hall.tasks)
    waits = hall.call_of("a", call)

    hall.end("a")
    call.end()
    waits.step()

    assert (hall.plain.running, hall.plain.threads) == (0, 0)


def test_what_a_function_calls_here_comes_before_others_that_wait_also_through_async_code() -> None:
    hall = Hall()
    hall.enter("a")
    other = hall.enter("b")

    hall.wait_of("a", _calling(hall, "inner"))
    hall.tasks.step()
    other.step()
    for begun in hall.tasks.begun:
        begun.step()

    assert hall.began == ["a", "inner"]


async def _calling(hall: Hall, name: str) -> Reply:
    await hall.run(name)
    return Reply(OK)


def test_where_everybody_with_a_thread_waits_in_a_call_nobody_else_may_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_THREADS", 2)
    hall = Hall(limit=2)
    hall.enter("a")
    hall.enter("b")
    waiting = hall.enter("c")
    calls = [Called(hall.tasks), Called(hall.tasks)]

    hall.call_of("a", calls[0])
    waiting.step()
    assert not waiting.is_over  # b still runs
    hall.call_of("b", calls[1])
    waiting.step()
    refused = hall.enter("d")

    # Those calls may be waiting for this one.
    assert isinstance(waiting.error, OverloadedError)
    assert isinstance(refused.error, OverloadedError)
    assert (hall.began, hall.plain.waiting, hall.seats.taken) == (["a", "b"], 0, 0)


def test_a_caller_that_has_gone_ends_what_the_function_waits_for() -> None:
    hall = Hall()
    caller = hall.enter("a")
    call = Called(hall.tasks)
    waits = hall.call_of("a", call)

    caller.cancel()
    waits.step()

    assert call.is_cancelled
    assert waits.result.status.code == OutcomeUnknownError.code
    assert waits.result.status.message == "outcome unknown: the caller no longer waits for the handler"


def test_a_function_whose_time_is_up_is_told_so_by_what_it_waits_for_and_calls_nobody_else() -> None:
    hall = Hall()
    caller = hall.enter("a")
    waits = hall.call_of("a", Called(hall.tasks))
    hall.clock.time += 10.0

    caller.cancel()
    waits.step()
    late = Called(hall.tasks)
    refused = hall.call_of("a", late)

    assert (code_of(waits), code_of(refused)) == (504, 504)
    assert not late.is_made
    assert hall.plain.running == 1


def test_a_call_that_never_waits_gives_its_reply() -> None:
    hall = Hall()
    hall.enter("a")
    reply = Reply(OK)

    waits = hall.wait_of("a", _at_once(reply))

    assert waits.result is reply
    assert hall.plain.running == 1


@pytest.mark.parametrize("is_late", [False, True])
def test_a_call_that_was_stopped_is_a_reply_and_any_other_error_is_raised(is_late: bool) -> None:
    hall = Hall()
    hall.enter("a")
    stopped, broken = OutcomeUnknownError("outcome unknown: drained"), ValueError("a bug")

    def outcome(error: Exception) -> Work:
        if not is_late:
            return hall.wait_of("a", _failing(error))
        call = Called(hall.tasks)
        waits = hall.call_of("a", call)
        call.end(error)
        waits.step()
        return waits

    assert code_of(outcome(stopped)) == OutcomeUnknownError.code
    assert outcome(broken).error is broken
    assert hall.plain.running == 1


def test_who_is_cancelled_while_it_waits_for_a_call_cancels_the_call() -> None:
    hall = Hall()
    hall.enter("a")
    call = Called(hall.tasks)
    waits = hall.call_of("a", call)

    waits.cancel()

    assert call.is_cancelled
    assert isinstance(waits.error, Cancelled)
    assert hall.plain.running == 1


def test_a_call_has_no_slot_while_it_waits_for_a_thread() -> None:
    hall = Hall()
    slots = hall.slots(1)
    hall.enter("a")

    waiting = hall.enter("b", lease := Lease(slots, "users", "x"))
    assert slots.taken == 0
    hall.end("a")
    waiting.step()

    assert (hall.began, slots.taken) == (["a", "b"], 1)
    lease.release()
    lease.release()
    assert slots.taken == 0


def test_without_a_slot_once_there_is_a_thread_a_call_is_turned_away_and_the_next_gets_the_thread() -> None:
    hall = Hall()
    slots = hall.slots(1)
    hall.enter("a")
    unlucky, other = hall.enter("b", Lease(slots, "users", "x")), hall.enter("c")
    slots.take("users")

    hall.end("a")
    unlucky.step()
    other.step()

    assert isinstance(unlucky.error, OverloadedError)
    assert (hall.began, hall.plain.running, slots.taken) == (["a", "c"], 1, 1)


def test_what_belongs_to_a_call_runs_for_its_context_and_comes_first() -> None:
    hall = Hall()
    hall.enter("a")
    other = hall.enter("b")
    context = CallContext(Call(KEY), "self", hall.clock.now)

    def validator() -> Work:
        CURRENT.set(context)
        return Work(hall.plain.in_thread(lambda: "valid", comes_first=True))

    asked = contextvars.copy_context().run(validator)
    hall.end("a")
    asked.step()
    other.step()

    assert hall.began == ["a"]
    (thread,) = hall.tasks.threads
    assert thread.use is context.place
    thread.end()
    asked.step()
    assert asked.result == "valid"


def test_what_belongs_to_a_call_waits_for_its_turn_where_it_does_not_come_first() -> None:
    hall = Hall(seats=2)
    hall.enter("a")
    other = hall.enter("b")
    context = CallContext(Call(KEY, source="someone"), "self", hall.clock.now)

    def handler() -> Work:
        CURRENT.set(context)
        return Work(hall.plain.in_thread(lambda: "done", comes_first=False))

    asked = contextvars.copy_context().run(handler)
    assert hall.seats.remembered_callers == 1
    hall.end("a")
    other.step()
    asked.step()

    assert hall.began == ["a", "b"]
    assert not asked.is_over


def test_what_belongs_to_no_call_runs_all_the_same_and_comes_first() -> None:
    hall = Hall()
    hall.enter("a")
    other = hall.enter("b")
    asked = Work(hall.plain.in_thread(lambda: "valid", comes_first=True))

    hall.end("a")
    asked.step()
    other.step()
    assert hall.began == ["a"]
    hall.tasks.threads[-1].end()
    asked.step()

    assert asked.result == "valid"


def test_work_that_cannot_be_begun_is_a_reply() -> None:
    hall = Hall()
    hall.enter("a")
    hall.tasks.error = DeadlineExceededError("deadline exceeded")
    call = Called(hall.tasks)

    waits = hall.call_of("a", call)

    assert code_of(waits) == 504
    assert not call.is_made
