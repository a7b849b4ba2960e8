"""Peers without links, as tests of what keeps them use them."""

from tests.unit.domain.world import World

from collector_mesh.app.testing.fake_links import FakeLink
from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import OK, Reply, Status

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
