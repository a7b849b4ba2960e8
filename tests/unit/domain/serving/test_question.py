"""What the validator would say of a call that nobody makes."""

from collections.abc import Callable

import attrs
import pytest
from tests.unit.domain.world import ECHO, THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.context import current_call
from collector_mesh.domain.model.errors import DeadlineExceededError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import Explanation

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
