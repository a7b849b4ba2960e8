"""What the validator would say of a call that nobody makes."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from tests.unit.domain.world import ECHO, THERE, World

from collector_mesh.app.testing.fakes import FakeTasks, run
from collector_mesh.domain.model.context import current_call
from collector_mesh.domain.model.errors import DeadlineExceededError, OutcomeUnknownError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import Explanation, MethodInfo

ALICE = Identity(uris=("spiffe://example.org/alice",))


@attrs.define
class Asked:
    """A validator that does what it is told, and keeps what it was asked."""

    does: Callable[[], object] = lambda: None
    asked: list[object] = attrs.field(factory=list)

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str, /) -> None:
        """See the port."""
        call = current_call()
        self.asked.append((namespace, service_name, method_name, call and call.identity))
        self.does()


def raising(error: BaseException) -> Callable[[], object]:
    def do() -> object:
        raise error

    return do


@pytest.fixture
def world() -> World:
    world = World()
    world.method(ECHO, lambda request, _context: request, blocking=True)
    return world


def explained(world: World, key: MethodKey = ECHO) -> Explanation:
    return run(world.inspection.explanation_for(ALICE, key, is_local=True))


def test_one_that_allows_changes_nothing_and_sees_who_asks(world: World) -> None:
    world.executor.validator = validator = Asked()

    assert explained(world) == world.inspection.explain(ECHO)
    assert validator.asked == [(*ECHO, ALICE)]
    assert world.running.taken == 0


def test_one_that_refuses_is_named_with_its_reason_and_the_call_goes_nowhere_else(world: World) -> None:
    world.executor.validator = Asked(raising(PermissionError("not today")))

    found = explained(world)

    assert found.fit == ()
    assert found.candidates[0].reason == (
        "has the method, but its validator refuses: service not registered in registry: not today (collector 'self')"
    )
    assert found.note == "the call ends at self: what a validator refuses goes nowhere else"
    assert world.running.taken == 0


@pytest.mark.parametrize("error", [TimeoutError("away"), ConnectionError("away")])
def test_one_that_cannot_decide_leaves_the_call_to_others(world: World, error: OSError) -> None:
    world.executor.validator = Asked(raising(error))

    found = explained(world)

    assert not found.candidates[0].fit
    assert (
        "has the method, but its validator could not decide: cannot validate: away"
        in found.candidates[0].reason
    )
    assert found.note == ""


def test_one_that_raises_what_is_no_exception_refuses(world: World) -> None:
    world.executor.validator = Asked(raising(SystemExit("bye")))

    assert "its validator refuses" in explained(world).candidates[0].reason


def test_one_that_does_not_answer_in_time_could_not_decide(world: World) -> None:
    world.executor.validator = Asked()
    world.tasks.error = DeadlineExceededError("deadline exceeded")

    assert "could not decide: cannot validate: it ran out of time" in explained(world).candidates[0].reason


def test_it_takes_a_slot_like_a_call(world: World) -> None:
    world.executor.validator = validator = Asked()
    slots = [world.running.take(ECHO.namespace, source) for source in ("x", "y")]

    found = explained(world)

    assert len(slots) == world.running.taken
    assert validator.asked == []
    assert "its validator could not decide: overloaded" in found.candidates[0].reason


def test_it_is_not_asked_about_what_does_not_run_here(world: World) -> None:
    world.executor.validator = validator = Asked()

    explained(world, THERE)

    assert validator.asked == []


def test_validators_of_peers_are_said_not_to_be_asked(world: World) -> None:
    world.replica("a")

    found = explained(world, THERE)

    assert found.fit == ("a",)
    assert found.note == "the validators of peers were not asked"


def test_without_a_validator_nothing_changes(world: World) -> None:
    assert explained(world) == world.inspection.explain(ECHO)


def test_where_one_refuses_peers_that_could_are_out_of_reach_as_well(world: World) -> None:
    world.peer("a", "users", methods=(MethodInfo(ECHO, "unary", idempotent=True),))
    assert [candidate.collector_id for candidate in explained(world).candidates] == ["self", "a"]
    assert explained(world).candidates[1].fit
    world.executor.validator = Asked(raising(PermissionError("not today")))

    found = explained(world)

    assert found.fit == ()
    assert [candidate.collector_id for candidate in found.candidates] == ["self", "a"]


def test_one_that_was_stopped_could_not_decide(world: World) -> None:
    world.executor.validator = Asked()
    world.tasks.error = OutcomeUnknownError("outcome unknown: drained")

    found = explained(world)

    assert "could not decide: outcome unknown: drained" in found.candidates[0].reason
    assert world.running.taken == 0


@pytest.mark.parametrize("error", [OutcomeUnknownError("it has cancelled itself"), ValueError("a bug")])
def test_one_that_cannot_be_begun_gives_its_slot_back(
    monkeypatch: pytest.MonkeyPatch, world: World, error: Exception
) -> None:
    def begin(_tasks: FakeTasks, work: Any) -> None:
        work.close()
        raise error

    world.executor.validator = Asked()
    monkeypatch.setattr(FakeTasks, "begin", begin)

    if isinstance(error, ValueError):
        with pytest.raises(ValueError, match="a bug"):
            explained(world)
    else:
        assert "could not decide: it has cancelled itself" in explained(world).candidates[0].reason

    assert world.running.taken == 0


def test_an_interrupt_of_the_user_goes_through_a_validator(world: World) -> None:
    world.executor.validator = Asked(raising(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        explained(world)

    assert world.running.taken == 0


def test_a_cancellation_from_outside_goes_through_a_validator(world: World) -> None:
    class Cancelled(BaseException):
        pass

    world.executor.validator = Asked(raising(Cancelled()))
    world.tasks.is_cancelling = True

    with pytest.raises(Cancelled):
        explained(world)

    assert world.running.taken == 0
