"""Chaos over shops, hubs, fronts and clients, whose calls are large, refused, given up and tried again."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import NoReturn

from examples.scenarios.shop import CREATE, FIND, NAMESPACE, all_is_well, orders

from collector_mesh import Collector, MeshClient, MeshError, Payload, Service, Settings
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2", "shop-3"]
HUBS = ["hub-1", "hub-2"]
CLAIM = (NAMESPACE, "ClaimService", "Claim")
REFUND = (NAMESPACE, "ClaimService", "Refund")
SECONDS = 6.0
LARGE_BYTES = 100_000


def shop() -> list[Service]:
    """Orders, and claims: they are refused by handlers, which have run all the same."""
    claims = Service(NAMESPACE, "ClaimService")

    @claims.method("Claim", idempotent=True)
    def claim() -> NoReturn:
        raise MeshError("nobody has time for that", code=503)

    @claims.method("Refund", idempotent=True)
    async def refund() -> NoReturn:
        await asyncio.sleep(0.01)
        raise LookupError("no such order")

    return [*orders(random.uniform(0.001, 0.2)), claims]


async def scenario(sim: Sim) -> None:
    """Whoever is told whether a handler ran is told the truth, whatever became of the call on its way."""
    sim.chaos(rate=2.0)
    for index, name in enumerate(SHOPS):
        # Few at a time, so that some are refused after they may have run elsewhere.
        sim.collector(
            name,
            services=shop,
            peers=SHOPS[:index],
            settings=Settings(max_running=random.choice((1, 2, 4, 256))),
        )
    for index, hub in enumerate(HUBS):
        ways = random.sample(SHOPS, 2)
        sim.collector(
            hub, namespaces=[NAMESPACE], peers=[*HUBS[:index], *ways], settings=Settings(relay=True)
        )
    fronts = [
        sim.collector("front-1", namespaces=[NAMESPACE], peers=SHOPS),
        sim.collector("front-2", namespaces=[NAMESPACE], peers=HUBS),
        sim.collector("front-3", namespaces=[NAMESPACE], peers=["hub-1", "shop-1"]),
    ]
    async with AsyncExitStack() as opened:
        clients = [
            await opened.enter_async_context(sim.client(f"client-{n}", at))
            for n, at in enumerate(("front-1", "front-2", "hub-2", "shop-1"), 1)
        ]
        customers = [asyncio.create_task(_buy(sim, places)) for places in (fronts, clients) for _ in range(8)]
        for task in customers:
            await task
        await sim.calm()
    await all_is_well(sim, fronts)


async def _buy(sim: Sim, places: Sequence[Collector | MeshClient]) -> None:
    while sim.now < SECONDS:
        place = random.choice(places)
        if isinstance(place, Collector):
            place = sim.find(place.collector_id)  # it may have crashed and be another one by now
        request = Payload("order", b"x" * (LARGE_BYTES if random.random() < 0.05 else 10))
        call = asyncio.create_task(
            place.dispatch(
                *random.choice((CREATE, CREATE, FIND, FIND, FIND, CLAIM, REFUND)),
                request,
                timeout=random.choice((0.05, 0.3, 2.0, 10.0)),
                idempotent=random.choice((None, None, True, False)),
            )
        )
        patience = random.uniform(0.001, 0.5) if random.random() < 0.1 else 60.0
        await asyncio.wait((call,), timeout=patience)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await sim.sleep(random.uniform(0.01, 0.3))
