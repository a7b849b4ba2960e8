"""Figures of two versions beside each other: what is measured can be run, and the interval is a true one."""

import random
import statistics

import pytest
from benchmarks.against import FEWEST_ROUNDS, interval
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("name", WORKLOADS)
def test_each_workload_makes_its_calls_and_closes(name: str) -> None:
    workload = WORKLOADS[name][1]()
    try:
        assert workload.run(40) > 0
    finally:
        workload.close()


def test_the_interval_leaves_out_as_many_rounds_at_each_end_as_the_sign_test_allows() -> None:
    assert interval(range(1, 21)) == (6, 15)
    assert interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0]) == (1.0, 6.0)


def test_the_interval_holds_the_true_median_in_95_percent_of_all_cases() -> None:
    dice = random.Random(1)
    count, true = 2000, statistics.NormalDist().inv_cdf(0.5)

    for rounds in (FEWEST_ROUNDS, 20, 25):
        drawn = (interval([dice.gauss() for _ in range(rounds)]) for _ in range(count))
        assert sum(low <= true <= high for low, high in drawn) >= 0.94 * count
