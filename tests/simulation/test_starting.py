"""What the first minutes of a mesh are like, in simulations: names, calls that wait, and what peers are offered."""

import asyncio
from typing import Any

import pytest
from tests.simulation.shop import METHOD, orders

from collector_mesh import Executed, Service
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.simulation import Sim, Simulation

NAME = "dns:orders:1"


def test_a_name_leads_to_other_collectors_while_calls_are_made() -> None:
    async def scenario(sim: Sim) -> tuple[list[str], float]:
        front = sim.collector("front", namespaces=["orders"], peers=[NAME])
        sim.collector("a", services=[orders()])
        sim.network.name(NAME, "a")
        await sim.sleep(0.1)
        await front.wait_for(peers=["a"])
        by = [(await front.dispatch(*METHOD)).handled_by]
        sim.collector("b", services=[orders()])
        sim.network.name(NAME, "b")
        began = sim.now
        await front.wait_for(peers=["b"])
        seconds = sim.now - began
        await sim.stop("a")
        async with sim.client("customer", NAME) as client:
            by.append((await client.dispatch(*METHOD)).handled_by)
        by.append((await front.dispatch(*METHOD)).handled_by)
        return by, seconds

    outcome: Any = Simulation(seed=3).run(scenario, until=120.0).value
    by, seconds = outcome

    assert by == ["a", "b", "b"]
    assert seconds < 10.0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("orders:1", "a"), "a name begins with 'dns:', got 'orders:1'"),
        ((NAME, "not an id"), "host must match"),
        ((5,), "name must be a str, got int"),
        ((NAME, 5), "host must be a str, got int"),
    ],
)
def test_what_is_no_name_is_refused_where_a_scenario_says_where_it_leads(
    given: tuple[Any, ...], text: str
) -> None:
    async def scenario(sim: Sim) -> str:
        with pytest.raises((ValueError, TypeError, InvalidCallError)) as raised:
            sim.network.name(*given)
        return str(raised.value)

    assert text in str(Simulation().run(scenario, until=1.0).value)


def test_calls_wait_for_a_peer_that_is_started_again_and_no_longer_than_they_may() -> None:
    async def scenario(sim: Sim) -> tuple[Executed, int, Executed, float]:
        front = sim.collector("front", namespaces=["orders"], peers=["shop"])
        sim.collector("shop", services=[orders()])
        await sim.settled()
        await sim.stop("shop")
        began = sim.now
        lost = await front.dispatch(*METHOD)
        seconds = sim.now - began
        waiting = asyncio.ensure_future(front.dispatch(*METHOD))
        await sim.restart("shop")
        found = await waiting
        return found.executed, lost.status.code, lost.executed, seconds

    outcome: Any = Simulation(seed=4).run(scenario, until=120.0).value
    found, code, lost, seconds = outcome

    assert (found, code, lost) == (Executed.YES, 503, Executed.NO)
    assert 5.0 <= seconds < 5.1


def test_a_connection_that_offers_some_namespaces_is_as_good_as_any() -> None:
    async def scenario(sim: Sim) -> tuple[int, int]:
        front = sim.collector("front", namespaces=["orders", "stock"])
        stock = Service("stock", "Stock")
        stock.add("Take", nothing)
        sim.collector("shop", services=[orders(), stock])
        await sim.sleep(1.0)
        await front.connect("shop", namespaces=["orders"])
        await sim.settled()
        return (
            (await front.dispatch(*METHOD)).status.code,
            (await front.dispatch("stock", "Stock", "Take")).status.code,
        )

    assert Simulation(seed=5).run(scenario, until=120.0).value == (200, 404)


def test_a_single_text_is_no_list_of_namespaces_there_either() -> None:
    async def scenario(sim: Sim) -> None:
        front = sim.collector("front", namespaces=["a"])
        sim.collector("shop", namespaces=["a"])
        await sim.sleep(1.0)
        with pytest.raises(TypeError, match="namespaces must be several, as in a list, got one: 'a'"):
            await front.connect("shop", namespaces="a")

    Simulation(seed=6).run(scenario, until=120.0)


async def nothing() -> None:
    """A thing that nobody has to wait for."""
