"""How a wanted peer is kept up: watched, dialed again, and when it counts as lost."""

from typing import Any

import pytest
from tests.unit.domain.peers.linkless import HERE, THERE_STILL, connect, linkless, refuse, state
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fake_links import FakeLink, FakeTransport
from collector_mesh.domain.model.events import (
    AttemptFailed,
    DialFailed,
    PeerConnected,
    PeerForgotten,
    PeerLeft,
    PeerLost,
)
from collector_mesh.domain.model.introduction import Welcome
from collector_mesh.domain.model.status import OK
from collector_mesh.domain.peers.dialing import BrokenError
from collector_mesh.domain.topology.connection import Connection


def test_a_connection_is_refreshed_over_the_same_link(world: World) -> None:
    world.transport.welcomes["a:1"] = HERE
    connect(world)
    world.tasks.step()

    world.clock.time += world.keeping.times.refresh
    world.tasks.step()

    assert len(world.transport.links) == 1
    assert len(world.transport.links[0].offers) == 2
    assert len(world.observer.of(PeerConnected)) == 1


def test_a_lost_peer_is_dialed_at_once_and_then_ever_more_rarely_until_it_is_back(world: World) -> None:
    world.transport.welcomes["a:1"] = HERE
    connect(world)
    world.tasks.step()
    del world.transport.welcomes["a:1"]
    world.transport.links[0].answer = refuse

    world.dice.share = 1.0
    world.dispatch(THERE, target="a")
    world.tasks.step()
    assert (state(world), len(world.transport.links)) == ("reconnecting", 2)
    world.tasks.step()
    assert len(world.transport.links) == 2
    for pause in (0.1, 0.16, 0.256):
        world.clock.time += pause
        world.tasks.step()
    assert len(world.transport.links) == 5

    world.transport.welcomes["a:1"] = HERE
    world.clock.time += 2.0
    world.tasks.step()
    assert state(world) == "live"
    kinds = [type(event) for event in world.observer.events]
    assert kinds == [PeerConnected, PeerLost, AttemptFailed, DialFailed, PeerConnected]


def test_a_peer_that_has_said_goodbye_is_missed_only_after_a_while(world: World) -> None:
    world.transport.welcomes["a:1"] = HERE
    connect(world)
    world.tasks.step()
    del world.transport.welcomes["a:1"]
    world.transport.links[0].answer = refuse
    connection = world.topology.get("a")
    assert connection is not None

    world.roster.lose(connection, "draining", has_left=True)
    for _ in range(8):
        world.tasks.step()
        world.clock.time += 2.5
    soon = [type(event) for event in world.observer.events]
    for _ in range(8):
        world.tasks.step()
        world.clock.time += 2.5

    assert soon == [PeerConnected, PeerLeft]
    assert [type(event) for event in world.observer.events] == [PeerConnected, PeerLeft, DialFailed]


@pytest.mark.parametrize("dialed", [True, False])
def test_one_answer_that_does_not_come_in_time_loses_nobody(world: World, dialed: bool) -> None:
    link = linkless(world, dialed=dialed)
    link.welcome = None
    world.clock.time += world.keeping.times.refresh
    world.tasks.step()
    world.tasks.step()
    assert state(world) == "suspect"

    link.welcome = THERE_STILL
    world.clock.time += world.keeping.times.refresh
    for _ in range(3):
        world.tasks.step()

    assert state(world) == "live"
    assert [world.observer.of(kind) for kind in (PeerLost, PeerForgotten, DialFailed)] == [[], [], []]
    # No real Connect, which the original would record once more.
    assert {offer.address for offer in link.offers[1:]} == {""}


def test_a_wanted_peer_that_is_silent_for_long_is_lost_and_introduced_to_anew(world: World) -> None:
    link = linkless(world, dialed=True)
    link.welcome = None
    del world.transport.welcomes["a:1"]

    seconds = iter(range(200))
    while state(world) != "reconnecting":
        lost = next(seconds)
        world.clock.time += 1.0
        world.tasks.step()

    assert world.keeping.times.expiry <= lost + 1 <= 1.5 * world.keeping.times.expiry
    assert len(world.observer.of(PeerLost)) == 1
    world.transport.welcomes["a:1"] = HERE
    world.clock.time += 10.0
    world.tasks.step()
    world.tasks.step()
    assert state(world) == "live"
    assert world.transport.links[-1].offers[-1].address == "self:1"


def test_a_wanted_peer_at_whose_address_nobody_listens_is_lost_at_once(world: World) -> None:
    link = linkless(world, dialed=True)
    link.welcome = None

    async def refused(address: str, **_options: Any) -> Connection:
        raise BrokenError(f"{address}: connection refused", nobody_listens=True)

    world.streams.dial = refused  # type: ignore[method-assign]  # nobody is there
    world.clock.time += world.keeping.times.refresh
    world.tasks.step()
    assert state(world) == "suspect"
    world.clock.time += world.keeping.times.refresh
    world.tasks.step()
    world.tasks.step()

    assert state(world) == "reconnecting"


def test_a_wanted_peer_in_whose_place_another_one_answers_is_lost_at_once(world: World) -> None:
    link = linkless(world, dialed=True)
    link.welcome = world.transport.welcomes["a:1"] = Welcome(OK, "c-2", ("orders", "users"), "b")

    world.clock.time += world.keeping.times.refresh
    world.tasks.step()
    world.tasks.step()

    assert (state(world, "a"), state(world, "b")) == ("unknown", "live")


class Flawed(FakeTransport):
    """Raises what it is told to when it is to open anything."""

    def __init__(self, flaw: BaseException | None = None) -> None:
        super().__init__(welcomes={"a:1": HERE})
        self.flaw = flaw
        self.dials = 0

    def unary(self, address: str) -> FakeLink:
        self.dials += 1
        if self.flaw is not None:
            raise self.flaw
        return super().unary(address)


class Canceled(BaseException):
    """As a carrier raises where somebody has closed it."""


@pytest.mark.parametrize(
    "flaw", [ValueError("cert.pem is half written"), KeyError("x"), RuntimeError(), Canceled()], ids=repr
)
def test_nothing_that_is_raised_ends_the_keeping_of_a_peer(flaw: BaseException) -> None:
    transport = Flawed(flaw)
    world = World(transport=transport)
    world.keeping.want("a:1")
    for _ in range(3):
        world.tasks.step()
        world.clock.time += 2.0
    failed = transport.dials

    transport.flaw = None
    world.tasks.step()

    assert failed >= 2
    assert state(world) == "live"
    assert len(world.observer.of(DialFailed)) == 1


def test_connecting_again_keeps_a_peer_whose_keeping_was_ended() -> None:
    transport = Flawed()
    world = World(transport=transport)
    connect(world)
    transport.flaw = SystemExit()
    world.transport.links[0].answer = refuse
    world.tasks.step()
    world.dispatch(THERE, target="a")
    with pytest.raises(SystemExit):
        world.tasks.step()
    world.tasks.background.clear()

    transport.flaw = None
    connect(world)
    world.tasks.step()
    world.dispatch(THERE, target="a")
    world.tasks.step()

    assert state(world) == "live"


def test_who_has_no_links_is_asked_again_after_a_while(world: World) -> None:
    asked = []
    dial = world.streams.dial

    async def count(address: str, **options: Any) -> Connection:
        asked.append(world.clock.time)
        return await dial(address, **options)

    world.streams.dial = count  # type: ignore[method-assign]  # only the number counts
    world.transport.welcomes["a:1"] = HERE
    connect(world)
    for _ in range(9):
        world.tasks.step()
        world.clock.time += world.keeping.times.refresh
    world.tasks.step()

    assert [at - asked[0] for at in asked] == [0.0, 60.0, 120.0, 180.0]
    assert len(world.transport.links) == 1
