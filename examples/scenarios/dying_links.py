"""Links are reset again and again, under calls that wait in queues, run, are refused, and are on their way back."""

import random

from examples.scenarios.shop import FIND, NAMESPACE, Customers, all_is_well, orders

from collector_mesh import Settings
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2"]


async def scenario(sim: Sim) -> None:
    """What may be tried again is, where there is somebody else; and both sides find each other again and again."""
    busy = Settings(max_running=8)
    for name in SHOPS:
        sim.collector(name, services=lambda: orders(0.05), settings=busy)
    small = Settings(relay=True, link_queue_bytes=1 << 16)
    sim.collector("hub", namespaces=[NAMESPACE], peers=SHOPS, settings=small)
    fronts = [
        sim.collector("front-1", namespaces=[NAMESPACE], peers=SHOPS, settings=small),
        sim.collector("front-2", namespaces=[NAMESPACE], peers=["hub"], settings=small),
    ]
    await sim.settled()
    sim.network.latency("*", "*", median=0.01, p99=0.05)
    customers, behind = Customers(sim, fronts[:1]), Customers(sim, fronts[1:])
    few, many = Customers(sim, fronts[:1]), Customers(sim, fronts, timeout=5.0, length=2_000)
    for some, count in ((customers, 6), (behind, 3), (many, 2)):
        some.come(count, until=sim.now + 4, pause=0.1)
    pairs = [("front-1", shop) for shop in SHOPS] + [("hub", shop) for shop in SHOPS] + [("front-2", "hub")]
    for _ in range(15):
        await sim.sleep(random.uniform(0.05, 0.4))
        there = [peer.state for peer in sim.find("front-1").snapshot().connections]
        one, other = random.choice(pairs if there == ["live", "live"] else pairs[2:])
        sim.network.reset(one, other)
        if one == "front-1":
            # One of two links has been reset, so that there is somebody else; who may be over its limit. A call that may
            # have run at the first one is told as such then.
            code = await few.once(fronts[0], FIND)
            is_told = code in (200, 429) or (code == 502 and set(few.tried) == set(SHOPS))
            assert is_told, f"a call that may be tried again has failed: {code}, tried at {few.tried}"
    for some in (customers, behind, many):
        await some.gone()
    assert customers.codes[200] > 0.7 * customers.codes.total(), f"too many have failed: {customers.codes}"
    assert behind.codes[200] > 0, f"nobody was served through the hub: {behind.codes}"
    await all_is_well(sim, fronts)
