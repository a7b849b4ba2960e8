"""A replica falls silent: for half a minute all its messages are lost on the way, and no side notices."""

import asyncio
import random

from examples.scenarios.shop import CREATE, FIND, Customers, all_is_well, front_of

from collector_mesh import Payload
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2"]
SUSPECT, DEAD, PROBE = 11.0, 16.0, 1.0
"""Seconds, as docs/link.md has them; with what a look, a frame and a dial take beside them."""

RECOVER = 2.0
"""Seconds for which a call that may have run is held, in case that the replica is back and can be asked."""

LEEWAY = 0.2
LONG = 28.0


async def scenario(sim: Sim) -> None:
    """It is suspect and dead when that was promised, and no call waits for it any longer."""
    front = await front_of(sim, SHOPS, seconds=0.5)
    customers = Customers(sim, [front], timeout=LONG)
    patient = [asyncio.create_task(customers.once(front, CREATE)) for _ in range(8)]
    patient += [asyncio.create_task(customers.once(front, FIND)) for _ in range(8)]
    await sim.sleep(random.uniform(0.05, 0.4))
    began = sim.now
    sim.network.cut("shop-1", "front")

    def state() -> str:
        found = {peer.peer_id: peer.state for peer in front.snapshot().connections}
        return found["shop-1"]

    is_asked = random.random() < 0.5
    if is_asked:
        # A call whose time is up makes the front ask at once.
        await front.dispatch(*FIND, Payload("order", b"7"), target="shop-1", timeout=1.0)
        await sim.sleep(PROBE + LEEWAY)
        assert state() == "suspect", f"it has not answered, and is {state()}"
    await sim.sleep(began + SUSPECT + LEEWAY - sim.now)
    assert state() == "suspect", f"not heard of for {sim.now - began:.1f} s, it is {state()}"
    # It is asked only if nobody else is there.
    assert await customers.once(front, CREATE) == 200
    await sim.sleep(began + DEAD + LEEWAY - sim.now)
    assert state() == "reconnecting", f"not heard of for {sim.now - began:.1f} s, it is {state()}"
    repeated = sum(not task.done() for task in patient[8:])
    assert not repeated, f"{repeated} calls that may run twice wait for somebody who has gone"
    await sim.sleep(began + DEAD + RECOVER + 2 * LEEWAY - sim.now)
    waiting = sum(not task.done() for task in patient)
    assert not waiting, f"{waiting} calls wait for somebody who has gone"
    codes = [task.result() for task in patient]
    assert set(codes[:8]) <= {200, 502}, f"calls that may not run twice have ended by {codes[:8]}"
    assert set(codes[8:]) == {200}, f"calls that may run twice have ended by {codes[8:]}"
    await sim.sleep(began + 30.0 - sim.now)
    sim.network.heal()
    await all_is_well(sim, [front])
