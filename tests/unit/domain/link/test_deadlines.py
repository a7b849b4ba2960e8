"""When a link has to look at the time: not before something can be due."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.link.wires import Wire, answer, opened

from collector_mesh.domain.link.deadlines import SWEEP_SECONDS
from collector_mesh.domain.link.health import Heartbeats

NEVER = Heartbeats(interval=1e6)
"""No signs of life are due in any of these tests."""


def quiet() -> Wire:
    """A link that was opened long ago, and has nothing to look at."""
    wire = opened(heartbeats=NEVER)
    wire.wait(10.0)
    return wire


def test_a_link_does_not_look_at_the_time_while_a_call_takes_long() -> None:
    wire = quiet()
    wire.left.send_bytes(1, timeout=60.0)
    wire.settle()

    ticks = []
    for _ in range(3):
        ticks.append(wire.left.engine.next_tick - wire.now)
        wire.now += 10.0
        wire.left.engine.tick(wire.now)

    assert ticks == [60.0, 50.0, 40.0]


def test_a_call_that_is_given_up_earlier_brings_the_look_forward() -> None:
    wire = quiet()
    wire.left.send_bytes(1, timeout=60.0)
    early = wire.left.send_bytes(1, timeout=5.0)

    assert wire.left.engine.next_tick == wire.now + 5.0
    wire.wait(5.0)
    assert early.code == 504
    wire.wait(2.0)  # for the other side to show that it is well
    assert wire.left.engine.next_tick == wire.now + 53.0


def test_a_call_that_was_answered_costs_one_look_more() -> None:
    wire = quiet()
    wire.left.send_bytes(1, timeout=60.0)
    wire.left.send_bytes(1, timeout=5.0)
    wire.settle()
    answer(wire.right.last)
    wire.settle()

    wire.wait(5.0)

    assert wire.left.engine.next_tick == wire.now + 55.0


def test_deadlines_close_to_each_other_are_looked_at_together() -> None:
    wire = quiet()
    for n in range(100):
        wire.left.send_bytes(1, timeout=1.0 + n / 1000)
    wire.settle()

    looks = 0
    while (due := wire.left.engine.next_tick) < wire.now + 2.0:
        wire.now = due
        wire.left.engine.tick(due)
        looks += 1
        assert looks < 100

    assert looks <= 0.1 / SWEEP_SECONDS + 2


def test_a_link_that_fails_looks_again_when_it_ends_without_a_goodbye() -> None:
    wire = quiet()
    wire.left.engine.fail("enough")

    assert wire.left.engine.next_tick <= wire.now + 1.0


@given(st.lists(st.tuples(st.floats(0.001, 3.0), st.floats(0.0, 1.0), st.booleans()), max_size=20))
def test_every_call_ends_soon_after_its_time_whatever_comes_before_and_after(
    calls: list[tuple[float, float, bool]],
) -> None:
    wire = opened()
    outcomes = []
    for timeout, pause, is_answered in calls:
        outcome = wire.left.send_bytes(1, timeout=timeout)
        outcomes.append((wire.now + timeout, outcome))
        wire.settle()
        if is_answered:
            answer(wire.right.last)
        wire.wait(pause)
        for deadline, sent in outcomes:
            assert sent.replies or wire.now < deadline + SWEEP_SECONDS + 0.001
