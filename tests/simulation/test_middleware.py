"""Middleware in a simulation: the three of the page, each as it is in production, in virtual time."""

import asyncio

import pytest
from examples.middleware import Audit, Cache, WhoCalls, prices

from collector_mesh import CallContext, DispatchNext, Middleware, OutgoingCall, Reply, Service, Settings
from collector_mesh.simulation import Sim, Simulation


def asking() -> Service:
    """A service whose handler asks for the user of its own call."""
    service = Service("shop", "Web")

    @service.method
    async def ask(context: CallContext) -> str:
        return await context.call("shop", "Prices", "Of", "tea", returns=str)

    return service


@pytest.mark.parametrize("seed", range(2))
def test_the_three_of_the_page_do_what_it_says(seed: int) -> None:
    audit = Audit()

    async def scenario(sim: Sim) -> list[str]:
        sim.collector("prices", services=[prices()], middleware=[audit])
        around = [WhoCalls(), Cache("Prices.Of")]
        web = sim.collector("web", services=[asking()], peers=["prices"], middleware=around)
        await sim.settled()
        told = [(await web.dispatch("shop", "Prices", "Of", "tea")).status.message]

        for user in ("ann", "ann", "bob"):
            reply = await web.dispatch("shop", "Web", "ask", metadata={"user": user})
            told.append(reply.unpack(str))
        return told

    assert Simulation(seed).run(scenario, until=60.0).value == [
        "shop/Prices needs a user",
        "tea costs 3 for ann, asked 1 times",
        "tea costs 3 for ann, asked 1 times",
        "tea costs 3 for bob, asked 2 times",
    ]
    assert audit.lines == ["web Prices.Of 403", "web Prices.Of 200", "web Prices.Of 200"]


class Slow(Middleware):
    """Takes ten seconds before each call, also where it is cancelled once."""

    async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
        try:
            await asyncio.sleep(10.0)
        except asyncio.CancelledError:
            await asyncio.sleep(10.0)
        return await call_next(call)


def test_a_seed_replays_calls_around_which_it_takes_its_time() -> None:
    async def scenario(sim: Sim) -> list[int]:
        settings = Settings(default_timeout=30.0)
        sim.collector("prices", services=[prices()])
        web = sim.collector(
            "web", namespaces=["shop"], peers=["prices"], middleware=[Slow()], settings=settings
        )
        await sim.settled()
        slow = await web.dispatch("shop", "Prices", "Of", "tea")
        late = await web.dispatch("shop", "Prices", "Of", "tea", timeout=1.0)
        return [slow.status.code, late.status.code]

    first, again = (Simulation(7).run(scenario, until=60.0) for _ in range(2))

    assert (first.value, first.digest) == ([403, 504], again.digest)
