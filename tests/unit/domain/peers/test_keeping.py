"""Which peers are wanted, and so kept connected."""

from typing import Any

import pytest
from tests.unit.domain.peers.linkless import HERE, connect, refuse, state
from tests.unit.domain.world import THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.errors import (
    ConflictError,
    InvalidCallError,
    NotFoundError,
    UnavailableError,
)
from collector_mesh.domain.model.events import PeerForgotten
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import OK, Status
from collector_mesh.domain.ports.frame_stream import NoLinkError
from collector_mesh.domain.topology.connection import Connection


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


@pytest.mark.parametrize(("seconds", "within"), [(3.0, "2 s"), (3.004, "2 s"), (5.5, "5 s")])
def test_a_connect_takes_no_longer_than_was_asked_for_where_it_is_known_late_that_there_are_no_links(
    world: World, seconds: float, within: str
) -> None:
    async def late(address: str, **_options: Any) -> Connection:
        world.clock.time += seconds
        raise NoLinkError(address)

    world.streams.dial = late  # type: ignore[method-assign]  # who is there takes its time

    with pytest.raises(UnavailableError, match=f"nobody has answered at a:1 within {within}"):
        connect(world)


def test_only_who_listens_can_connect_and_not_to_itself(world: World) -> None:
    with pytest.raises(InvalidCallError, match="cannot connect to itself"):
        connect(world, "self:1")
    with pytest.raises(InvalidCallError, match="address must have a colon"):
        connect(world, "nonsense")
    world.admission.address = ""
    with pytest.raises(InvalidCallError, match="only a collector that listens can connect"):
        connect(world)


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
