import pytest
from tests.unit.domain.calls.scripted import says, ways, world_of
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.calls.sender import Sender
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.method_times import MethodTimes
from collector_mesh.domain.topology.candidates import Candidate

LATE = says(504, "deadline exceeded", Executed.MAYBE)


def known(world: World, key: MethodKey, seconds: float) -> None:
    """Have it known how long the calls to a method take."""
    pool = world.topology.having(key)
    assert pool is not None
    for number in range(20):
        pool.times.took(seconds, world.clock.now() + number)


def unanswered(world: World, took: float, *, is_cancelled: bool, times: int = 6) -> list[str]:
    """Have calls of 80 ms or so be sent to the only peer and not be answered; gives the state of its breaker."""
    (engine,) = ways(world).values()
    for _ in range(times):
        answers: list[object] = []
        pending = world.dispatcher.submit(Call(THERE), answers.append)
        assert pending is not None
        world.clock.time += took
        if is_cancelled:
            pending.cancel()
        else:
            engine.sent[-1].settle(LATE)
    (connection,) = world.inspection.snapshot().connections
    return [standing.breaker for standing in connection.standings]


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_calls_that_take_longer_than_nearly_all_of_the_method_count_as_failures(is_cancelled: bool) -> None:
    world = world_of([None] * 10, peers="a", idempotent="")
    known(world, THERE, 0.005)

    assert unanswered(world, 0.06, is_cancelled=is_cancelled) == ["open"]


@pytest.mark.parametrize(("took", "is_cancelled"), [(0.06, True), (0.06, False), (5.0, True)])
def test_calls_without_an_answer_are_no_failures_where_nobody_knows_how_long_the_method_takes(
    took: float, is_cancelled: bool
) -> None:
    world = world_of([None] * 10, peers="a", idempotent="")

    assert unanswered(world, took, is_cancelled=is_cancelled) == ["closed"]


def test_impatient_callers_of_a_slow_method_open_no_breaker() -> None:
    world = world_of([None] * 40, peers="a", idempotent="")
    known(world, THERE, 0.4)

    assert unanswered(world, 0.06, is_cancelled=True, times=30) == ["closed"]


def test_the_next_call_goes_where_calls_are_answered() -> None:
    world = world_of([None] + [says(200, executed=Executed.YES)] * 20, peers="ab", idempotent="")
    pending = world.dispatcher.submit(Call(THERE), lambda _reply: None)
    assert pending is not None
    (hung,) = [peer_id for peer_id, engine in ways(world).items() if engine.sent]
    world.clock.time += 0.03

    pending.cancel()
    for _ in range(20):
        world.dispatch(THERE)

    assert len(ways(world)[hung].sent) == 1


def test_the_time_of_an_attempt_goes_by_the_method_and_not_by_its_neighbors() -> None:
    report = MethodKey(THERE.namespace, THERE.service, "Report")
    world = world_of([], peers="ab")
    sender: Sender = world.sender
    known(world, THERE, 0.002)
    call = Call(THERE, deadline=world.clock.now() + 10.0)
    candidate = world.router.choose(call, tried=(), now=world.clock.now(), dice=world.dice)
    assert candidate is not None
    times = world.topology.times_of(report)
    other = Candidate(candidate.connection, candidate.standing, times, is_idempotent=True)

    fast = sender.deadline(RetryState(call), candidate, world.clock.now())
    slow = sender.deadline(RetryState(call), other, world.clock.now())

    assert fast - world.clock.now() == pytest.approx(0.1)
    assert slow - world.clock.now() == pytest.approx(5.0)


def test_an_attempt_that_was_cut_is_a_sample_of_what_the_method_takes() -> None:
    world = world_of([], peers="a")
    pool = world.topology.having(THERE)
    assert pool is not None
    (candidate,) = pool.members
    assert isinstance(candidate.times, MethodTimes)
    known(world, THERE, 0.002)
    before = pool.times.p99
    cut = says(504, "deadline exceeded", Executed.MAYBE)

    for _ in range(10):
        call = Call(THERE, deadline=world.clock.now() + 10.0)
        began = world.clock.now()
        world.clock.time += 2.0
        world.loop.take(RetryState(call), candidate, cut, began, began + 2.0)

    assert before < 0.01
    assert pool.times.p99 > 1.0
    assert run(world.dispatcher.dispatch(Call(THERE))).status.code == 503
