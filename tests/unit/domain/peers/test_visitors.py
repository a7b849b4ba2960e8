"""Peers that have connected by themselves: asked whether they are there, and forgotten."""

from typing import Any

from tests.unit.domain.peers.linkless import THERE_STILL, state
from tests.unit.domain.world import World

from collector_mesh.domain.model.events import PeerForgotten
from collector_mesh.domain.peers.unary import UnaryWay
from collector_mesh.domain.ports.frame_stream import NoLinkError
from collector_mesh.domain.topology.connection import Connection


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


def test_a_visitor_whose_id_somebody_with_links_claims_is_asked_for_links_one_at_a_time_and_not_too_often(
    world: World,
) -> None:
    world.peer("a", "orders")
    connection = world.topology.get("a")
    assert connection is not None
    asked: list[str] = []

    async def dial(address: str, **_options: Any) -> Connection:
        asked.append(address)
        raise NoLinkError(address)

    world.streams.dial = dial  # type: ignore[method-assign]  # nobody has links

    def claim() -> int:
        assert isinstance(connection.way, UnaryWay)
        world.admission.on_links_claimed(connection.way)
        world.tasks.step()
        return len(asked)

    first = [claim(), claim()]
    world.clock.time += world.keeping.times.refresh
    world.tasks.step()
    later = claim()

    assert (first, later) == ([1, 1], 2)
    assert set(asked) == {connection.address}
