"""What calls do with the state of a service, and how those that use it are counted."""

from collections.abc import Generator
from contextlib import nullcontext
from typing import Any

import pytest
from tests.unit.domain.world import ECHO, World

from collector_mesh.app.testing.fakes import FakeTasks, run
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import Executed, OverloadedError
from collector_mesh.domain.serving.handlers import Method
from collector_mesh.domain.serving.life import Life, NotServedError


def context() -> CallContext:
    return CallContext(Call(ECHO), "self", lambda: 0.0)


@pytest.fixture
def life() -> Life:
    life = Life(nullcontext())
    life.state = "open"
    return life


def bound(life: Life, function: Any, *, blocking: bool) -> Method:
    return life.bind(Method(ECHO, function, blocking=blocking))


class Seen:
    """A handler that takes down what it sees."""

    def __init__(self, life: Life, error: BaseException | None = None) -> None:
        self._life = life
        self._error = error
        self.seen: list[tuple[object, int]] = []

    def plain(self, request: object, given: CallContext) -> object:
        self.seen.append((given.state, self._life.running))
        if self._error is not None:
            raise self._error
        return request

    async def awaited(self, request: object, given: CallContext) -> object:
        return self.plain(request, given)


@pytest.mark.parametrize("blocking", [False, True])
def test_a_handler_is_given_the_state_and_counts_while_it_runs(life: Life, blocking: bool) -> None:
    seen = Seen(life)
    method = bound(life, seen.plain if blocking else seen.awaited, blocking=blocking)

    given = method.function("x", context())

    assert (given if blocking else run(given)) == "x"
    assert (seen.seen, life.running) == ([("open", 1)], 0)


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_a_handler_that_fails_counts_no_longer(life: Life, blocking: bool, error: BaseException) -> None:
    seen = Seen(life, error)
    method = bound(life, seen.plain if blocking else seen.awaited, blocking=blocking)

    async def called() -> None:
        given = method.function("x", context())
        await given

    with pytest.raises(type(error)):
        run(called())

    assert (seen.seen, life.running) == ([("open", 1)], 0)


@pytest.mark.parametrize("blocking", [False, True])
def test_once_it_is_over_no_handler_begins(life: Life, blocking: bool) -> None:
    seen = Seen(life)
    method = bound(life, seen.plain if blocking else seen.awaited, blocking=blocking)
    life.end()

    with pytest.raises(NotServedError, match=r"method users/UserService\.Echo is no longer served"):
        run(method.function("x", context()))

    assert (seen.seen, life.running) == ([], 0)


def test_a_call_that_runs_already_goes_on_after_the_end(life: Life) -> None:
    counts = []

    async def handler(_request: object, given: CallContext) -> object:
        life.end()
        counts.append(life.running)
        return given.state

    assert run(bound(life, handler, blocking=False).function("x", context())) == "open"
    assert (counts, life.running) == ([1], 0)


def test_a_plain_handler_around_an_async_one_counts_until_that_has_ended(life: Life) -> None:
    seen = Seen(life)
    rest = bound(life, seen.awaited, blocking=True).function("x", context())
    assert life.running == 1

    async def awaiting() -> object:
        return await rest

    assert run(awaiting()) == "x"
    assert (seen.seen, life.running) == ([("open", 1)], 0)


def test_an_async_rest_that_nobody_awaits_is_closed_and_counts_no_longer(life: Life) -> None:
    seen = Seen(life)
    made = []

    def plain(request: object, given: CallContext) -> object:
        made.append(seen.awaited(request, given))
        return made[0]

    rest = bound(life, plain, blocking=True).function("x", context())
    rest.close()

    assert (seen.seen, life.running) == ([], 0)
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        run(made[0])


def test_an_async_rest_that_cannot_be_closed_counts_no_longer_either(life: Life) -> None:
    class Awaited:
        def __await__(self) -> Generator[None, None, str]:
            yield
            return "x"

    rest = bound(life, lambda _request, _given: Awaited(), blocking=True).function("x", context())
    assert life.running == 1

    rest.close()

    assert life.running == 0


@pytest.mark.parametrize("blocking", [False, True])
def test_a_call_of_a_closed_service_is_not_found_and_was_not_run(
    world: World, life: Life, blocking: bool
) -> None:
    seen = Seen(life)
    world.handlers.register(
        bound(life, seen.plain if blocking else seen.awaited, blocking=blocking), replace=True
    )
    assert world.serve(ECHO).status.code == 200

    life.end()
    reply = world.serve(ECHO)

    assert (reply.status.code, reply.executed) == (404, Executed.NO)
    assert reply.status.message == "method 'UserService.Echo' not found in namespace 'users'"
    assert world.observer.events == []


def test_a_plain_call_counts_while_it_waits_for_a_thread_and_no_longer_if_it_gets_none(
    monkeypatch: pytest.MonkeyPatch, world: World, life: Life
) -> None:
    counts = []

    async def in_thread(*_: Any) -> None:
        counts.append(life.running)
        raise OverloadedError.after(0.1)

    monkeypatch.setattr(FakeTasks, "in_thread", in_thread)
    world.handlers.register(bound(life, Seen(life).plain, blocking=True), replace=True)

    reply = world.serve(ECHO)

    assert (reply.status.code, reply.executed) == (429, Executed.NO)
    assert (counts, life.running) == ([1], 0)
