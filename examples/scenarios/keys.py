"""Orders with idempotency keys under chaos: those with an unknown outcome are sent again, by anybody, and none is placed twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

from collector_mesh import Collector, MeshClient, Payload, Reply, Service, Settings
from collector_mesh.simulation import SharedKeys, Sim

NAMESPACE = "orders"
PLACE = (NAMESPACE, "OrderService", "PlaceOrder")
SHOPS = ["shop-1", "shop-2", "shop-3"]
SECONDS, BUYERS, CALLS = 3.0, 8, 60
"""How long and how many buy, and the calls that they make at least."""

MANY = 12.0, 24, 500
"""The same of `many`."""


class Books:
    """What has been done, over all starts of all shops."""

    def __init__(self) -> None:
        self.placed: Counter[bytes] = Counter()
        self.told: dict[bytes, bytes] = {}
        self.codes: Counter[int] = Counter()

    def shop(self) -> list[Service]:
        """A shop, in which placing an order twice would be a mistake; some orders are refused after they were placed."""
        service = Service(NAMESPACE, "OrderService")

        @service.method("PlaceOrder")
        async def place_order(request: Payload) -> Payload:
            if random.random() < 0.5:
                await asyncio.sleep(random.uniform(0.0, 0.3))
            self.placed[request.value] += 1
            count = self.placed[request.value]
            await asyncio.sleep(random.choice((0.0, 0.01, 0.3, 3.0)))
            if request.value.endswith(b"7"):
                raise LookupError("no such tea")
            return Payload("order", b"%s, time %d" % (request.value, count))

        return [service]

    def take(self, order: bytes, reply: Reply) -> None:
        """Take down what a caller was told: all that hear of an order hear the same."""
        self.codes[reply.status.code] += 1
        assert self.placed[order] <= 1, f"{order!r} was placed {self.placed[order]} times"
        if reply.status.code == 200:
            told = self.told.setdefault(order, reply.payload.value)
            assert told == reply.payload.value, (
                f"{order!r} has two replies: {told!r}, {reply.payload.value!r}"
            )


async def scenario(sim: Sim) -> None:
    """Either the shops share a store that outlives them, and anything may crash; or each has its own, and links alone suffer."""
    await _run(sim, SECONDS, BUYERS, CALLS)


async def many(sim: Sim) -> None:
    """The same with more calls."""
    await _run(sim, *MANY)


async def _run(sim: Sim, seconds: float, buyers: int, calls: int) -> None:
    books = Books()
    is_shared = random.random() < 0.5
    keys = SharedKeys(sim) if is_shared else None
    for shop in SHOPS:
        sim.collector(
            shop, services=books.shop, keys=keys, settings=Settings(max_running=random.choice((4, 256)))
        )
    hubs = ["hub-1", "hub-2"] if is_shared else ["hub-1"]
    for hub in hubs:
        sim.collector(hub, namespaces=[NAMESPACE], peers=SHOPS, keys=keys, settings=Settings(relay=True))
    fronts = [sim.collector("front-1", namespaces=[NAMESPACE], peers=hubs[:1], keys=keys)]
    if is_shared:
        fronts.append(sim.collector("front-2", namespaces=[NAMESPACE], peers=[*SHOPS[:2], *hubs], keys=keys))
    async with AsyncExitStack() as opened:
        clients = [
            await opened.enter_async_context(sim.client(f"client-{n}", hubs[n % len(hubs)])) for n in range(3)
        ]
        await sim.settled()
        callers: list[Collector | MeshClient] = [*(sim.find(hub) for hub in hubs), *fronts, *clients]
        faults = None
        if is_shared:
            sim.chaos(rate=1.0)
        else:
            faults = asyncio.create_task(
                _trouble(sim, [*SHOPS, *hubs, "front-1", *(f"client-{n}" for n in range(3))])
            )
        tasks = [asyncio.create_task(_buy(sim, books, callers, n, seconds, calls)) for n in range(buyers)]
        for task in tasks:
            await task
        if faults is not None:
            faults.cancel()
            await asyncio.wait([faults])
        await sim.calm()
    twice = [order for order, count in books.placed.items() if count > 1]
    assert not twice, f"placed twice: {twice}"
    assert books.codes.total() >= calls, f"too few calls to say anything: {books.codes}"
    assert books.codes[200] > 0, f"nobody was served: {books.codes}"


async def _buy(
    sim: Sim, books: Books, callers: Sequence[Collector | MeshClient], number: int, seconds: float, calls: int
) -> None:
    """One who orders, and sends each order again, by anybody, until the outcome is known, and sometimes after that."""
    count = 0
    while sim.now < seconds or books.codes.total() < calls:
        count += 1
        order = b"order %d of %d" % (count, number)
        for _ in range(random.randint(2, 6)):
            tries = random.choice((1, 1, 1, 2))
            replies = await asyncio.gather(*(_send(sim, random.choice(callers), order) for _ in range(tries)))
            for reply in replies:
                if reply is not None:
                    books.take(order, reply)
            if any(reply is not None and reply.status.code in (200, 500) for reply in replies):
                if random.random() < 0.7:
                    break
            else:
                await sim.sleep(random.uniform(0.0, 0.5))


async def _send(sim: Sim, caller: Collector | MeshClient, order: bytes) -> Reply | None:
    """Send an order once; None where the caller gives up."""
    if isinstance(caller, Collector):
        caller = sim.find(caller.collector_id)  # it may have crashed and be another one by now
    call = asyncio.create_task(
        caller.dispatch(
            *PLACE,
            Payload("order", order),
            timeout=random.choice((0.1, 1.0, 5.0)),
            key=f"key of {order.decode()}",
        )
    )
    if random.random() < 0.1:
        await asyncio.wait([call], timeout=random.uniform(0.0, 0.3))
        if call.cancel():
            await asyncio.wait([call])
            return None
    return await call


async def _trouble(sim: Sim, hosts: Sequence[str]) -> None:
    """Links are reset and cut, and hosts stand still; nobody crashes."""
    while True:
        await sim.sleep(random.uniform(0.05, 0.4))
        one, other = random.sample(hosts, 2)
        what = random.randrange(4)
        if what < 2:
            sim.network.reset(one, other)
        elif what == 2:
            sim.network.cut(one, other)
            try:
                await sim.sleep(random.uniform(0.1, 4.0))
            finally:
                sim.network.mend(one, other)
        elif one.startswith(("shop", "hub")):
            sim.pause(one)
            try:
                await sim.sleep(random.uniform(0.1, 8.0))
            finally:
                sim.resume(one)
