"""Scenarios that the tests of the simulation run: `python -m tests.simulation.shop SEED ...` prints their digests."""

import asyncio
import sys

from collector_mesh import CallContext, Collector, Payload, Service
from collector_mesh.simulation import Sim, Simulation

METHOD = ("orders", "OrderService", "CreateOrder")


def orders(seconds: float = 0.01) -> Service:
    service = Service("orders", "OrderService")

    @service.method("CreateOrder", idempotent=True)
    async def create_order(_request: Payload, context: CallContext) -> Payload:
        await asyncio.sleep(seconds)
        return Payload("id", context.collector_id.encode())

    return service


async def pair(sim: Sim, service: Service | None = None) -> Collector:
    """A front, connected to a shop."""
    sim.collector("shop", services=[service or orders()])
    front = sim.collector("front", namespaces=["orders"], peers=["shop"])
    await sim.settled()
    return front


def state(front: Collector) -> str:
    """How its only link is."""
    return front.snapshot().connections[0].state


async def rough_day(sim: Sim, *, customers: int = 5, pause: float = 0.1) -> list[int]:
    """Latency, loss, a partition, a crash, a restart, a pause, and calls all the time."""
    sim.collector("shop-1", services=[orders()])
    sim.collector("shop-2", services=[orders()])
    front = sim.collector("front", namespaces=["orders"], peers=["shop-1", "shop-2"])
    await sim.settled()
    sim.network.latency("front", "*", median=0.020, p99=0.080)
    sim.network.loss("front", "shop-2", 0.05)
    codes: list[int] = []

    async def customer() -> None:
        while sim.now < 70:
            reply = await front.dispatch(*METHOD, timeout=2.0)
            codes.append(reply.status.code)
            await sim.sleep(pause)

    tasks = [asyncio.create_task(customer()) for _ in range(customers)]
    await sim.sleep(5)
    sim.network.partition({"shop-1"}, {"front", "shop-2"})
    await sim.sleep(20)
    sim.network.heal()
    await sim.crash("shop-2")
    await sim.sleep(5)
    await sim.restart("shop-2")
    sim.pause("shop-1")
    await sim.sleep(5)
    sim.resume("shop-1")
    sim.clock_skew("shop-1", 2.0)
    sim.clock_rate("shop-2", 1.01)
    for task in tasks:
        await task
    return codes


async def quiet_day(sim: Sim) -> list[int]:
    """The same with one customer, who comes seldom."""
    return await rough_day(sim, customers=1, pause=0.5)


async def crowded_day(sim: Sim) -> list[str]:
    """Handlers that keep tasks and futures in sets, as asyncio itself does, and tell in what order they end."""
    service, told = Service("crowds", "Crowds"), list[str]()

    async def member(number: int, seconds: float) -> int:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            told.append(f"cancelled {number}")
            raise
        return number

    @service.method("Gather", idempotent=True)
    async def gather() -> None:
        tasks = [asyncio.create_task(member(number, 0.01 * number)) for number in range(8)]
        for first in asyncio.as_completed([member(number, 0.0) for number in range(8)]):
            told.append(f"completed {await first}")
        done, pending = await asyncio.wait(tasks, timeout=0.045)
        told.extend(str(task.result()) for task in done)
        told.extend(task.get_name() for task in pending if task.cancel())
        await asyncio.wait(pending)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(8):
                    group.create_task(member(number, 1.0))
                await asyncio.sleep(0.1)
                raise LookupError  # the group cancels its tasks then
        except* LookupError:
            told.append(",".join(task.get_name() for task in asyncio.all_tasks()))

    sim.collector("shop", services=[service])
    front = sim.collector("front", namespaces={"crowds", "b", "c", "d"}, peers={"shop", "e", "f", "g"})
    for name in "efg":
        sim.collector(name)
    await sim.settled()
    reply = await front.dispatch("crowds", "Crowds", "Gather", Payload("text", b""))
    assert reply.status.code == 200, reply.status
    return told


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:]):
        crowd = Simulation(seed).run(crowded_day, until=60.0)
        digest = Simulation(seed).run(quiet_day, until=200.0).digest
        sys.stdout.write(f"{seed} {digest} {crowd.digest} {crowd.value}\n")
