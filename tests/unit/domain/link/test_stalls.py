"""This side's loop stands still, because of what handlers do: who is dead is found all the same, and who lives is not."""

from itertools import cycle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.domain.link.wires import START, Wire, opened

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.health import Vital

DEAD_SECONDS = 17.0
"""Within which a dead peer is found, beside the lateness of the loop."""

TURNS_TO_READ = 6
"""Turns of the loop that pass until what has come is read, with a handler in each of them."""


def turn(wire: Wire, seconds: float) -> None:
    """One turn of the left one's loop: something takes so long, then what is due is looked at."""
    wire.now += seconds
    if wire.left.engine.next_tick <= wire.now:
        wire.left.engine.tick(wire.now)
    wire.left.write()


def silent_for(wire: Wire, *seconds: float) -> float:
    """After how many seconds a peer that says nothing is dead, where the turns take so long, one after the other."""
    began = wire.now
    turns = cycle(seconds)
    while wire.left.engine.phase is Phase.OPEN:
        turn(wire, next(turns))
        assert wire.now < began + 1000, "it is never found"
    return wire.now - began


@given(st.floats(0.0, 5.0), st.lists(st.floats(0.05, 5.0), min_size=1, max_size=5))
@example(0.4, [0.9])
@example(0.0, [0.3])
def test_a_dead_peer_is_found_in_time_though_each_handler_takes_long(
    first: float, seconds: list[float]
) -> None:
    wire = opened()
    turn(wire, first)

    assert 16.0 <= first + silent_for(wire, *seconds) <= DEAD_SECONDS + max(first, *seconds)


@pytest.mark.parametrize("seconds", [5.5, 10.0, 20.0])
def test_a_dead_peer_is_found_where_the_loop_stands_still_for_longer_than_peers_are_silent(
    seconds: float,
) -> None:
    assert silent_for(opened(), seconds) <= DEAD_SECONDS + 4 * seconds


@pytest.mark.parametrize("begin", [0.0, 3.0, 8.0, 12.0, 15.9])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 4.0, 20.0, 60.0])
def test_a_dead_peer_is_found_after_the_loop_stood_still_once(begin: float, seconds: float) -> None:
    wire = opened()
    while wire.now < START + begin:
        turn(wire, 0.01)

    turn(wire, seconds)
    silent_for(wire, 0.01)

    assert wire.now - START <= DEAD_SECONDS + seconds


@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.9])
def test_a_peer_that_lives_is_not_even_suspect_though_each_handler_takes_long(seconds: float) -> None:
    wire = opened()

    for _ in range(int(120 / seconds)):
        for _ in range(TURNS_TO_READ):
            turn(wire, seconds)
            peer_goes_on(wire)
            assert wire.left.engine.vital is Vital.LIVE
        read_all(wire)

    assert wire.left.engine.phase is Phase.OPEN


@pytest.mark.parametrize("seconds", [20.0, 60.0])
@pytest.mark.parametrize("begin", [0.0, 2.0, 4.9])
def test_a_peer_that_lives_is_not_dead_because_the_loop_stood_still(begin: float, seconds: float) -> None:
    wire = opened()
    # It has just been heard, or not for so long.
    wire.now += begin

    # Two handlers one after the other, and what has come meanwhile is not read between them.
    for _ in range(2):
        turn(wire, seconds)
        peer_goes_on(wire)
    for _ in range(TURNS_TO_READ):
        turn(wire, 0.3)
        peer_goes_on(wire)
    assert wire.left.engine.phase is Phase.OPEN
    read_all(wire)

    assert wire.left.engine.phase is Phase.OPEN
    assert wire.left.engine.vital is Vital.LIVE


@pytest.mark.parametrize("seconds", [0.3, 0.9])
def test_who_does_not_answer_when_a_call_has_timed_out_is_suspect_though_handlers_take_long(
    seconds: float,
) -> None:
    wire = opened()
    wire.left.send_bytes(1, timeout=0.5)
    wire.left.write()

    while wire.now < START + 0.5 + 1.0 + 3 * seconds:
        turn(wire, seconds)

    assert wire.left.engine.vital is Vital.SUSPECT


def peer_goes_on(wire: Wire) -> None:
    """The right one, whose loop is another one, looks at the time and says something, if it is due."""
    for frame in list(wire.right.arriving):
        wire.right.arriving.remove(frame)
        wire.right.engine.receive(frame, wire.now)
    if wire.right.engine.next_tick <= wire.now:
        # It is not late itself.
        wire.right.engine.tick(wire.right.engine.next_tick)
    wire.right.write()


def read_all(wire: Wire) -> None:
    """The left one reads what has come."""
    while wire.left.read():
        pass
