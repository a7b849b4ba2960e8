"""Large orders and large answers over a slow wire, whose customers go away before they are through."""

import asyncio
import random

from examples.scenarios.shop import NAMESPACE, Customers, all_is_well, orders

from collector_mesh import Collector, Payload, Service, Settings
from collector_mesh.simulation import Sim

FETCH = (NAMESPACE, "LedgerService", "Fetch")
STORE = (NAMESPACE, "LedgerService", "Store")
BYTES_PER_SECOND = 400_000.0
QUEUE = 1 << 20


def shop() -> list[Service]:
    """Orders, and ledgers of as many bytes as are asked for."""
    ledgers = Service(NAMESPACE, "LedgerService")

    @ledgers.method("Fetch")
    async def fetch(request: Payload) -> Payload:
        return Payload("ledger", bytes(int(request.value)))

    @ledgers.method("Store")
    async def store(request: Payload) -> Payload:
        return Payload("size", b"%d" % len(request.value))

    return [*orders(), ledgers]


async def scenario(sim: Sim) -> None:
    """What nobody waits for takes no room from others: small calls pass, and the link is never too slow."""
    tight = Settings(link_queue_bytes=QUEUE)
    sim.collector("shop", services=shop, settings=tight)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=["shop"], settings=tight)
    await sim.settled()
    link = front.snapshot().connections[0].connection_id
    sim.network.bandwidth("front", "shop", BYTES_PER_SECOND)
    customers = Customers(sim, [front], timeout=5.0)
    customers.come(2, until=sim.now + 8, pause=0.2)
    impatient = [asyncio.create_task(_give_up(sim, front)) for _ in range(6)]
    for task in impatient:
        await task
    await customers.gone()
    assert set(customers.codes) == {200}, f"small calls have failed: {dict(customers.codes)}"
    patient = await front.dispatch(*FETCH, Payload("size", b"300000"), timeout=10.0)
    assert len(patient.raise_for_status().payload.value) == 300_000
    ended = [end.reason for name in ("front", "shop") for end in sim.find(name).snapshot().ended]
    assert not ended, f"the link has ended: {ended}"
    assert front.snapshot().connections[0].connection_id == link
    await all_is_well(sim, [front])


async def _give_up(sim: Sim, front: Collector) -> None:
    """Ask for far more than the wire carries, and wait for none of it: ten times the queue in all."""
    until = sim.now + 8
    while sim.now < until:
        size = random.randrange(70_000, 200_000)
        way = FETCH if random.random() < 0.6 else STORE
        request = Payload("size", b"%d" % size) if way is FETCH else Payload("ledger", bytes(size))
        call = asyncio.create_task(front.dispatch(*way, request, timeout=random.choice((0.3, 30.0))))
        await asyncio.wait((call,), timeout=random.uniform(0.02, 0.4))
        call.cancel()
        await asyncio.wait((call,))
        # Where the queue is full a call is refused at once.
        await sim.sleep(0.01)
