"""Waiting for what nobody tells."""

from collector_mesh.app.testing.fakes import FakeClock, FakeTasks, run
from collector_mesh.domain.peers.waiting import holds_within


class Wait:
    """Waits for a second, at most, until a test says that something holds."""

    def __init__(self) -> None:
        self.clock, self.tasks = FakeClock(), FakeTasks()
        self.holds = False
        self.results: list[bool] = []
        self.tasks.start(self._wait(), "wait")

    async def _wait(self) -> None:
        self.results.append(await holds_within(self.clock, 1.0, lambda: self.holds))

    def let_pass(self, seconds: float) -> list[bool]:
        self.clock.time += seconds
        self.tasks.step()
        return list(self.results)


def test_it_is_over_soon_after_it_holds() -> None:
    wait = Wait()
    before = [wait.let_pass(0.0), wait.let_pass(0.5)]

    wait.holds = True

    assert (before, wait.let_pass(0.01)) == ([[], []], [True])


def test_it_is_given_up_when_the_time_is_up() -> None:
    wait = Wait()

    assert [wait.let_pass(seconds) for seconds in (0.0, 0.9, 0.2)] == [[], [], [False]]


def test_what_holds_already_is_not_waited_for() -> None:
    assert run(holds_within(FakeClock(), 0.0, lambda: True))
