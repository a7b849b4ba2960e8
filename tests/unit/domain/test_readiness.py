"""Waiting until peers are connected and methods can be called."""

from collections.abc import Coroutine
from typing import Any

import attrs
import pytest
from tests.unit.domain.world import ECHO, THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.readiness import Peers, Readiness


@attrs.define
class Asked:
    """A wait that is driven by hand."""

    work: Coroutine[Any, Any, str]
    missing: str | None = None

    def step(self) -> str | None:
        """Let it go on until it waits again; gives what is missing, once it has ended."""
        if self.missing is None:
            try:
                self.work.send(None)
            except StopIteration as ended:
                self.missing = ended.value
        return self.missing


def readiness(world: World) -> Readiness:
    return Readiness(world.handlers, world.topology, world.router, world.keeping, clock=world.clock)


def asked(world: World, peers: Peers = 0, *methods: MethodKey, timeout: float = 5.0) -> Asked:
    begun = Asked(readiness(world).wait(peers, methods, timeout=timeout))
    begun.step()
    return begun


@pytest.mark.parametrize("peers", [1, ("a",)])
def test_it_ends_when_the_peers_are_there(world: World, peers: Peers) -> None:
    waiting = asked(world, peers)
    assert waiting.missing is None

    world.peer("a", "orders")

    assert waiting.step() == ""


def test_it_ends_when_a_peer_has_the_method_or_it_runs_here(world: World) -> None:
    here, there = asked(world, 0, ECHO), asked(world, 0, THERE)
    assert (here.missing, there.missing) == ("", None)

    world.replica("a")

    assert there.step() == ""


def test_a_peer_that_has_gone_is_not_there(world: World) -> None:
    world.replica("a", dialed=True)
    connection = world.topology.get("a")
    assert connection is not None
    world.roster.lose(connection, "it has crashed")

    waiting = asked(world, ("a",), THERE)
    world.clock.time += 5.1

    told = "no connection to collector 'a'; nobody is known to have 'orders/OrderService.CreateOrder'"
    assert waiting.step() == told


def test_what_never_comes_is_named_with_where_nobody_answers(world: World) -> None:
    world.keeping.want("b:1")
    everybody, some = asked(world, "all"), asked(world, 2, MethodKey("stock", "Stock", "Take"))

    world.clock.time += 5.1

    assert everybody.step() == "nobody answers at 'b:1'"
    assert some.step() == (
        "0 of 2 peers are connected; nobody is known to have 'stock/Stock.Take'; this collector is not a member of"
        " namespace 'stock'; nobody answers at 'b:1'"
    )


def test_it_ends_when_the_collector_does(world: World) -> None:
    ready = readiness(world)
    waiting = Asked(ready.wait(1, ()))
    waiting.step()

    ready.close()

    assert waiting.step() == "0 of 1 peers are connected"
    assert ready.is_closed


def test_whoever_is_cancelled_hears_no_more_news(world: World) -> None:
    waiting = asked(world, 1)

    waiting.work.close()
    world.peer("a", "orders")

    assert waiting.missing is None


def test_with_no_time_it_looks_once(world: World) -> None:
    assert run(readiness(world).wait(1, (), timeout=0.0)) == "0 of 1 peers are connected"
