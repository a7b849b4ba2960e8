from math import inf

import pytest

from collector_mesh.domain.policies.method_times import MethodTimes


def times_of(durations: list[float], *, apart: float = 0.1) -> MethodTimes:
    times = MethodTimes()
    for number, seconds in enumerate(durations):
        times.took(seconds, 1.0 + number * apart)
    return times


def test_nothing_is_said_of_a_method_before_it_was_called_often_enough() -> None:
    assert times_of([0.002] * 15).p99 == inf
    assert times_of([0.002] * 16).p99 == pytest.approx(0.002, rel=0.3)


def test_a_rare_slow_call_does_not_count_as_usual_and_a_frequent_one_does() -> None:
    assert times_of([0.002] * 1000 + [0.4]).p99 < 0.01
    assert times_of(([0.002] * 9 + [0.4]) * 30).p99 == pytest.approx(0.4, rel=0.3)


def test_what_a_method_took_long_ago_is_forgotten() -> None:
    times = times_of([0.4] * 500 + [0.002] * 20_000, apart=0.01)

    assert times.p99 == pytest.approx(0.002, rel=0.3)
