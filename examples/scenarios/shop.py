"""What the scenarios have in common: a shop, its customers, and what these put up with."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from collector_mesh import CallContext, Collector, Payload, Service
from collector_mesh.simulation import Sim

NAMESPACE = "orders"
CREATE = (NAMESPACE, "OrderService", "CreateOrder")
FIND = (NAMESPACE, "OrderService", "FindOrder")


def orders(seconds: float = 0.005) -> list[Service]:
    """A shop: creating an order twice would be a mistake, finding one twice is none."""
    service = Service(NAMESPACE, "OrderService")

    @service.method("CreateOrder")
    async def create_order(request: Payload, context: CallContext) -> Payload:
        await asyncio.sleep(seconds)
        return Payload("order", request.value + b" at " + context.collector_id.encode())

    @service.method("FindOrder", idempotent=True)
    async def find_order(request: Payload, context: CallContext) -> Payload:
        await asyncio.sleep(seconds)
        return Payload("order", request.value + b" at " + context.collector_id.encode())

    return [service]


async def front_of(sim: Sim, shops: Sequence[str], *, seconds: float = 0.005, **options: Any) -> Collector:
    """A front that is connected to shops, all of them new; the options are those of the shops."""
    for shop in shops:
        sim.collector(shop, services=lambda: orders(seconds), **options)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=shops)
    await sim.settled()
    return front


class Customers:
    """Customers who make calls at several collectors, each with a request of its own, so many times as long."""

    def __init__(
        self, sim: Sim, fronts: Sequence[Collector], *, timeout: float = 2.0, length: int = 1
    ) -> None:
        self.codes: Counter[int] = Counter()
        self.served: Counter[str] = Counter()
        """How many calls each collector has handled."""
        self.tried: tuple[str, ...] = ()
        """Ids of those that were tried for the call that has ended last."""
        self._sim = sim
        self._fronts = list(fronts)
        self._timeout = timeout
        self._length = length
        self._count = 0
        self._tasks: list[asyncio.Task[None]] = []

    def come(self, count: int, *, until: float, pause: float = 0.2) -> None:
        """So many begin to call, each after every pause, until a virtual time."""
        for _ in range(count):
            self._tasks.append(asyncio.create_task(self._buy(until, pause)))

    def begin(self, front: Collector) -> None:
        """Begin one call, of either method."""
        self._tasks.append(asyncio.create_task(self._once(front)))

    async def gone(self) -> None:
        """Wait until all of them have gone, and have their answers."""
        for task in self._tasks:
            await task
        self._tasks.clear()

    async def once(
        self, front: Collector, method: tuple[str, str, str] = FIND, *, idempotent: bool | None = None
    ) -> int:
        """One call; gives its code."""
        self._count += 1
        request = b"order %d" % self._count * self._length
        # It may have crashed and be another one by now.
        front = self._sim.find(front.collector_id)
        reply = await front.dispatch(
            *method, Payload("order", request), timeout=self._timeout, idempotent=idempotent
        )
        code = reply.status.code
        self.codes[code] += 1
        self.tried = reply.attempts
        if code == 200:
            wanted = request + b" at " + reply.handled_by.encode()
            given = reply.payload.value
            assert given == wanted, f"{given[:80]!r} ({len(given)} bytes) is no answer to {request[:80]!r}"
            self.served[reply.handled_by] += 1
        assert code != 508, f"the call has gone around in circles: {reply.status.message}"
        return code

    async def _once(self, front: Collector) -> None:
        await self.once(front, random.choice((CREATE, FIND)))

    async def _buy(self, until: float, pause: float) -> None:
        while self._sim.now < until:
            await self._once(random.choice(self._fronts))
            await self._sim.sleep(pause * random.uniform(0.5, 1.5))


async def stopped_and_back(
    sim: Sim, shop: str, front: Collector, customers: Customers, *, calls: int, pause: float
) -> None:
    """A shop says that it ends, while so many calls are made with a pause after each: many cross the news of it.

    They are not run there, and go elsewhere: no call of these customers may have failed when the shop is back.
    """
    stopping = asyncio.create_task(sim.stop(shop))
    for _ in range(calls):
        customers.begin(front)
        await sim.sleep(pause)
    await stopping
    await customers.gone()
    assert set(customers.codes) == {200}, f"calls have failed: {dict(customers.codes)}"
    await sim.restart(shop, fresh=True)
    await sim.settled()


async def all_is_well(sim: Sim, fronts: Sequence[Collector]) -> None:
    """After the faults every customer gets what they ask for, everywhere."""
    await sim.calm()
    await sim.sleep(3)
    customers = Customers(sim, fronts, timeout=10.0)
    for front in fronts:
        for _ in range(5):
            code = await customers.once(front)
            assert code == 200, f"{front.collector_id} gets {code} after all faults have ended"
