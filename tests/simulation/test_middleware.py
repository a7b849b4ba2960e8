"""Middleware in a simulation: the three of the page, each as it is in production, in virtual time."""

import asyncio
from functools import partial

import pytest
from examples.middleware import USER, Audit, Cache, WhoCalls, prices

from collector_mesh import DispatchNext, Middleware, OutgoingCall, Reply, Settings
from collector_mesh.simulation import Sim, Simulation


@pytest.mark.parametrize("seed", range(2))
def test_the_three_of_the_page_do_what_it_says(seed: int) -> None:
    audit = Audit()

    async def scenario(sim: Sim) -> list[str]:
        sim.collector("prices", services=[prices()], middleware=[audit])
        web = sim.collector(
            "web", namespaces=["shop"], peers=["prices"], middleware=[WhoCalls(), Cache("Prices.Of")]
        )
        await sim.settled()
        told = [(await web.dispatch("shop", "Prices", "Of", "tea")).status.message]

        async def ask(user: str) -> str:
            USER.set(user)
            return await web.call("shop", "Prices", "Of", "tea", returns=str)

        # On its host: what a scenario has in its context is in another process.
        told += [await web.on_host(partial(ask, user)) for user in ("ann", "ann", "bob")]
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
