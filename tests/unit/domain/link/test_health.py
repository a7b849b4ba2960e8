"""Signs of life, and what is made of their absence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.link.health import Health, Heartbeats, Vital

START = 1000.0


def _health(**times: float) -> Health:
    return Health(Heartbeats(**times), START)


@pytest.mark.parametrize(
    ("seconds", "vital"),
    [(0.0, Vital.LIVE), (10.9, Vital.LIVE), (11.1, Vital.SUSPECT), (15.9, Vital.SUSPECT), (16.1, Vital.DEAD)],
)
def test_silence_makes_suspect_and_then_dead(seconds: float, vital: Vital) -> None:
    assert _health().look(START + seconds) is vital


def test_a_sign_of_life_goes_when_this_side_was_silent() -> None:
    health = _health()

    health.wrote(START + 3.0)

    assert health.ping_at > START + 7.9
    assert health.ping_at <= START + 8.0


def test_whoever_asks_is_looked_at_no_later_for_it() -> None:
    health = _health()
    before = health.next_look(START)

    health.ask()

    assert health.next_look(START) == before == START + 5.0


def test_a_ping_that_was_asked_for_goes_once() -> None:
    health = _health()
    health.ask()
    due = health.ping_at <= START

    health.ping(START)

    assert (due, health.ping_at <= START) == (True, False)


def test_only_the_answer_to_the_last_ping_is_a_round_trip() -> None:
    health = _health()
    first, _ = health.ping(START)
    second, _ = health.ping(START + 1.0)

    health.ponged(first, START + 1.5)
    before = health.round_trip
    health.ponged(second, START + 1.25)

    assert (before, health.round_trip, health.pongs) == (None, 0.25, 1)


def test_a_missed_probe_makes_suspect_until_something_comes() -> None:
    health = _health()
    health.probe(START)
    before, after = health.look(START + 0.9), health.look(START + 1.0)

    health.heard(START + 2.0)

    assert (before, after, health.look(START + 2.0)) == (Vital.LIVE, Vital.SUSPECT, Vital.LIVE)


def test_a_second_probe_does_not_put_off_the_first() -> None:
    health = _health()
    health.probe(START)

    health.probe(START + 0.9)

    assert health.look(START + 1.0) is Vital.SUSPECT


def test_whoever_was_late_is_patient_and_tells_it_once() -> None:
    health = _health()
    health.probe(START)

    health.was_late(20.0)

    assert health.look(START + 20.5) is Vital.LIVE
    assert [health.ping(START)[1], health.ping(START)[1]] == [20.0, 0.0]


def test_patience_with_a_peer_that_was_late_has_an_end() -> None:
    health = _health()

    health.peer_was_late(60.0)

    assert health.look(START + 15.9) is Vital.LIVE
    assert health.look(START + 21.1) is Vital.DEAD


@given(st.floats(0, 1e6), st.floats(0.001, 1000), st.booleans(), st.floats(0, 20))
def test_looking_when_asked_to_is_enough(wrote: float, interval: float, probes: bool, lag: float) -> None:
    health = Health(Heartbeats(interval=interval), wrote)
    health.wrote(wrote)
    health.peer_was_late(lag)
    if probes:
        health.probe(wrote)
        health.ping(wrote)

    pings, seen, now = 0, [], wrote
    for _ in range(8):
        now = health.next_look(now)
        if now >= health.ping_at:
            pings += 1
        seen.append(health.look(now))

    assert pings, "no sign of life goes at any moment"
    assert health.ping_at <= wrote + interval
    assert Vital.SUSPECT in seen
    assert Vital.DEAD in seen
