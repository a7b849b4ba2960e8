from math import ceil, inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector_mesh.domain.policies.history import History
from collector_mesh.domain.policies.latency import Histogram


def test_a_histogram_without_anything_in_it_knows_nothing() -> None:
    assert Histogram().quantile(0.99) == inf


@given(st.lists(st.floats(1e-5, 100.0), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
@example([1.0] * 9 + [2.0], 0.9)
def test_a_quantile_is_never_too_small_and_at_most_a_quarter_too_large(
    durations: list[float], share: float
) -> None:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)

    found = histogram.quantile(share)

    ordered = sorted(durations)
    exact = ordered[max(0, ceil(len(ordered) * share - 1e-9) - 1)]
    assert exact <= found <= exact * 1.2501


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9])
def test_durations_beyond_the_buckets_are_counted_at_their_ends(seconds: float) -> None:
    histogram = Histogram()

    histogram.add(seconds)

    assert 0.0 < histogram.quantile(0.99) <= 128.0


def test_what_was_counted_long_ago_weighs_less() -> None:
    histogram = Histogram()
    for _ in range(100):
        histogram.add(10.0)
    for _ in range(8):
        histogram.age()
    for _ in range(100):
        histogram.add(0.001)

    assert histogram.quantile(0.99) < 0.01


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 5), st.integers(0, 5)), max_size=60))
def test_a_history_sums_the_last_seconds(steps: list[tuple[float, int, int]]) -> None:
    history, told, now = History(), [], 1000.0
    for pause, calls, failures in steps:
        now += pause
        history.add(now, calls=calls, failures=failures)
        told.append((int(now), calls, failures))

    wanted = [(calls, failures) for second, calls, failures in told if second > int(now) - 10]

    assert history.calls(now, 10) == sum(calls for calls, _ in wanted)
    assert history.failures(now, 10) == sum(failures for _, failures in wanted)
