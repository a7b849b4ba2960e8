from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.app.testing.fakes import FakeClock
from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit, Slot


class Desk:
    """A limit, what it has told, and who holds what."""

    def __init__(self, limit: int, **limits: int) -> None:
        self.clock = FakeClock()
        self.shed: list[str] = []
        self.full: list[str] = []
        self.held: dict[str, list[Slot]] = {}
        self.slots = ConcurrencyLimit(
            limit,
            limits.get,
            now=self.clock.now,
            is_known=lambda namespace: not namespace.startswith("made-up"),
            on_shed=self.shed.append,
            on_full=self.full.append,
        )

    def take(self, namespace: str, caller: str = "") -> bool:
        try:
            share = self.slots.take(namespace, caller)
        except OverloadedError:
            return False
        self.held.setdefault(caller or namespace, []).append(share)
        return True

    def release(self, holder: str) -> None:
        self.held[holder].pop().release()

    def taken(self, namespace: str) -> int:
        return len(self.held.get(namespace, ()))


def test_a_lone_namespace_may_use_everything_and_is_refused_beyond_it() -> None:
    desk = Desk(64)

    admitted = sum(desk.take("hog") for _ in range(100))

    assert admitted == 64
    assert (len(desk.shed), desk.full) == (36, ["hog"])


def test_slots_are_free_again_when_they_are_given_back() -> None:
    desk = Desk(1)
    desk.take("a")

    desk.release("a")

    assert desk.take("a")


def test_a_refused_call_is_told_when_to_come_back() -> None:
    desk = Desk(1)
    desk.take("a")

    with pytest.raises(OverloadedError, match="overloaded") as refused:
        desk.slots.take("a")

    assert refused.value.details == {"retry_after_ms": "100"}


def test_a_namespace_has_a_limit_of_its_own_if_it_is_given_one() -> None:
    desk = Desk(10, small=2)

    assert [desk.take("small") for _ in range(3)] == [True, True, False]
    assert [desk.take("other") for _ in range(8)] == [True] * 8


def overload(desk: Desk, rounds: int, trickle: Callable[[int], bool]) -> tuple[int, int]:
    """A hog that asks all the time, and a call now and then of another namespace; how many of those were admitted."""
    asked = admitted = 0
    for number in range(rounds):
        desk.clock.time += 0.01
        for namespace in list(desk.held):
            if desk.held[namespace]:
                desk.release(namespace)
        if trickle(number):
            asked += 1
            admitted += desk.take("trickle")
        while desk.take("hog"):
            pass
    return asked, admitted


def test_a_busy_namespace_does_not_starve_one_that_is_asked_for_now_and_then() -> None:
    desk = Desk(64)

    asked, admitted = overload(desk, 1000, lambda number: number % 5 == 0)

    assert asked == 200
    assert admitted >= 198


def test_the_hog_keeps_nearly_everything_that_the_others_do_not_need() -> None:
    desk = Desk(64)

    overload(desk, 1000, lambda number: number % 5 == 0)

    assert desk.taken("hog") >= 58


def test_two_hogs_come_to_have_half_each() -> None:
    desk = Desk(64)
    while desk.take("first"):
        pass
    for _ in range(2000):
        desk.clock.time += 0.001
        holder = "first" if desk.taken("first") >= desk.taken("second") else "second"
        desk.release(holder)
        for namespace in ("first", "second"):
            desk.take(namespace)

    assert abs(desk.taken("first") - desk.taken("second")) <= 4
    assert desk.taken("first") + desk.taken("second") >= 60


def test_when_nobody_is_refused_anymore_a_lone_namespace_may_use_everything_again() -> None:
    desk = Desk(10)
    overload(desk, 100, lambda number: number % 3 == 0)
    for namespace in list(desk.held):
        while desk.held[namespace]:
            desk.release(namespace)

    desk.clock.time += 70.0

    assert all(desk.take("hog") for _ in range(10))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0, 2)), max_size=200))
def test_what_is_taken_is_always_what_is_held_and_never_beyond_the_limit(
    steps: list[tuple[str, bool, float]],
) -> None:
    desk = Desk(5)
    for namespace, takes, pause in steps:
        desk.clock.time += pause
        if takes or not desk.taken(namespace):
            desk.take(namespace)
        else:
            desk.release(namespace)
        assert desk.slots.taken == sum(map(desk.taken, "abc")) <= 5
        assert dict(desk.slots.shares) == {name: desk.taken(name) for name in "abc" if desk.taken(name)}


def test_a_lone_caller_may_use_everything() -> None:
    desk = Desk(8)

    assert sum(desk.take("a", "hog") for _ in range(10)) == 8


@pytest.mark.parametrize("namespaces", [("a", "a"), ("a", "b")])
@pytest.mark.parametrize("other", ["other", ""])
def test_a_caller_has_at_most_three_quarters_while_another_one_waits(
    namespaces: tuple[str, str], other: str
) -> None:
    desk = Desk(8)
    ours, theirs = namespaces
    for _ in range(8):
        desk.take(ours, "hog")

    refused = desk.take(theirs, other)
    taken = []
    for _ in range(8):
        desk.release("hog")
        desk.take(ours, "hog")
        taken.append(desk.take(theirs, other))

    assert not refused
    assert taken[:2] == [True, True]
    assert desk.taken("hog") <= 6


def test_a_caller_has_everything_again_when_nobody_else_waits_anymore() -> None:
    desk = Desk(8)
    for _ in range(8):
        desk.take("a", "hog")
    desk.take("a", "other")
    desk.release("hog")
    desk.release("hog")
    while_it_waits = desk.take("a", "hog")

    desk.clock.time += 1.0

    assert not while_it_waits
    assert sum(desk.take("a", "hog") for _ in range(3)) == 2


def test_callers_that_hold_nothing_are_forgotten() -> None:
    desk = Desk(8)

    for number in range(10_000):
        desk.slots.take("a", f"caller-{number}").release()

    assert desk.slots.remembered_callers <= 4096
