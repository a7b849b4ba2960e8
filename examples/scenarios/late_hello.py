"""The network holds back what a replica has said before it was restarted, and delivers it afterwards."""

import asyncio
import random
from contextlib import suppress

from examples.scenarios.shop import Customers, all_is_well, front_of

from collector_mesh import MeshError
from collector_mesh.simulation import Sim


async def scenario(sim: Sim) -> None:
    """A start that has been superseded is not let in again, and nobody notices that it has tried."""
    front = await front_of(sim, ["shop-1", "shop-2"], seconds=0.05)
    seconds = random.uniform(2.0, 4.0)
    sim.network.latency("shop-1", "front", median=seconds, p99=seconds)
    connecting = asyncio.create_task(sim.find("shop-1").connect("front"))
    await sim.sleep(0.01)
    sim.network.latency("shop-1", "front", median=0.0005, p99=0.001)
    await sim.stop("shop-1")
    await sim.restart("shop-1", fresh=True)
    # Not `settled`, which waits for the late hello too.
    while {connection.state for connection in front.snapshot().connections} != {"live"}:
        await sim.sleep(0.01)
    customers = Customers(sim, [front])
    customers.come(6, until=sim.now + 4, pause=0.05)
    with suppress(MeshError):
        await connecting
    await customers.gone()
    assert set(customers.codes) == {200}, f"calls have failed: {dict(customers.codes)}"
    await all_is_well(sim, [front])
