"""Somebody says hello to everybody with the id of a collector that is alive."""

import random

from examples.scenarios.shop import NAMESPACE, Customers, all_is_well, orders

from collector_mesh import Settings
from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """It is given no call, and the real one, which answers all the time, loses neither a call nor its place."""
    front = sim.collector("front", namespaces=[NAMESPACE])
    peers = [["front"], []][random.randrange(2)]
    sim.collector("bank", services=orders, peers=peers)
    await sim.settled()
    if not peers:
        await front.connect("bank")
    await sim.settled()
    one_way = random.uniform(0.001, 0.1)
    sim.network.latency("*", "*", median=one_way, p99=1.5 * one_way)
    customers = Customers(sim, [front])
    customers.come(4, until=sim.now + 12, pause=0.1)
    await sim.sleep(random.uniform(0.1, 1.0))
    sim.collector(
        "mallory",
        claims="bank",
        services=lambda: orders(0.0),
        peers=["front"],
        settings=Settings(drain_timeout=0),
    )
    await customers.gone()
    seen = [(peer.peer_id, peer.state) for peer in front.snapshot().connections]
    assert seen == [("bank", "live")], f"the front sees {seen}"
    assert set(customers.codes) == {200}, f"calls have failed: {dict(customers.codes)}"
    await all_is_well(sim, [front])
