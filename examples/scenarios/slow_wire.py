"""Every word takes more than half a second, from the very beginning, for collectors and for clients."""

import random

from examples.scenarios.shop import FIND, NAMESPACE, Customers, all_is_well, orders

from collector_mesh import Payload
from collector_mesh.simulation import Sim

ONE_WAY = 0.6
BACK_SECONDS = 12.0
"""A dial takes a few round trips, and may have to be made twice."""


async def scenario(sim: Sim) -> None:
    """Peers and clients find each other, and do again after the link was cut."""
    sim.network.latency("*", "*", median=ONE_WAY, p99=ONE_WAY * random.uniform(1.01, 1.1))
    for name in ("shop-1", "shop-2"):
        sim.collector(name, services=orders)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=["shop-1", "shop-2"])
    await _until_live(sim, "at first")
    async with sim.client("customer", "front") as client:
        for number in range(3):
            reply = await client.dispatch(*FIND, Payload("order", b"%d" % number), timeout=20.0)
            assert reply.status.code == 200, f"a client gets {reply.status}"
        sim.network.reset("customer", "front")
        sim.network.reset("front", random.choice(("shop-1", "shop-2")))
        await sim.sleep(2 * ONE_WAY)
        await _until_live(sim, "after a cut")
        reply = await client.dispatch(*FIND, Payload("order", b"7"), timeout=20.0)
        assert reply.status.code == 200, f"a client gets {reply.status} after a cut"
    customers = Customers(sim, [front], timeout=10.0)
    customers.come(4, until=sim.now + 10, pause=0.5)
    await customers.gone()
    assert set(customers.codes) == {200}, f"calls have failed: {dict(customers.codes)}"
    sim.network.latency("*", "*", median=0.001, p99=0.002)
    await all_is_well(sim, [front])


async def _until_live(sim: Sim, when: str) -> None:
    until = sim.now + BACK_SECONDS
    front = sim.find("front")
    while [peer.state for peer in front.snapshot().connections] != ["live", "live"]:
        states = [(peer.peer_id, peer.state, peer.reason) for peer in front.snapshot().connections]
        assert sim.now < until, f"{when} nobody is there after {BACK_SECONDS:g} s: {states}"
        await sim.sleep(0.05)
