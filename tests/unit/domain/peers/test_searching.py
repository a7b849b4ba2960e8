"""Of several collectors one that answers is found soon, whoever is silent."""

from collections import Counter
from typing import Literal

import attrs
import pytest

from collector_mesh.app.testing.fakes import FakeClock, FakeDice, FakeTasks
from collector_mesh.domain.model.addresses import MAX_ADDRESSES, FixedAddresses
from collector_mesh.domain.model.errors import ForbiddenError, MeshError, UnavailableError
from collector_mesh.domain.peers.searching import ALL_SECONDS, SILENCE_SECONDS, Search
from collector_mesh.domain.ports.addresses import Addresses

How = Literal["answers", "refuses", "is silent", "forbids", "raises"]

FIRST = FakeDice(share=0.999)
"""Dice that leave an order as it is."""


@attrs.define
class ChangingAddresses:
    """Addresses of which others are found when they are asked for again."""

    found: tuple[str, ...]
    now: tuple[str, ...] = ()
    why: str = ""
    text: str = "dns:replicas:1"
    may_change: bool = True
    is_due: bool = False
    asked: int = 0

    def known(self) -> tuple[str, ...]:
        return self.now

    async def refresh(self) -> str:
        self.asked += 1
        self.now = self.found or self.now
        return self.why


@attrs.define
class Looking:
    """A search that is under way."""

    collectors: dict[str, How]
    addresses: Addresses | None = None
    dice: FakeDice = FIRST
    last: str = ""
    clock: FakeClock = attrs.field(factory=FakeClock)
    tasks: FakeTasks = attrs.field(factory=FakeTasks)
    dialed: dict[str, float] = attrs.field(factory=dict)
    outcome: str | MeshError | None = None
    began: float = 1000.0

    def run(self, seconds: float = 0.0) -> "Looking":
        """Let some time pass, in small steps."""
        if not self.tasks.background and self.outcome is None:
            self.search = Search(
                self.addresses or FixedAddresses(",".join(self.collectors)),
                self.dial,
                tasks=self.tasks,
                clock=self.clock,
                dice=self.dice,
                last=self.last,
            )
            self.tasks.start(self.look(), "look")
        until = self.clock.time + seconds
        while True:
            for _ in range(100):
                self.tasks.step()
            if self.clock.time >= until:
                return self
            self.clock.time = min(until, self.clock.time + 0.005)

    search: Search = attrs.field(init=False)

    async def look(self) -> None:
        try:
            self.outcome = await self.search.first()
        except MeshError as error:
            self.outcome = error

    async def dial(self, address: str) -> None:
        self.dialed[address] = self.clock.time - self.began
        how = self.collectors[address]
        if how == "refuses":
            raise UnavailableError("connection refused")
        if how == "forbids":
            raise ForbiddenError(f"{address} does not want it")
        if how == "raises":
            raise LookupError("of a transport")
        while how == "is silent":
            await self.clock.alarm().wait(1000)

    @property
    def error(self) -> MeshError:
        assert isinstance(self.outcome, MeshError)
        return self.outcome


def test_of_several_one_is_dialed() -> None:
    looking = Looking({"a:1": "answers", "b:2": "answers"}).run()

    assert looking.outcome == "a:1"
    assert list(looking.dialed) == ["a:1"]


def test_which_one_is_first_is_chance() -> None:
    names = ["a:1", "b:2", "c:3", "d:4"]
    first = Counter(
        Looking(dict.fromkeys(names, "answers"), dice=FakeDice(share=share / 24)).run().outcome
        for share in range(24)
    )

    assert set(first) == set(names)


def test_the_one_that_was_used_before_is_the_last() -> None:
    looking = Looking(
        {"a:1": "answers", "b:2": "refuses", "c:3": "refuses"}, dice=FakeDice(), last="a:1"
    ).run()

    assert list(looking.dialed)[-1] == looking.outcome == "a:1"


@pytest.mark.parametrize("how", ["refuses", "forbids", "raises"])
def test_after_one_that_fails_the_next_is_dialed_at_once(how: How) -> None:
    looking = Looking({"a:1": how, "b:2": how, "c:3": "answers"}).run()

    assert looking.outcome == "c:3"


def test_beside_one_that_is_silent_the_next_is_dialed_soon() -> None:
    looking = Looking({"a:1": "is silent", "b:2": "answers"}).run(SILENCE_SECONDS)

    assert looking.outcome == "b:2"
    assert looking.dialed["b:2"] == pytest.approx(SILENCE_SECONDS)


def test_one_that_fails_beside_one_that_is_silent_is_not_waited_for() -> None:
    looking = Looking({"a:1": "is silent", "b:2": "refuses", "c:3": "answers"}).run(SILENCE_SECONDS)

    assert looking.outcome == "c:3"


@pytest.mark.parametrize("silent", [1, 3, MAX_ADDRESSES - 1])
def test_however_many_are_silent_the_last_one_is_dialed_within_a_second(silent: int) -> None:
    collectors: dict[str, How] = {f"s:{port}": "is silent" for port in range(silent)}
    looking = Looking({**collectors, "last:1": "answers"}).run(1.0)

    assert looking.outcome == "last:1"
    assert looking.dialed["last:1"] <= ALL_SECONDS + 0.2  # by the steps in which the time goes on here


def test_who_is_silent_is_dialed_no_longer_once_somebody_has_answered() -> None:
    looking = Looking({"a:1": "is silent", "b:2": "answers"}).run(SILENCE_SECONDS)

    assert looking.tasks.background == []


def test_where_all_fail_the_error_names_each_with_its_reason() -> None:
    looking = Looking({"a:1": "refuses", "b:2": "forbids", "c:3": "raises"}).run()

    assert looking.error.code == 503
    assert str(looking.error) == (
        "no collector can be used at a:1,b:2,c:3: a:1: connection refused; b:2 does not want it;"
        " c:3: of a transport"
    )


def test_where_all_fail_in_the_same_way_the_error_is_of_that_kind() -> None:
    looking = Looking({"a:1": "forbids", "b:2": "forbids"}).run()

    assert looking.error.code == 403


def test_the_error_of_a_single_one_is_its_own() -> None:
    looking = Looking({"a:1": "refuses"}).run()

    assert (looking.error.code, str(looking.error)) == (503, "connection refused")


@pytest.mark.large
def test_where_one_is_silent_and_others_fail_it_goes_on_and_tells_what_has_failed() -> None:
    looking = Looking({"a:1": "refuses", "b:2": "is silent"}).run(30.0)

    assert looking.outcome is None
    assert looking.search.so_far == "a:1: connection refused"


def test_addresses_that_are_not_known_yet_are_asked_for_first() -> None:
    addresses = ChangingAddresses(found=("a:1",))
    looking = Looking({"a:1": "answers"}, addresses).run()

    assert (looking.outcome, addresses.asked) == ("a:1", 1)


def test_where_none_can_be_found_the_error_says_why() -> None:
    looking = Looking({}, ChangingAddresses(found=(), why="no such name")).run()

    assert looking.error.code == 503
    assert str(looking.error) == "no address is known for dns:replicas:1: no such name"


def test_after_a_dial_that_has_failed_they_are_asked_for_again_and_new_ones_are_dialed() -> None:
    addresses = ChangingAddresses(found=("b:2",), now=("a:1",))
    looking = Looking({"a:1": "refuses", "b:2": "answers"}, addresses).run()

    assert (looking.outcome, addresses.asked) == ("b:2", 1)


def test_where_there_are_no_new_ones_it_is_over() -> None:
    addresses = ChangingAddresses(found=("a:1",), now=("a:1",))
    looking = Looking({"a:1": "refuses"}, addresses).run()

    assert str(looking.error) == "no collector can be used at dns:replicas:1: a:1: connection refused"
