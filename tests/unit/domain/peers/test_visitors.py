"""Peers that have connected by themselves: asked whether they are there, and forgotten."""

from tests.unit.domain.peers.linkless import THERE_STILL, state
from tests.unit.domain.world import World

from collector_mesh.domain.model.events import (
    PeerForgotten,
)


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
