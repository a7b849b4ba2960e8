"""Calls that run here are told, counted and timed once each, in every form and however they end."""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar, copy_context
from typing import Any

import attrs
import pytest
from tests.unit.domain.serving.threads import Cancelled, Threads, Work
from tests.unit.domain.watching.noted import RECORDED, UNRECORDED, Noted
from tests.unit.domain.world import ECHO, MAX_PAYLOAD, World, echo

from collector_mesh.app.testing.fakes import FakePromise
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import DeadlineExceededError, Executed, NotFoundError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.measured import MeasuredExecutor, MeasuredWatchedExecutor
from collector_mesh.domain.serving.nested import NestedCalls
from collector_mesh.domain.serving.sampled import SampledExecutor, sampled
from collector_mesh.domain.serving.watched import WatchedExecutor
from collector_mesh.domain.watching.method_numbers import MethodNumbers, SeriesBudget, SideNumbers

MISSING = MethodKey("users", "UserService", "Missing")
TRACE: ContextVar[bytes] = ContextVar("trace", default=b"")


class Rest(Awaitable[Any]):
    """The rest of work that has come to its first wait, for one who awaits it; a `MeshError` ends the wait and the work."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __await__(self) -> Generator[None, None, Any]:
        while not self._work.is_over:
            try:
                yield
            except BaseException:
                self._work.cancel()
                raise
            self._work.step()
        if self._work.error is not None:
            raise self._work.error
        return self._work.result


@attrs.define(eq=False)
class Awaited:
    """Work that has begun, and that may be awaited as well."""

    work: Work

    def go_on(self, *parts: Any) -> Any:
        return self.work.go_on(*parts)

    async def result(self, _deadline: float, ended: Callable[[], None]) -> Any:
        try:
            return await Rest(self.work)
        finally:
            ended()


class Waiting(Threads):
    """Tasks whose work may be awaited."""

    def begin(self, work: Coroutine[Any, Any, Any]) -> Any:
        begun = super().begin(work)
        return Awaited(begun) if isinstance(begun, Work) else begun


KINDS = {
    "watched": WatchedExecutor,
    "measured": MeasuredExecutor,
    "both": MeasuredWatchedExecutor,
    "sampled": SampledExecutor,
    "all": sampled(MeasuredWatchedExecutor),
}
TOLD = {
    "watched": ["watch"],
    "measured": [],
    "both": ["watch"],
    "sampled": ["spans"],
    "all": ["watch", "spans"],
}
"""Who is told of a call that is recorded."""


class Running:
    """An executor that is watched, and whose handler waits until a test lets it go on."""

    def __init__(self, kind: str) -> None:
        self.world, self.tasks = World(), Waiting()
        self.gate = FakePromise()
        self.watch, self.spans = Noted(), Noted()
        self.side = SideNumbers(SeriesBudget(1000), 0, lambda call: call.key == ECHO)
        self.replies: list[Reply] = []
        self.seen: list[bytes] = []
        self._told = [getattr(self, name) for name in TOLD[kind]]
        self.counts = "measured" in kind or kind in {"both", "all"}
        more: dict[str, Any] = {}
        if "watch" in TOLD[kind]:
            more["watch"] = self.watch
        if "spans" in TOLD[kind]:
            more |= {"spans": self.spans, "enter": TRACE.set}
        if self.counts:
            more["side"] = self.side
        self.executor: Executor = KINDS[kind](
            "self",
            self.world.handlers,
            tasks=self.tasks,
            clock=self.world.clock,
            dice=self.world.dice,
            observer=self.world.observer,
            slots=self.world.running,
            plain=self.world.plain,
            nested=NestedCalls(self.tasks),
            max_payload_bytes=MAX_PAYLOAD,
            **more,
        )
        self.world.method(ECHO, self._handler)

    async def _handler(self, request: object, _context: CallContext) -> object:
        self.seen.append(TRACE.get())
        await self.gate
        return request

    def run(self, key: MethodKey = ECHO, *, trace: bytes = RECORDED, **options: Any) -> Work:
        return Work(self.executor.run(Call(key, trace=trace, **options)))

    def execute(self, key: MethodKey = ECHO, *, trace: bytes = RECORDED, **options: Any) -> Any:
        return self.executor.execute(Call(key, trace=trace, **options), self.replies.append)

    def goes_on(self) -> None:
        self.gate.set_result(None)
        for work in self.tasks.begun:
            work.step()

    def passes(self, seconds: float) -> None:
        self.world.clock.time += seconds

    def told(self, *codes: int | None, seconds: float = 0.0) -> bool:
        """Whether all who are told have been told of these ends, each after that time, and they are counted."""
        end = 1000.0 + seconds
        assert all(each.began == ["serve"] * len(codes) for each in self._told)
        assert all(each.ended == [("serve", code, 1000.0, end) for code in codes] for each in self._told)
        if self.counts:
            every: list[MethodNumbers] = [*self.side.methods.values(), self.side.others]
            errors = [code for each in every for code, number in each.errors.items() for _ in range(number)]
            assert sorted(errors) == sorted(499 if code is None else code for code in codes if code != 200)
            assert sum(each.begun for each in every) == len(codes)
            assert sum(each.in_flight for each in every) == 0
            assert sum(each.seconds for each in every) == pytest.approx(seconds * len(codes))
        assert self.world.running.taken == 0
        return True


@pytest.fixture(params=list(KINDS))
def running(request: pytest.FixtureRequest) -> Running:
    return Running(request.param)


def test_a_handler_that_waits_is_told_when_it_has_ended_in_both_forms(running: Running) -> None:
    awaited, job = running.run(), running.execute()
    assert job is not None

    running.passes(2.0)
    running.goes_on()
    awaited.step()

    assert [awaited.result.status.code, *(reply.status.code for reply in running.replies)] == [200, 200]
    assert running.told(200, 200, seconds=2.0)
    job.cancel()
    assert running.told(200, 200, seconds=2.0)


def test_a_handler_that_never_waits_is_told_at_once_in_both_forms(running: Running) -> None:
    running.world.method(ECHO, echo)

    assert running.run().result.status.code == 200
    assert running.execute() is None

    assert running.told(200, 200)


def test_a_call_that_is_cancelled_ends_without_a_reply_in_both_forms(running: Running) -> None:
    awaited, job = running.run(), running.execute()

    awaited.cancel()
    job.cancel()
    job.cancel()

    assert isinstance(awaited.error, Cancelled)
    assert running.replies == []
    assert running.told(None, None)


def test_what_is_not_let_in_is_told_at_once_in_both_forms(running: Running) -> None:
    assert running.run(MISSING).result.status.code == 404
    assert running.execute(deadline=1.0) is None

    assert [reply.status.code for reply in running.replies] == [504]
    assert running.told(404, 504)


def test_a_call_that_is_refused_before_it_is_to_run_is_told_too(running: Running) -> None:
    reply = running.executor.refuse(Call(ECHO, trace=RECORDED), NotFoundError("no"))

    assert (reply.status.code, reply.executed) == (404, Executed.NO)
    assert running.told(404)


def test_a_call_whose_time_is_up_is_told_as_that(running: Running) -> None:
    running.execute()
    (work,) = running.tasks.begun
    work.end(DeadlineExceededError("deadline exceeded"))

    assert [(reply.status.code, reply.executed) for reply in running.replies] == [(504, Executed.MAYBE)]
    assert running.told(504)


def test_a_handler_that_fails_is_told_with_its_code(running: Running) -> None:
    async def fails(_request: object, _context: CallContext) -> object:
        await running.gate
        raise ValueError("no")

    running.world.method(ECHO, fails)
    running.execute()
    running.goes_on()

    assert [reply.status.code for reply in running.replies] == [500]
    assert running.told(500)


def test_what_ends_the_process_while_a_call_is_begun_leaves_nothing_in_flight(running: Running) -> None:
    running.tasks.error = KeyboardInterrupt()  # type: ignore[assignment]  # it is raised all the same

    with pytest.raises(KeyboardInterrupt):
        running.execute()

    assert running.told(None)


@pytest.mark.parametrize("kind", ["watched", "sampled"])
def test_whoever_waits_is_answered_and_the_handler_stopped_even_if_the_watch_fails(kind: str) -> None:
    running = Running(kind)
    running.watch.fails = running.spans.fails = True
    answered, cancelled = running.execute(), running.execute()
    assert answered is not None

    with pytest.raises(RuntimeError, match="the watch has failed"):
        cancelled.cancel()
    with pytest.raises(RuntimeError, match="the watch has failed"):
        running.goes_on()

    assert [reply.status.code for reply in running.replies] == [200]
    assert all(work.is_over for work in running.tasks.begun)


def test_an_awaited_call_whose_time_is_up_is_counted_by_its_code() -> None:
    running = Running("measured")
    work = running.executor.run(Call(ECHO))
    work.send(None)

    with pytest.raises(StopIteration) as ended:
        work.throw(DeadlineExceededError("deadline exceeded"))

    assert ended.value.value.status.code == 504
    assert running.told(504)


def test_an_awaited_call_that_a_defect_ends_is_counted_as_one_that_nobody_waits_for() -> None:
    running = Running("measured")
    work = running.executor.run(Call(ECHO))
    work.send(None)

    with pytest.raises(ValueError, match="a defect"):
        work.throw(ValueError("a defect"))

    assert running.told(None)


@pytest.mark.parametrize("kind", ["sampled", "all"])
@pytest.mark.parametrize("trace", [UNRECORDED, b""])
def test_a_call_that_is_not_recorded_runs_as_if_no_spans_were_wanted(kind: str, trace: bytes) -> None:
    running = Running(kind)
    awaited = running.run(trace=trace)
    running.execute(trace=trace)
    running.executor.refuse(Call(ECHO, trace=trace), NotFoundError("no"))
    running.goes_on()
    awaited.step()

    assert (running.spans.began, running.spans.ended) == ([], [])
    assert len(running.watch.ended) == (3 if kind == "all" else 0)
    assert running.seen == [b"", b""]


@pytest.mark.parametrize("kind", ["sampled", "all"])
def test_the_handler_of_a_recorded_call_runs_in_its_trace_and_nobody_else_does(kind: str) -> None:
    running = Running(kind)

    copy_context().run(running.execute)
    running.execute(trace=UNRECORDED)

    assert running.seen == [RECORDED, b""]
    assert TRACE.get() == b""


def test_kinds_of_executors_are_sampled_beside_what_they_do() -> None:
    assert sampled(Executor) is SampledExecutor
    assert issubclass(KINDS["all"], MeasuredWatchedExecutor)
    assert KINDS["all"].__name__ == "SampledMeasuredWatchedExecutor"
