import sys
from math import inf

import attrs
import pytest

from collector_mesh.app.testing.fakes import FakeDice
from collector_mesh.domain.policies.standing import Outcome, Standing, StandingRules

DICE = FakeDice(share=0.5)


class Watched:
    """A standing, and what it has told."""

    def __init__(self, latency: float = 0.001) -> None:
        self.turns: list[bool] = []
        self.standing = Standing(
            "a",
            "orders",
            StandingRules(),
            now=0.0,
            latency=latency,
            on_turn=lambda _, is_open: self.turns.append(is_open),
        )

    def call(self, began: float, outcome: Outcome = Outcome.SUCCESS, took: float = 0.001) -> None:
        is_probe = self.standing.begun(began)
        self.standing.ended(outcome, began, began + took, DICE, is_probe=is_probe, retry_after=0.1)

    def calls(self, began: float, count: int, outcome: Outcome, apart: float = 0.01) -> float:
        for number in range(count):
            self.call(began + number * apart, outcome)
        return began + count * apart


def test_five_failures_in_a_row_open_the_breaker_once_there_was_no_success_for_a_quarter_second() -> None:
    fast, slow = Watched(), Watched()
    fast.call(1.0)
    slow.call(1.0)

    fast.calls(1.01, 10, Outcome.FAILURE, apart=0.001)
    slow.calls(1.01, 5, Outcome.FAILURE, apart=0.1)

    assert (fast.turns, slow.turns) == ([], [True])
    assert slow.standing.load.hold == inf


def test_a_success_in_between_begins_the_row_anew() -> None:
    watched = Watched()

    for start in (1.0, 2.0, 3.0, 4.0):
        watched.calls(start, 4, Outcome.FAILURE, apart=0.1)
        watched.calls(start + 0.5, 40, Outcome.SUCCESS, apart=0.01)

    assert watched.turns == []


def test_a_peer_that_fails_every_other_call_is_ejected() -> None:
    watched = Watched()

    for number in range(60):
        watched.call(1.0 + number * 0.01, Outcome.FAILURE if number % 2 else Outcome.SUCCESS)

    assert watched.turns == [True]


def test_a_peer_that_fails_every_tenth_call_is_not_ejected() -> None:
    watched = Watched()

    for number in range(2000):
        watched.call(1.0 + number * 0.01, Outcome.FAILURE if number % 10 == 0 else Outcome.SUCCESS)

    assert watched.turns == []


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.ANSWER])
def test_a_probe_that_is_answered_shuts_the_breaker(outcome: Outcome) -> None:
    watched = Watched()
    watched.calls(1.0, 5, Outcome.FAILURE, apart=0.1)

    watched.call(3.0, outcome)

    assert watched.turns == [True, False]
    assert watched.standing.load.hold == 0.0
    assert watched.standing.load.score(3.1) < 0.01


def test_a_probe_that_fails_opens_the_breaker_for_longer() -> None:
    watched = Watched()
    watched.calls(1.0, 5, Outcome.FAILURE, apart=0.1)

    watched.call(3.0, Outcome.FAILURE)

    assert watched.turns == [True]
    assert watched.standing.breaker.probes_at == pytest.approx(3.001 + 2.0)


def test_what_comes_of_a_call_from_before_the_breaker_opened_does_not_shut_it() -> None:
    watched = Watched()
    watched.standing.begun(1.0)
    watched.calls(1.0, 5, Outcome.FAILURE, apart=0.1)

    watched.standing.ended(Outcome.SUCCESS, 1.0, 1.6, DICE)

    assert watched.turns == [True]


def test_a_probe_that_tells_nothing_leaves_the_place_to_the_next_one() -> None:
    watched = Watched()
    watched.calls(1.0, 5, Outcome.FAILURE, apart=0.1)

    watched.call(3.0, Outcome.NOTHING)

    assert watched.standing.begun(3.1)


def test_after_a_probe_that_ended_unanswered_the_next_one_goes_in_a_second() -> None:
    watched = Watched()
    watched.calls(1.0, 5, Outcome.FAILURE, apart=0.1)
    assert watched.standing.begun(3.0)

    watched.standing.unanswered(3.0, 3.06, DICE, is_failure=False, is_probe=True)

    assert watched.standing.breaker.is_open
    assert not watched.standing.begun(3.9)
    assert watched.standing.begun(4.07)


def test_a_probe_that_ended_unanswered_puts_no_later_one_off_for_longer_than_a_second() -> None:
    watched = Watched()
    now = watched.calls(1.0, 5, Outcome.FAILURE, apart=0.1)
    for _ in range(6):
        now = watched.standing.breaker.probes_at
        watched.call(now, Outcome.FAILURE)
    now = watched.standing.breaker.probes_at
    assert watched.standing.begun(now)

    watched.standing.unanswered(now, now + 0.06, DICE, is_failure=False, is_probe=True)

    assert watched.standing.breaker.probes_at == pytest.approx(now + 1.06)


def test_a_failure_costs_five_seconds_that_pass_within_a_few() -> None:
    watched = Watched()
    watched.call(1.0, Outcome.FAILURE, took=0.0)

    scores = [watched.standing.score(now) for now in (1.0, 2.0, 11.0)]

    assert scores == [
        pytest.approx(5.0, rel=0.01),
        pytest.approx(5.0 / 2.718, rel=0.01),
        pytest.approx(0.0006, abs=0.001),
    ]


def test_latency_jumps_to_a_peak_and_falls_slowly() -> None:
    watched = Watched()
    watched.call(1.0, took=1.0)
    peak = watched.standing.load.latency
    watched.call(12.0, took=0.001)

    assert peak == pytest.approx(1.0)
    assert watched.standing.load.latency == pytest.approx(1.0 / 2.718, rel=0.1)


def test_calls_in_flight_make_the_next_one_dearer() -> None:
    watched = Watched(latency=0.01)

    before = watched.standing.score(0.0)
    watched.standing.begun(0.0)
    watched.standing.begun(0.0)

    assert watched.standing.score(0.0) == pytest.approx(3 * before)


def test_a_busy_peer_is_left_alone_for_as_long_as_it_says_and_is_no_failure_of_the_window() -> None:
    watched = Watched()
    watched.calls(1.0, 100, Outcome.SUCCESS, apart=0.001)

    watched.call(2.0, Outcome.BUSY)

    assert watched.standing.load.hold == pytest.approx(2.101)
    assert watched.standing.busy_for(2.05) == pytest.approx(0.051)
    assert watched.standing.success_share(2.1) == 1.0


def test_a_peer_that_is_back_from_dead_begins_anew() -> None:
    watched = Watched()
    watched.standing.begun(0.9)
    watched.calls(1.0, 5, Outcome.FAILURE, apart=0.1)
    watched.standing.peer_is(well=False)

    watched.standing.came_back(10.0, 0.005)
    watched.standing.peer_is(well=True)
    watched.standing.ended(Outcome.SUCCESS, 0.9, 10.1, DICE)

    assert watched.standing.load.latency == pytest.approx(0.005)
    assert watched.standing.begun(10.2), "the next call is the probe"


def test_the_budget_is_a_fifth_of_the_recent_calls_and_ten_a_second() -> None:
    watched = Watched()
    end = watched.calls(100.0, 500, Outcome.SUCCESS, apart=0.01)

    full = watched.standing.budget_left(end)
    for _ in range(50):
        watched.standing.retried(end)

    assert full == pytest.approx(0.2 * 500 + 10 * 10)
    assert watched.standing.budget_left(end) == pytest.approx(full - 50)
    assert watched.standing.budget_left(end + 30) == pytest.approx(100)


def test_what_99_of_100_calls_take_is_known_after_a_second() -> None:
    watched = Watched()
    watched.calls(1.0, 300, Outcome.SUCCESS, apart=0.01)

    assert watched.standing.p99 == pytest.approx(0.001, rel=0.3)


def test_a_standing_fits_in_two_kilobytes() -> None:
    watched = Watched()
    watched.calls(1.0, 3000, Outcome.SUCCESS, apart=0.01)
    watched.calls(31.0, 10, Outcome.FAILURE, apart=0.1)

    assert size_of(watched.standing, set()) < 2048


def size_of(thing: object, seen: set[int]) -> int:
    """Bytes of an object and of what only it holds, headers included."""
    shared = (str, type, FakeDice, StandingRules)
    is_rule = attrs.has(type(thing))
    if id(thing) in seen or isinstance(thing, shared) or is_rule or callable(thing):
        return 0
    seen.add(id(thing))
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return sys.getsizeof(thing) + sum(size_of(getattr(thing, name), seen) for name in names)


def test_a_call_that_ended_unanswered_has_taken_at_least_so_long_and_is_no_failure_by_itself() -> None:
    watched = Watched(latency=0.001)
    standing = watched.standing

    for began in range(1, 30):
        is_probe = standing.begun(float(began))
        standing.unanswered(float(began), began + 0.05, DICE, is_failure=False, is_probe=is_probe)

    assert standing.load.in_flight == 0
    assert standing.score(29.05) == pytest.approx(0.001 + 4 * 0.05, rel=0.01)
    assert standing.score(35.0) < 0.002
    assert watched.turns == []


def test_a_call_that_ended_unanswered_soon_says_nothing_of_a_slow_peer() -> None:
    standing = Watched(latency=0.5).standing

    standing.begun(0.0)
    standing.unanswered(0.0, 0.01, DICE, is_failure=False)

    assert standing.load.latency == 0.5


def test_calls_that_ended_unanswered_and_too_late_open_the_breaker() -> None:
    watched = Watched()

    for number in range(5):
        began = 1.0 + number * 0.1
        watched.standing.begun(began)
        watched.standing.unanswered(began, began + 0.05, DICE, is_failure=True)

    assert watched.turns == [True]
