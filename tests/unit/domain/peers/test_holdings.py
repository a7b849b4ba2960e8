"""What links hold for their other sides, within one budget."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from collector_mesh.app.testing.fakes import FakeTasks
from collector_mesh.domain.peers.holdings import Holdings


class Engine:
    """A link that holds what a test says."""

    def __init__(self) -> None:
        self.held_bytes = 0
        self.has_failed = False
        self.on_held: Callable[[int], None] = lambda _held: None
        self.code = 0

    def holds(self, held: int) -> None:
        self.held_bytes = held
        self.on_held(held)

    def fail(self, _reason: str, code: int) -> None:
        self.has_failed, self.code = True, code


class Desk:
    """Some links and their budget of 100 bytes."""

    def __init__(self, number: int) -> None:
        self.tasks = FakeTasks()
        self.holdings = Holdings(100, self.tasks)
        self.engines = [Engine() for _ in range(number)]
        for engine in self.engines:
            self.holdings.add(cast(Any, engine))

    def hold(self, *held: int) -> list[int]:
        """Have links hold so much; gives the codes with which they have ended."""
        for engine, bytes_ in zip(self.engines, held, strict=True):
            engine.holds(bytes_)
        self.tasks.step()
        return [engine.code for engine in self.engines]


@pytest.mark.parametrize(
    ("held", "codes"),
    [
        ((50, 30, 20), [0, 0, 0]),
        ((50, 30, 21), [429, 0, 0]),
        ((10, 90, 90), [0, 429, 0]),
        ((10, 150, 120), [0, 429, 429]),
        ((0, 0, 101), [0, 0, 429]),
    ],
)
def test_the_largest_end_first_and_no_more_than_have_to(held: tuple[int, ...], codes: list[int]) -> None:
    assert Desk(3).hold(*held) == codes


def test_what_was_held_once_and_is_not_anymore_ends_nothing() -> None:
    desk = Desk(2)
    desk.hold(90, 0)
    # It is told when it grows; that it has become less is seen when that matters.
    desk.engines[0].held_bytes = 10

    assert desk.hold(10, 80) == [0, 0]
    assert desk.holdings.held_bytes == 90


def test_a_link_that_has_ended_counts_no_more() -> None:
    desk = Desk(2)
    desk.hold(90, 0)
    desk.holdings.remove(cast(Any, desk.engines[0]))

    desk.engines[1].holds(95)
    desk.tasks.step()

    assert desk.engines[1].code == 0
    assert desk.holdings.held_bytes == 95
