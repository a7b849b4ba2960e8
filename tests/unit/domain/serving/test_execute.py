"""Calls that are run here and that nobody awaits: what comes of them is told to whoever asked."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.domain.serving.threads import Threads, Work
from tests.unit.domain.world import ECHO, MAX_PAYLOAD, World

from collector_mesh.app.testing.fakes import FakePromise
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    OutcomeUnknownError,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.nested import NestedCalls
from collector_mesh.domain.serving.plain import PlainFunctions


class Running:
    """An executor whose handlers wait until a test lets them go on."""

    def __init__(self, world: World, *, limit: int = 1) -> None:
        self.world = world
        self.tasks = Threads()
        self.gate = FakePromise()
        self.contexts: list[CallContext] = []
        self.replies: list[Reply] = []
        self.plain = PlainFunctions(limit, world.limit(1), self.tasks)
        self.executor = Executor(
            "self",
            world.handlers,
            tasks=self.tasks,
            clock=world.clock,
            dice=world.dice,
            observer=world.observer,
            slots=world.running,
            plain=self.plain,
            nested=NestedCalls(self.tasks),
            max_payload_bytes=MAX_PAYLOAD,
        )

    async def handler(self, request: object, context: CallContext) -> object:
        self.contexts.append(context)
        await self.gate
        return request

    def execute(self, key: MethodKey = ECHO, **options: Any) -> Any:
        return self.executor.execute(Call(key, Payload("x", b"y"), **options), self.replies.append)

    @property
    def work(self) -> Work:
        (work,) = self.tasks.begun
        return work

    def settle(self, error: BaseException) -> None:
        """End the call that was begun last, as a deadline or a drain does."""
        self.tasks.begun[-1].end(error)

    def told(self) -> tuple[int, Executed]:
        (reply,) = self.replies
        return reply.status.code, reply.executed


@pytest.fixture
def running(world: World) -> Running:
    running = Running(world)
    world.method(ECHO, running.handler)
    return running


def test_a_handler_that_waits_answers_when_it_has_ended(running: Running) -> None:
    assert running.execute() is not None
    assert (running.replies, running.world.running.taken) == ([], 1)

    running.gate.set_result(None)
    running.work.step()

    assert running.told() == (200, Executed.YES)
    assert running.replies[0].payload == Payload("x", b"y")
    assert running.world.running.taken == 0


def test_a_handler_that_never_waits_answers_at_once_and_nothing_is_left_to_cancel(running: Running) -> None:
    running.gate.set_result(None)

    assert running.execute() is None

    assert running.told() == (200, Executed.YES)
    assert running.world.running.taken == 0


@pytest.mark.parametrize(
    ("options", "code"),
    [({"deadline": 0.0}, 504), ({"key": MethodKey("users", "UserService", "Missing")}, 404)],
)
def test_what_is_not_let_in_is_answered_at_once(running: Running, options: dict[str, Any], code: int) -> None:
    assert running.execute(**options) is None

    assert running.told() == (code, Executed.NO)
    assert running.world.running.taken == 0


def test_a_cancelled_call_gives_its_slot_back_and_nobody_is_told_of_it(
    running: Running,
) -> None:
    job = running.execute()

    job.cancel()

    assert running.replies == []
    assert (running.contexts[0].is_cancelled, running.contexts[0].has_ended) == (True, True)
    assert running.world.running.taken == 0
    assert running.executor.outlived.held_bytes == 0


def test_a_plain_handler_that_outlives_its_call_is_known_to_hold_its_request(running: Running) -> None:
    seen: list[bool] = []

    def plain(_request: object, context: CallContext) -> None:
        seen.append(context.is_cancelled)

    running.world.method(ECHO, plain, blocking=True)
    job = running.execute()
    (thread,) = running.tasks.threads

    job.cancel()
    assert running.executor.outlived.held_bytes == 1
    thread.end()

    assert (seen, running.replies) == ([True], [])
    assert running.executor.outlived.held_bytes == 0
    assert running.plain.threads == 0


def test_a_plain_handler_gives_its_rest_to_the_loop(running: Running) -> None:
    running.world.method(ECHO, running.handler, blocking=True)
    running.execute()

    running.tasks.threads[0].end()
    running.work.step()
    assert running.replies == []
    running.gate.set_result(None)
    running.work.step()

    assert running.told() == (200, Executed.YES)


def test_the_rest_of_a_plain_handler_is_not_run_where_nobody_waits_anymore(running: Running) -> None:
    running.world.method(ECHO, running.handler, blocking=True)
    job = running.execute()

    job.cancel()
    running.tasks.threads[0].end()

    assert (running.contexts, running.replies) == ([], [])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DeadlineExceededError("deadline exceeded"), (504, Executed.MAYBE)),
        (OutcomeUnknownError("outcome unknown: drained"), (502, Executed.MAYBE)),
    ],
)
def test_a_call_that_is_ended_while_its_handler_runs_may_have_run(
    running: Running, error: MeshError, told: tuple[int, Executed]
) -> None:
    running.execute()

    running.settle(error)

    assert running.told() == told
    assert running.contexts[0].is_cancelled


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DeadlineExceededError("deadline exceeded"), (504, Executed.NO)),
        (OutcomeUnknownError("outcome unknown: drained"), (503, Executed.NO)),
    ],
)
def test_a_call_that_is_ended_while_it_waits_for_a_thread_has_not_run(
    running: Running, error: MeshError, told: tuple[int, Executed]
) -> None:
    running.world.method(ECHO, lambda request, _context: request, blocking=True)
    first = running.execute()
    second = running.execute()
    assert (first is not None, second is not None, running.plain.waiting) == (True, True, 1)

    running.settle(error)

    assert running.told() == told


def test_a_defect_of_the_collector_is_no_silence(running: Running) -> None:
    running.execute()

    running.settle(RuntimeError("a bug"))

    assert running.told() == (500, Executed.YES)
    assert running.replies[0].status.message == "handler error: a bug"


def test_an_interrupt_of_the_user_gives_the_slot_back_and_goes_through(
    monkeypatch: pytest.MonkeyPatch, running: Running
) -> None:
    def interrupted(_tasks: Threads, work: Any) -> None:
        work.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Threads, "begin", interrupted)

    with pytest.raises(KeyboardInterrupt):
        running.execute()

    assert running.world.running.taken == 0


def writes(error: BaseException) -> Callable[[object, int], Payload]:
    def write(_result: object, _limit: int) -> Payload:
        raise error

    return write


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit("odd")])
def test_a_result_whose_class_does_as_it_likes_is_a_500(world: World, error: BaseException) -> None:
    async def handler(_request: object, _context: CallContext) -> object:
        return {"a": 1}

    world.method(ECHO, handler, write=writes(error))

    reply = world.serve(ECHO)

    assert (reply.status.code, reply.executed) == (500, Executed.YES)
    assert "cannot send the result: " in reply.status.message
    assert "odd" in reply.status.message


@pytest.mark.parametrize("result", [Payload("t" * 3000), Payload("x", "text")])  # type: ignore[arg-type]
def test_a_payload_that_no_frame_takes_is_a_500(world: World, result: Payload) -> None:
    async def handler(_request: object, _context: CallContext) -> object:
        return result

    world.method(ECHO, handler)

    reply = world.serve(ECHO)

    assert (reply.status.code, reply.executed) == (500, Executed.YES)
    assert "cannot send the result: " in reply.status.message
