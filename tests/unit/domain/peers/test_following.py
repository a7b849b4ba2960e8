"""Names that stand for peers are followed: who is new is dialed, who has gone from them stays until it goes itself."""

from collections.abc import Iterator

import attrs
import pytest

from collector_mesh.app.testing.fakes import FakeClock, FakeDice, FakeNames, FakeObserver, FakeTasks, run
from collector_mesh.domain.model.events import LimitReached, NameChanged, NameFailed
from collector_mesh.domain.peers.following import LOOK_SECONDS, MAX_MEMBERS, Following

NAME, OTHER = "dns:orders:1", "dns:shop:1"


@attrs.define
class Followed:
    """What is followed, and what comes of it."""

    names: FakeNames = attrs.field(factory=FakeNames)
    clock: FakeClock = attrs.field(factory=FakeClock)
    tasks: FakeTasks = attrs.field(factory=FakeTasks)
    dice: FakeDice = attrs.field(factory=FakeDice)
    observer: FakeObserver = attrs.field(factory=FakeObserver)
    begun: list[str] = attrs.field(factory=list)
    ended: list[str] = attrs.field(factory=list)
    up: set[str] = attrs.field(factory=set)
    changes: int = 0
    following: Following = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.following = Following(
            "self",
            self.names,
            begin=self._begin,
            end=self._end,
            changed=self._changed,
            is_up=lambda peer_id: peer_id in self.up,
            tasks=self.tasks,
            clock=self.clock,
            dice=self.dice,
            observer=self.observer,
        )

    def _begin(self, address: str, _name: str) -> None:
        if address not in self.begun:
            self.begun.append(address)

    async def _end(self, address: str) -> None:
        self.ended.append(address)

    def _changed(self) -> None:
        self.changes += 1

    def say(self, *addresses: str, name: str = NAME) -> None:
        """Have a name lead somewhere, and wait until that has been looked up."""
        self.names.found[name] = addresses
        self.wait()

    def wait(self, seconds: float = LOOK_SECONDS) -> None:
        """Let time pass."""
        self.clock.time += seconds
        self.tasks.step()
        self.tasks.step()


@pytest.fixture
def followed() -> Iterator[Followed]:
    made = Followed()
    made.following.follow(NAME)
    made.tasks.step()
    yield made
    run(made.tasks.close())


def test_who_is_new_is_dialed_and_who_has_gone_is_let_go(followed: Followed) -> None:
    followed.say("a:1", "b:1")
    followed.say("b:1", "c:1")

    assert followed.begun == ["a:1", "b:1", "c:1"]
    assert followed.ended == ["a:1"]
    assert followed.following.members(NAME) == ("b:1", "c:1")
    told = [
        (event.members, event.added, event.removed)
        for event in followed.observer.events
        if isinstance(event, NameChanged)
    ]
    assert told == [(2, 2, 0), (2, 1, 1)]
    assert followed.changes == 2


def test_what_cannot_be_found_changes_nothing_and_is_told_once(followed: Followed) -> None:
    followed.say("a:1")
    followed.say()
    followed.wait()
    followed.wait()

    assert followed.following.members(NAME) == ("a:1",)
    assert followed.ended == []
    assert len(followed.observer.of(NameFailed)) == 2  # before anything was found, and after


def test_an_answer_that_may_lack_some_takes_nobody_away(followed: Followed) -> None:
    followed.say("a:1", "b:1")
    followed.names.is_partial = True
    followed.say("c:1")

    assert followed.following.members(NAME) == ("a:1", "b:1", "c:1")
    assert followed.ended == []


@pytest.mark.parametrize(
    ("seconds", "share", "pause"), [(10.0, 0.0, 8.0), (3600.0, 1.0, 10.0), (0.0, 1.0, 1.0), (4.0, 0.5, 3.6)]
)
def test_it_is_looked_up_again_when_its_time_is_up(seconds: float, share: float, pause: float) -> None:
    followed = Followed()
    followed.names.seconds, followed.dice.share = seconds, share
    followed.names.found[NAME] = ("a:1",)
    followed.following.follow(NAME)
    followed.tasks.step()

    followed.wait(pause - 0.01)
    before = len(followed.names.asked)
    followed.wait(0.02)
    after = len(followed.names.asked)
    run(followed.tasks.close())

    assert (before, after) == (1, 2)


def test_a_failed_dial_has_it_looked_up_at_once_but_not_again_and_again(followed: Followed) -> None:
    followed.say("a:1")
    asked = len(followed.names.asked)

    for _ in range(5):
        followed.following.look(("a:1",))
        followed.wait(0.1)
    soon = len(followed.names.asked)
    followed.following.look(("nobody:1",))
    followed.wait(0.6)

    assert soon == asked + 1
    assert len(followed.names.asked) <= asked + 3


def test_until_it_has_led_somewhere_it_is_one_of_those_that_are_waited_for(followed: Followed) -> None:
    before = [absence.address for absence in followed.following.unfound]

    followed.say("a:1")

    assert before == [NAME]
    assert list(followed.following.unfound) == []


def test_of_too_many_addresses_some_are_used_and_that_is_told(followed: Followed) -> None:
    many = tuple(f"host-{number}:1" for number in range(1000))

    followed.say(*many)
    first = followed.following.members(NAME)
    followed.say(*reversed(many))

    assert len(first) == MAX_MEMBERS
    assert followed.following.members(NAME) == first
    assert followed.ended == []
    (told,) = followed.observer.of(LimitReached)
    assert isinstance(told, LimitReached)
    assert (told.most, told.address) == (MAX_MEMBERS, NAME)


def test_its_own_address_and_those_that_are_skipped_are_not_dialed(followed: Followed) -> None:
    followed.following.own_address = "self:1"
    followed.say("self:1", "a:1")
    followed.following.skip("a:1")
    followed.begun.clear()
    followed.wait()
    again = list(followed.begun)
    followed.say("b:1")
    followed.say("a:1", "b:1")

    assert again == []
    assert "a:1" in followed.begun
    assert "self:1" not in followed.following.members(NAME)


def test_a_peer_at_several_addresses_is_dialed_at_the_others_when_it_has_gone(followed: Followed) -> None:
    followed.say("a:1", "a:2")
    followed.up.add("a")
    followed.following.is_same("a:2", "a")
    followed.begun.clear()
    followed.wait()
    while_up = list(followed.begun)

    followed.up.clear()
    followed.following.has_gone("a")

    assert while_up == ["a:1"]
    assert "a:2" in followed.begun


def test_an_address_of_two_names_is_let_go_with_the_last_of_them(followed: Followed) -> None:
    followed.following.follow(OTHER)
    followed.say("a:1", name=OTHER)
    followed.say("a:1")

    followed.say("b:1")
    after_one = list(followed.ended)
    run(followed.following.leave(OTHER))

    assert after_one == []
    assert followed.ended == ["a:1"]
