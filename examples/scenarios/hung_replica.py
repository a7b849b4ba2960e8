"""One of two replicas hangs in its handlers; customers have little time, or go away before that is up."""

import asyncio
import math
import random
from collections import Counter

from examples.scenarios.shop import FIND, NAMESPACE, all_is_well, orders

from collector_mesh import Collector, Payload, Service
from collector_mesh.simulation import Sim

A_SECOND = 50
ENOUGH = 47
SECONDS = 8


def hung(*, idempotent: bool) -> list[Service]:
    """A shop in which nothing ever ends."""
    service = Service(NAMESPACE, "OrderService")

    @service.method("FindOrder", idempotent=idempotent)
    async def find_order(request: Payload) -> Payload:
        await asyncio.sleep(1e6)
        return request

    return [service]


async def scenario(sim: Sim) -> None:
    """It is left alone after two seconds, or after five where customers wait for a second each."""
    deadline, patience, first = random.choice(
        ((0.03, math.inf, 2), (0.05, math.inf, 2), (math.inf, 0.06, 2), (math.inf, 1.0, 5))
    )
    may_repeat = random.random() < 0.5
    sim.collector("hung", services=lambda: hung(idempotent=may_repeat))
    sim.collector("well", services=orders)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=["hung", "well"])
    await sim.settled()
    served: Counter[int] = Counter()

    async def buy(second: int) -> None:
        if await _is_served(front, deadline, patience):
            served[second] += 1

    began, calls = sim.now, []
    for number in range(SECONDS * A_SECOND):
        await sim.sleep(began + number / A_SECOND - sim.now)
        calls.append(asyncio.create_task(buy(number // A_SECOND)))
    await asyncio.gather(*calls)
    each = [served[second] for second in range(SECONDS)]
    assert min(each[first:]) >= ENOUGH, (
        f"of {A_SECOND} a second {each} were served ({deadline=}, {patience=})"
    )
    await sim.crash("hung")
    await all_is_well(sim, [front])


async def _is_served(front: Collector, deadline: float, patience: float) -> bool:
    call = asyncio.create_task(front.dispatch(*FIND, Payload("order", b"7"), timeout=deadline))
    await asyncio.wait((call,), timeout=patience if patience < math.inf else None)
    if not call.done():
        call.cancel()
        await asyncio.wait((call,))
        return False
    return call.result().status.code == 200
