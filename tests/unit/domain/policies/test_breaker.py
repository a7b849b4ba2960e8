import pytest

from collector_mesh.app.testing.fakes import FakeDice
from collector_mesh.domain.policies.breaker import Breaker, BreakerRules

MIDDLE = FakeDice(share=0.5)


@pytest.mark.parametrize(
    ("failures", "calls", "too_many"),
    [
        (20, 20, True),
        (10, 20, True),
        (19, 19, False),  # too few calls
        (4, 20, False),
        (5, 20, False),  # may be chance with one failure in ten
        (250, 1000, True),
        (220, 1000, False),
        (100, 1000, False),
    ],
)
def test_fewer_than_eight_of_ten_successes_are_too_few_beyond_chance(
    failures: int, calls: int, too_many: bool
) -> None:
    assert BreakerRules().are_too_many(failures, calls) is too_many


def test_an_open_breaker_lets_one_probe_through_when_its_time_is_up() -> None:
    breaker = Breaker(BreakerRules(first=1.0))

    breaker.open(10.0, MIDDLE)

    assert not breaker.lets(10.9)
    assert breaker.lets(11.0)
    breaker.probe(11.0)
    assert not breaker.lets(11.1)


def test_each_time_it_opens_again_it_stays_open_twice_as_long_up_to_the_cap() -> None:
    breaker = Breaker(BreakerRules(first=1.0, cap=4.0))
    lengths = []

    for now in (0.0, 10.0, 20.0, 30.0):
        breaker.open(now, MIDDLE)
        lengths.append(breaker.probes_at - now)

    assert lengths == pytest.approx([1.0, 2.0, 4.0, 4.0])


def test_a_breaker_that_was_shut_for_longer_than_it_was_open_begins_with_the_first_length_again() -> None:
    breaker = Breaker(BreakerRules(first=1.0))
    breaker.open(0.0, MIDDLE)
    breaker.open(1.0, MIDDLE)
    breaker.shut(3.0)

    breaker.open(3.5, MIDDLE)
    soon = breaker.probes_at - 3.5
    breaker.shut(8.0)
    breaker.open(100.0, MIDDLE)

    assert [soon, breaker.probes_at - 100.0] == pytest.approx([4.0, 1.0])


def test_how_long_it_is_open_is_jittered_so_that_probes_do_not_come_together() -> None:
    early, late = Breaker(BreakerRules()), Breaker(BreakerRules())

    early.open(0.0, FakeDice(share=0.0))
    late.open(0.0, FakeDice(share=1.0))

    assert [early.probes_at, late.probes_at] == pytest.approx([0.8, 1.2])


def test_a_breaker_whose_peer_comes_back_lets_the_next_call_through() -> None:
    breaker = Breaker(BreakerRules())
    breaker.open(0.0, MIDDLE)

    breaker.relent(0.1)

    assert breaker.is_open
    assert breaker.lets(0.1)


def test_a_breaker_can_open_very_often() -> None:
    breaker = Breaker(BreakerRules())

    for now in range(5000):
        breaker.open(float(now), MIDDLE)

    assert breaker.probes_at == pytest.approx(4999 + 60.0)
