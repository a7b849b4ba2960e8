"""Links are lost under load, again and again, while everybody is well: calls end as if nothing had happened."""

import asyncio
import random
from collections import Counter

from examples.scenarios.shop import CREATE, NAMESPACE, all_is_well

from collector_mesh import CallContext, Collector, MeshClient, Payload, Service, Settings
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2"]
SECONDS = 2.5
LARGE_BYTES = 150_000


class Books:
    """What the shops have done, and what customers were told of it."""

    def __init__(self) -> None:
        self.done: Counter[bytes] = Counter()
        """How often each order was carried out."""
        self.codes: Counter[int] = Counter()
        self.told: Counter[str] = Counter()
        """Of calls that have failed: whether a handler had run."""

    def shop(self) -> list[Service]:
        """Creating an order twice would be a mistake."""
        service = Service(NAMESPACE, "OrderService")

        @service.method("CreateOrder")
        async def create_order(request: Payload, context: CallContext) -> Payload:
            self.done[request.value[:20]] += 1
            await asyncio.sleep(random.uniform(0.0, 0.2))
            return Payload("order", request.value + b" at " + context.collector_id.encode())

        @service.method("FindOrder", idempotent=True)
        async def find_order(request: Payload, context: CallContext) -> Payload:
            return Payload("order", request.value + b" at " + context.collector_id.encode())

        return [service]

    async def buy(self, sim: Sim, place: Collector | MeshClient, number: int) -> None:
        """Create orders until the time is over, one after the other."""
        count = 0
        while sim.now < SECONDS:
            count += 1
            order = b"%-20d" % (number * 1_000_000 + count)
            request = order + b"x" * (LARGE_BYTES if random.random() < 0.05 else 10)
            reply = await place.dispatch(*CREATE, Payload("order", request), timeout=10.0)
            code = reply.status.code
            self.codes[code] += 1
            if code != 200:
                self.told[reply.executed.value] += 1
            assert code != 200 or reply.payload.value.startswith(request), "the answer to another order"
            assert self.done[order] <= 1, f"an order was carried out {self.done[order]} times"
            was_done = self.done[order] == 1
            assert code != 200 or was_done, "an order that nobody has carried out was confirmed"
            assert reply.executed.value != "no" or not was_done, (
                "an order that was carried out counts as not run"
            )
            await sim.sleep(random.uniform(0.0, 0.05))


async def under_load(sim: Sim, settings: Settings) -> Books:
    """Lose links while customers buy at fronts, behind a hub, and as clients; gives what has come of it."""
    books = Books()
    for name in SHOPS:
        sim.collector(name, services=books.shop, settings=settings)
    sim.collector("hub", namespaces=[NAMESPACE], peers=SHOPS, settings=settings)
    fronts = [
        sim.collector("front-1", namespaces=[NAMESPACE], peers=SHOPS, settings=settings),
        sim.collector("front-2", namespaces=[NAMESPACE], peers=["hub"], settings=settings),
    ]
    await sim.settled()
    sim.network.latency("*", "*", median=0.005, p99=0.05)
    pairs = [(one, shop) for one in ("front-1", "hub") for shop in SHOPS]
    pairs += [("front-2", "hub"), ("client-1", "front-1"), ("client-2", "shop-1")]
    async with (
        sim.client("client-1", "front-1", settings=settings) as one,
        sim.client("client-2", "shop-1", settings=settings) as other,
    ):
        places: list[Collector | MeshClient] = [*fronts, one, other]
        buying = [asyncio.create_task(books.buy(sim, places[n % 4], n)) for n in range(12)]
        while sim.now < SECONDS:
            await sim.sleep(random.uniform(0.05, 0.4))
            sim.network.reset(*random.choice(pairs))
        for task in buying:
            await task
    await all_is_well(sim, fronts)
    return books


async def scenario(sim: Sim) -> None:
    """No order is carried out twice, and hardly any customer hears that nobody knows what became of it."""
    books = await under_load(sim, Settings(relay=True))
    total, unknown = books.codes.total(), books.codes[502]
    assert books.codes[200] >= 0.95 * total, f"too many have failed: {books.codes}, run: {books.told}"
    assert unknown <= 0.01 * total, f"of too many nobody knows what became of them: {books.codes}"
