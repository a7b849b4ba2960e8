"""Calls that are begun and not awaited, in a simulation."""

import asyncio

import pytest
from tests.simulation.shop import METHOD, pair

from collector_mesh import MethodKey, Payload, Reply, Service
from collector_mesh.ports import CallStarter
from collector_mesh.simulation import InvariantError, Sim, Simulation

KEY = MethodKey(*METHOD)


class Submitted:
    """A call that a scenario has begun."""

    def __init__(self, starter: CallStarter, *, timeout: float = 30.0) -> None:
        self._told: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.started = starter.submit(
            KEY, Payload("order", b"7"), self._told.set_result, timeout=timeout, idempotent=False
        )

    async def code(self) -> int:
        return (await self._told).status.code


def slow() -> Service:
    service = Service("orders", "OrderService")

    @service.method("CreateOrder")
    async def create(request: Payload) -> Payload:
        await asyncio.sleep(5.0)
        return request

    return service


@pytest.mark.parametrize("kind", ["collector", "client"])
def test_a_scenario_is_told_of_the_replies_of_calls_that_it_begins(kind: str) -> None:
    async def scenario(sim: Sim) -> list[int]:
        front = await pair(sim)
        async with sim.client("customer", "front") as client:
            starter = client if kind == "client" else front
            return [await Submitted(starter).code(), await Submitted(starter).code()]

    first = Simulation(seed=11).run(scenario, until=60.0)

    assert first.value == [200, 200]
    assert Simulation(seed=11).run(scenario, until=60.0).digest == first.digest


def test_a_call_whose_host_crashes_has_an_unknown_outcome() -> None:
    async def scenario(sim: Sim) -> list[int]:
        front = await pair(sim, slow())
        submitted = Submitted(front)
        await sim.sleep(1.0)
        await sim.crash("front")
        return [await submitted.code(), await Submitted(front).code()]

    assert Simulation(seed=12).run(scenario, until=60.0).value == [502, 503]


def test_a_call_of_a_host_that_is_paused_begins_when_it_goes_on() -> None:
    async def scenario(sim: Sim) -> tuple[int, bool]:
        front = await pair(sim)
        began = sim.now
        sim.pause("front")
        submitted = Submitted(front)
        await sim.sleep(0.5)
        sim.resume("front")
        return await submitted.code(), sim.now - began >= 0.5

    value = Simulation(seed=13).run(scenario, until=60.0).value

    assert value == (200, True)


def test_a_call_that_is_cancelled_leaves_nothing_behind() -> None:
    async def scenario(sim: Sim) -> float:
        front = await pair(sim, slow())
        submitted, unbegun = Submitted(front), Submitted(front)
        assert unbegun.started is not None
        unbegun.started.cancel()
        await sim.sleep(1.0)
        assert submitted.started is not None
        left = submitted.started.time_remaining()
        submitted.started.cancel()
        await sim.sleep(1.0)
        assert front.snapshot().outgoing == 0
        return left

    assert Simulation(seed=14).run(scenario, until=60.0).value == pytest.approx(29.0)


def test_calls_that_nobody_awaits_are_watched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from typing import Any

    from collector_mesh.domain.serving.executor import Executor

    # A planted bug: whatever comes in is run twice.
    execute = Executor.execute

    def twice(executor: Executor, call: Any, answer: Any) -> object:
        execute(executor, call, lambda _reply: None)
        return execute(executor, call, answer)

    monkeypatch.setattr(Executor, "execute", twice)

    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await Submitted(front).code()

    with pytest.raises(InvariantError, match=r"has run at shop and again at shop"):
        Simulation(seed=6).run(scenario, until=60.0)
