"""Programs outside the mesh that call into a simulated one."""

from typing import Any

import pytest
from tests.simulation.shop import METHOD, orders, pair

from collector_mesh import Payload, Service
from collector_mesh.simulation import InvariantError, Sim, Simulation


def test_a_client_calls_through_a_collector_and_is_known_by_its_own_name() -> None:
    async def scenario(sim: Sim) -> tuple[bytes, int, int]:
        await pair(sim)
        async with sim.client("customer", "front") as client:
            bought = await client.call(*METHOD, Payload("order", b"7"))
            served = await client.serve(*METHOD)
            sim.network.clog("customer", "front")
            lost = await client.dispatch(*METHOD, timeout=1.0)
            sim.network.unclog("customer", "front")
            with pytest.raises(ValueError, match="there is a client 'customer' already"):
                sim.collector("customer")
        with pytest.raises(RuntimeError, match="the client of front is closed"):
            await client.dispatch(*METHOD)
        return bought.value, served.status.code, lost.status.code

    assert Simulation(seed=5).run(scenario, until=60.0).value == (b"shop", 404, 504)


def test_calls_of_clients_are_watched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector_mesh.domain.serving.executor import Executor

    # A planted bug: whatever comes in is run twice.
    execute = Executor.execute

    def twice(executor: Executor, call: Any, answer: Any) -> object:
        execute(executor, call, lambda _reply: None)
        return execute(executor, call, answer)

    monkeypatch.setattr(Executor, "execute", twice)

    async def scenario(sim: Sim) -> None:
        service = Service("orders", "OrderService")
        service.add("CreateOrder", nothing)
        await pair(sim, service)
        async with sim.client("customer", "front") as client:
            await client.dispatch(*METHOD)

    with pytest.raises(InvariantError, match=r"call 0 of .* at customer has run at shop and again at shop"):
        Simulation(seed=6).run(scenario, until=60.0)


async def nothing() -> None:
    """An order that nobody has to wait for."""


def test_what_a_client_leaves_behind_breaks_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector_mesh.adapters.simulated.streams import SimulatedStream

    # A planted bug: nobody closes a stream.
    monkeypatch.setattr(SimulatedStream, "close", lambda _stream: None)

    async def scenario(sim: Sim) -> None:
        sim.collector("shop", services=[orders()])
        await sim.settled()
        async with sim.client("customer", "shop") as client:
            assert (await client.dispatch(*METHOD)).status.code == 200

    with pytest.raises(InvariantError, match=r"left after the end: .* of customer"):
        Simulation(seed=7).run(scenario, until=60.0)
