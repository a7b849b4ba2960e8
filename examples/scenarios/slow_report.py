"""A report that takes far longer than everything beside it, asked for now and then."""

import asyncio
import random
from collections import Counter

from examples.scenarios.shop import NAMESPACE, Customers, all_is_well, orders

from collector_mesh import CallContext, Payload, Service
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2", "shop-3"]
REPORT = (NAMESPACE, "ReportService", "Report")
SECONDS = 0.4


async def scenario(sim: Sim) -> None:
    """It runs once each time, on one of three replicas that are all well."""
    begun: Counter[bytes] = Counter()

    def shop() -> list[Service]:
        reports = Service(NAMESPACE, "ReportService")

        @reports.method("Report", idempotent=True)
        async def report(request: Payload, context: CallContext) -> Payload:
            begun[request.value] += 1
            await asyncio.sleep(SECONDS)
            return Payload("report", context.collector_id.encode())

        return [*orders(0.002), reports]

    for name in SHOPS:
        sim.collector(name, services=shop)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=SHOPS)
    await sim.settled()
    customers = Customers(sim, [front])
    customers.come(2, until=sim.now + 6, pause=0.02)
    await sim.sleep(random.uniform(0.5, 2.0))
    for number in range(5):
        reply = await front.dispatch(*REPORT, Payload("number", b"%d" % number), timeout=10.0)
        assert reply.status.code == 200, f"report {number} has failed: {reply.status}"
        await sim.sleep(random.uniform(0.1, 0.4))
    await customers.gone()
    twice = {number: times for number, times in begun.items() if times > 1}
    assert not twice, f"reports have run more than once: {twice}"
    assert set(customers.codes) == {200}, f"calls have failed: {dict(customers.codes)}"
    await all_is_well(sim, [front])
