from typing import Any

import pytest
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fake_links import FakeLink
from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    ConflictError,
    InvalidCallError,
    NotFoundError,
    UnavailableError,
)
from collector_mesh.domain.model.events import (
    AttemptFailed,
    DialFailed,
    PeerConnected,
    PeerForgotten,
    PeerLeft,
    PeerLost,
)
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.peers.dialing import BrokenError
from collector_mesh.domain.topology.connection import Connection

THERE_STILL = Welcome(Status(400, "address is required"))
"""The answer of the original to the question whether it is there."""

HERE = Welcome(OK, "c-1", ("orders", "users"), "a")


def refuse(_call: Call) -> Reply:
    raise UnavailableError("connection refused")


def connect(world: World, address: str = "a:1") -> str:
    return run(world.keeping.connect(address, timeout=5.0)).peer_id


def linkless(world: World, *, dialed: bool) -> FakeLink:
    """A peer without links, connected, and asked from now on whether it is there."""
    world.keeping.start()
    if dialed:
        world.transport.welcomes["a:1"] = HERE
        connect(world)
        link = world.transport.links[0]
    else:
        link = world.peer("a", "orders")
        link.offers.append(Offer("self", "self:1"))
    world.tasks.step()
    return link


def state(world: World, peer_id: str = "a") -> str:
    connection = world.topology.get(peer_id)
    return connection.state if connection else "unknown"


def test_connecting_introduces_this_collector(world: World) -> None:
    world.transport.welcomes["a:1"] = HERE

    connection = run(world.keeping.connect("a:1", timeout=5.0))

    assert (connection.peer_id, connection.connection_id, connection.dialed) == ("a", "c-1", True)
    # In the order of what was offered, whatever the other side makes of it.
    assert connection.shared_namespaces == ("users", "orders")
    assert world.transport.links[0].offers == [Offer("self", "self:1", ("users", "orders"))]


def test_namespaces_that_this_collector_is_not_in_are_not_shared(world: World) -> None:
    world.transport.welcomes["a:1"] = Welcome(OK, "c-1", ("orders", "secrets"), "a")

    connect(world)

    assert not world.topology.shares("a", "secrets")


def test_of_the_id_of_a_connection_no_more_is_kept_than_may_be(world: World) -> None:
    world.transport.welcomes["a:1"] = Welcome(OK, "c" * 300_000, ("orders",), "a")

    connect(world)

    connection = world.topology.get("a")
    assert connection is not None
    assert connection.connection_id == "c" * 128


@pytest.mark.parametrize(
    ("welcome", "error", "message"),
    [
        (None, UnavailableError, "nobody has answered at a:1 within 5 s"),
        (Welcome(Status(409, "taken"), collector_id="a"), ConflictError, "a:1 refuses: taken"),
        (Welcome(Status(0), collector_id="a"), Exception, "a:1 refuses: status 0"),
        (Welcome(OK, "c", (), ""), UnavailableError, "a:1 gives '' for its collector id"),
        (Welcome(OK, "c", (), "no id"), UnavailableError, "gives 'no id' for its collector id"),
        (Welcome(OK, "c", (), "self"), InvalidCallError, "cannot connect to itself"),
    ],
)
def test_a_connect_that_fails_leaves_nothing(
    world: World, welcome: Welcome | None, error: type[Exception], message: str
) -> None:
    if welcome is not None:
        world.transport.welcomes["a:1"] = welcome

    with pytest.raises(error, match=message):
        connect(world)

    world.tasks.step()
    assert (len(world.topology), world.tasks.background) == (0, [])
    assert world.transport.links[0].is_closed


def test_only_who_listens_can_connect_and_not_to_itself(world: World) -> None:
    with pytest.raises(InvalidCallError, match="cannot connect to itself"):
        connect(world, "self:1")
    with pytest.raises(InvalidCallError, match="address must have a colon"):
        connect(world, "nonsense")
    world.admission.address = ""
    with pytest.raises(InvalidCallError, match="only a collector that listens can connect"):
        connect(world)


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


def test_a_wanted_address_is_dialed_until_somebody_answers(world: World) -> None:
    world.keeping.want("a:1")
    world.keeping.want("a:1")
    world.tasks.step()
    assert (world.keeping.dialing, len(world.topology)) == (("a:1",), 0)

    world.transport.welcomes["a:1"] = HERE
    world.clock.time += 2.0
    world.tasks.step()

    assert (world.keeping.dialing, state(world)) == ((), "live")


def test_another_collector_at_the_same_address_takes_the_place_of_the_old_one(world: World) -> None:
    world.transport.welcomes["a:1"] = HERE
    connect(world)
    world.tasks.step()

    # What was there before is lost, and a new link is opened to whoever is there now.
    world.transport.links[0].welcome = world.transport.welcomes["a:1"] = Welcome(OK, "c-2", ("orders",), "b")
    world.clock.time += world.keeping.times.refresh
    world.tasks.step()

    assert [connection.peer_id for connection in world.topology] == ["b"]
    assert [event.reason for event in world.observer.events if isinstance(event, PeerForgotten)] == [
        "b is there now"
    ]


def test_one_peer_under_two_addresses_is_kept_under_the_last_one(world: World) -> None:
    world.transport.welcomes = {"a:1": HERE, "a:2": HERE}

    connect(world, "a:1")
    connect(world, "a:2")

    (connection,) = world.topology
    assert connection.address == "a:2"
    world.clock.time += world.keeping.times.refresh
    world.tasks.step()
    assert [link.address for link in world.transport.links] == ["a:1", "a:2"]
    assert world.transport.links[0].is_closed


def test_a_disconnected_peer_is_not_dialed_anymore(world: World) -> None:
    world.transport.welcomes["a:1"] = HERE
    connect(world)

    run(world.keeping.disconnect("a"))
    world.clock.time += 100
    world.tasks.step()

    assert (len(world.topology), len(world.transport.links), world.tasks.background) == (0, 1, [])
    assert world.transport.links[0].is_closed
    with pytest.raises(NotFoundError, match="no connection to collector 'a'"):
        run(world.keeping.disconnect("a"))


def test_a_stranger_that_is_not_heard_of_is_forgotten(world: World) -> None:
    world.keeping.start()
    world.tasks.step()
    stranger = world.peer("stranger", "orders")
    wanted = world.peer("wanted", "orders", dialed=True)
    alive = world.peer("alive", "orders")
    stranger.welcome, alive.welcome = None, THERE_STILL

    for _ in range(14):
        world.clock.time += world.keeping.times.expiry / 12
        world.tasks.step()
        world.tasks.step()

    assert [found.peer_id for found in world.topology] == ["alive", "wanted"]
    assert (stranger.is_closed, wanted.is_closed, alive.is_closed) == (True, False, False)


def test_nobody_is_forgotten_who_was_not_asked_because_this_process_stood_still(world: World) -> None:
    world.keeping.start()
    world.tasks.step()
    world.peer("alive", "orders").welcome = THERE_STILL

    world.clock.time += 10 * world.keeping.times.expiry
    for _ in range(3):
        world.tasks.step()

    assert state(world, "alive") == "live"
    assert world.observer.of(PeerForgotten) == []


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


def test_the_failure_of_a_stranger_is_not_the_end_of_it(world: World) -> None:
    world.peer("stranger", "orders", answer=refuse)

    world.dispatch(THERE, target="stranger")

    assert state(world, "stranger") == "suspect"


def test_closing_ends_every_connection(world: World) -> None:
    world.transport.welcomes["a:1"] = HERE
    world.keeping.start()
    connect(world)
    stranger = world.peer("stranger", "orders")
    world.keeping.want("nobody:1")

    run(world.keeping.close())

    assert (len(world.topology), world.tasks.background) == (0, [])
    assert stranger.is_closed
    assert world.transport.links[0].is_closed


class Flawed(World):
    """A world whose transport raises what it is told to when it dials."""

    def __init__(self) -> None:
        super().__init__()
        self.flaw: BaseException | None = None
        self.dials = 0
        keeping, dial = self.keeping, self.keeping._dial

        async def count(address: str, **options: Any) -> Connection:
            self.dials += 1
            if self.flaw is not None:
                raise self.flaw
            return await dial(address, **options)

        keeping._dial = count  # type: ignore[method-assign]  # as a transport of a user's may be


class Canceled(BaseException):
    """As a carrier raises where somebody has closed it."""


@pytest.mark.parametrize(
    "flaw", [ValueError("cert.pem is half written"), KeyError("x"), RuntimeError(), Canceled()], ids=repr
)
def test_nothing_that_is_raised_ends_the_keeping_of_a_peer(flaw: BaseException) -> None:
    world = Flawed()
    world.transport.welcomes["a:1"] = HERE
    world.flaw = flaw
    world.keeping.want("a:1")
    for _ in range(3):
        world.tasks.step()
        world.clock.time += 2.0
    failed = world.dials

    world.flaw = None
    world.tasks.step()

    assert failed >= 2
    assert state(world) == "live"
    assert len(world.observer.of(DialFailed)) == 1


def test_connecting_again_keeps_a_peer_whose_keeping_was_ended() -> None:
    world = Flawed()
    world.transport.welcomes["a:1"] = HERE
    connect(world)
    world.flaw = SystemExit()
    world.transport.links[0].answer = refuse
    world.tasks.step()
    world.dispatch(THERE, target="a")
    with pytest.raises(SystemExit):
        world.tasks.step()
    world.tasks.background.clear()

    world.flaw = None
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
