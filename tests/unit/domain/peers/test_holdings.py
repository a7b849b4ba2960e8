"""What is held for others, within one budget."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.app.testing.fakes import FakeTasks
from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.model.frames import Role
from collector_mesh.domain.peers.holdings import Holdings

BUDGET = 100


class Engine:
    """A link that holds what a test says."""

    def __init__(self, peer_id: str = "") -> None:
        self.held_bytes = 0
        self.table_bytes = 0
        self.has_failed = False
        self.on_held: Callable[[], None] = lambda: None
        self.code = 0
        self.peer_id = peer_id
        self.peer_role = Role.COLLECTOR if peer_id else Role.CLIENT

    def holds(self, held: int) -> None:
        self.held_bytes = held
        self.on_held()

    def fail(self, _reason: str, code: int) -> None:
        self.has_failed, self.code = True, code


class Desk:
    """Some links and a budget of 100 bytes."""

    def __init__(self, *peer_ids: str) -> None:
        self.tasks = FakeTasks()
        self.of_handlers = 0
        self.holdings = Holdings(BUDGET, self.tasks, lambda engine: cast(Any, engine).table_bytes)
        self.holdings.of_handlers = lambda: self.of_handlers
        self.engines: list[Engine] = []
        for peer_id in peer_ids:
            self.add(peer_id)

    def add(self, peer_id: str) -> None:
        engine = Engine(peer_id)
        self.engines.append(engine)
        self.holdings.add(cast(Any, engine))

    def remove(self, engine: Engine) -> None:
        self.engines.remove(engine)
        self.holdings.remove(cast(Any, engine))

    def hold(self, *held: int) -> list[int]:
        """Have links hold so much; gives the codes with which they have ended."""
        for engine, bytes_ in zip(self.engines, held, strict=True):
            engine.holds(bytes_)
        self.tasks.step()
        return [engine.code for engine in self.engines]

    def lend(self, caller: str, size: int) -> bool:
        try:
            self.holdings.lend(caller, size)
        except OverloadedError:
            return False
        return True


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
    assert Desk("a", "b", "c").hold(*held) == codes


def test_what_was_held_once_and_is_not_anymore_ends_nothing() -> None:
    desk = Desk("a", "b")
    desk.hold(90, 0)
    # It is told when it grows; that it has become less is seen when that matters.
    desk.engines[0].held_bytes = 10

    assert desk.hold(10, 80) == [0, 0]
    assert desk.holdings.held_bytes == 90


def test_a_link_that_has_ended_counts_no_more() -> None:
    desk = Desk("a", "b")
    desk.hold(90, 0)
    desk.remove(desk.engines[0])

    desk.engines[0].holds(95)
    desk.tasks.step()

    assert desk.engines[0].code == 0
    assert desk.holdings.held_bytes == 95


def test_tables_of_whom_a_link_reaches_count_for_it() -> None:
    desk = Desk("a", "b")
    desk.engines[0].table_bytes = 70

    assert desk.hold(0, 31) == [429, 0]


def test_what_is_held_for_a_peer_is_the_sum_of_its_links_and_clients_are_none() -> None:
    desk = Desk("a", "b", "a", "")
    desk.hold(1, 2, 4, 8)

    assert desk.holdings.by_peer() == {"a": 5, "b": 2}
    assert desk.holdings.held_bytes == 15


def test_a_request_without_a_link_is_refused_where_there_is_no_room_and_taken_when_there_is() -> None:
    desk = Desk("a")
    desk.hold(60)

    refused, taken = desk.lend("x", 41), desk.lend("x", 40)
    desk.engines[0].held_bytes = 10

    assert (refused, taken) == (False, True)
    # A link does not tell that it holds less: once it has told anything, it is looked at again.
    desk.engines[0].on_held()
    assert desk.lend("y", 50)
    assert not desk.lend("y", 1)


def test_links_are_counted_once_for_all_requests_that_are_refused_meanwhile() -> None:
    desk = Desk("a")
    desk.hold(90)
    looked: list[None] = []

    class Counting(Engine):
        @property
        def held_bytes(self) -> int:
            looked.append(None)
            return 90

        @held_bytes.setter
        def held_bytes(self, _held: int) -> None:
            pass

    desk.remove(desk.engines[0])
    engine = Counting("a")
    desk.holdings.add(cast(Any, engine))
    engine.on_held()
    looked.clear()

    refused = [desk.lend("x", 50) for _ in range(10)]

    assert refused == [False] * 10
    assert len(looked) == 1


def test_one_caller_has_three_quarters_at_most_for_requests() -> None:
    desk = Desk()

    first, more, other = desk.lend("x", 75), desk.lend("x", 1), desk.lend("y", 25)

    assert (first, more, other) == (True, False, True)


@pytest.mark.parametrize(("requests", "handlers"), [(90, 0), (0, 90), (45, 45)])
def test_requests_and_handlers_that_outlive_their_calls_leave_half_of_the_budget_to_links(
    requests: int, handlers: int
) -> None:
    desk = Desk("a", "b")
    desk.of_handlers = handlers
    desk.lend("x", requests // 2)
    desk.lend("y", requests - requests // 2)

    within, beyond = desk.hold(30, 20), desk.hold(30, 21)

    assert within == [0, 0]
    assert beyond == [429, 0]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(0, 4), st.integers(0, 130)),
        st.tuples(st.just("table"), st.integers(0, 4), st.integers(0, 60)),
        st.tuples(st.just("add"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("remove"), st.integers(0, 4), st.just(0)),
        st.tuples(st.just("lend"), st.integers(0, 2), st.integers(0, 60)),
        st.tuples(st.just("give back"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("outlive"), st.just(0), st.integers(0, 60)),
        st.tuples(st.just("turn"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


class World(Desk):
    """Does what a random test says, and knows what is held."""

    def __init__(self) -> None:
        super().__init__("a", "b", "")
        self.lent: list[tuple[str, int]] = []

    @property
    def sum(self) -> int:
        links = sum(engine.held_bytes + engine.table_bytes for engine in self.engines)
        return links + sum(size for _, size in self.lent) + self.of_handlers

    def do(self, what: str, which: int, size: int) -> None:
        engine = self.engines[which % len(self.engines)] if self.engines else Engine()
        caller = "xyz"[which % 3]
        before = self.sum
        if what == "hold":
            engine.holds(size)
        elif what == "table":
            engine.table_bytes = size
            engine.on_held()
        elif what == "add":
            self.add("ab"[which % 2])
        elif what == "remove" and self.engines:
            self.remove(engine)
        elif what == "lend" and self.lend(caller, size):
            self.lent.append((caller, size))
            assert before + size <= BUDGET
        elif what == "give back" and self.lent:
            self.holdings.give_back(*self.lent.pop(which % len(self.lent)))
        elif what == "outlive":
            self.of_handlers = size
        elif what == "turn":
            self.turn()

    def turn(self) -> None:
        """The loop has had a turn: links that had to end are over."""
        self.tasks.step()
        for engine in [engine for engine in self.engines if engine.has_failed]:
            self.remove(engine)


@given(STEPS)
def test_the_sum_is_what_is_held_whatever_begins_and_ends_and_links_stay_within_the_budget(
    steps: list[tuple[str, int, int]],
) -> None:
    world = World()

    for step in steps:
        world.do(*step)
        assert world.holdings.held_bytes == world.sum
    world.turn()
    of_links = sum(engine.held_bytes + engine.table_bytes for engine in world.engines)
    assert of_links <= BUDGET
    for lent in world.lent:
        world.holdings.give_back(*lent)
    for engine in list(world.engines):
        world.remove(engine)
    world.of_handlers = 0

    assert world.holdings.held_bytes == 0
    # Also what is told from now on, and who is let in.
    assert world.lend("x", 75)
    assert world.lend("y", 25)
