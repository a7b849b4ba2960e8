"""How late the event loop is, as the collector sees it by being woken."""

import pytest

from collector_mesh.app.testing.fakes import FakeClock, FakeTasks, run
from collector_mesh.domain.watching.loop_lag import LoopLag
from collector_mesh.domain.watching.method_numbers import BOUNDS
from collector_mesh.domain.watching.numbers import Numbers


class World:
    def __init__(self) -> None:
        self.clock, self.tasks = FakeClock(), FakeTasks()
        self.numbers = Numbers(lambda _: False, lambda _: False)
        self.lag = LoopLag(self.numbers, tasks=self.tasks, clock=self.clock)

    def passes(self, seconds: float) -> None:
        self.clock.time += seconds
        self.tasks.step()


def test_what_is_beyond_the_quarter_of_a_second_it_wanted_is_lag() -> None:
    world = World()
    world.lag.start()
    world.passes(0.0)

    world.passes(0.25)
    world.passes(0.25 + 0.03)
    world.passes(0.25 + 60.0)

    assert (world.numbers.lags[0], world.numbers.lags[BOUNDS.index(0.05)], world.numbers.lags[-1]) == (
        1,
        1,
        1,
    )
    assert sum(world.numbers.lags) == 3
    assert world.numbers.lag_seconds == pytest.approx(60.03)


def test_nothing_is_counted_before_it_is_due_or_after_it_has_been_closed() -> None:
    world = World()
    world.lag.start()
    world.passes(0.0)
    world.passes(0.1)
    run(world.lag.close())
    world.passes(5.0)

    assert sum(world.numbers.lags) == 0
    assert world.tasks.background == []


def test_one_that_was_never_started_can_be_closed() -> None:
    run(World().lag.close())
