"""Replicas that hang in their handlers are left, however little time callers give their calls."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import attrs
import pytest

from collector_mesh import MeshClient, Payload, Service
from collector_mesh.app.collector import Collector
from collector_mesh.simulation import Sim, Simulation

RATE = 50
"""Calls a second."""


@attrs.frozen(kw_only=True)
class Mesh:
    """What is called, by whom, and how long callers wait.

    Attributes:
        deadline: of each call, in seconds,
        patience: after which its caller goes, in seconds.
        takes: how long a replica that is well takes, in seconds.
        methods: how many there are, called one after the other.
        well: how many replicas are.
        hung: how many hang.
        is_idempotent: whether the methods may run twice.
        by_client: whether a program outside the mesh calls, through a hub.
    """

    deadline: float = 10.0
    patience: float = 30.0
    takes: float = 0.002
    methods: int = 1
    well: int = 1
    hung: int = 1
    is_idempotent: bool = False
    by_client: bool = False

    def services(self, takes: float) -> Callable[[], list[Service]]:
        """Those of a replica that takes so long."""

        async def answer(request: Payload) -> Payload:
            await asyncio.sleep(takes)
            return request

        service = Service("orders", "OrderService")
        for number in range(self.methods):
            service.add(f"Method{number}", answer, idempotent=self.is_idempotent)
        return lambda: [service]

    async def settled(self, sim: Sim) -> Collector:
        """Start it; gives the collector that calls go to."""
        replicas = [f"well-{number}" for number in range(self.well)]
        for replica in replicas:
            sim.collector(replica, services=self.services(self.takes))
        for number in range(self.hung):
            replicas.append(f"hung-{number}")
            sim.collector(replicas[-1], services=self.services(60.0))
        front = sim.collector("front", namespaces=["orders"], peers=replicas)
        await sim.settled()
        return front

    async def successes(self, sim: Sim, caller: Collector | MeshClient, seconds: int) -> list[int]:
        """Call so many times a second, and count what succeeds of the calls that begin in each second."""
        counts = [0] * seconds
        begin = sim.now

        async def call(number: int) -> None:
            reply = asyncio.create_task(
                caller.dispatch(
                    "orders", "OrderService", f"Method{number % self.methods}", timeout=self.deadline
                )
            )
            done, _ = await asyncio.wait([reply], timeout=self.patience)
            reply.cancel()
            counts[number // RATE] += any(task.result().status.code == 200 for task in done)

        calls = []
        for number in range(seconds * RATE):
            await sim.sleep(begin + number / RATE - sim.now)
            calls.append(asyncio.create_task(call(number)))
        await asyncio.gather(*calls)
        return counts


def counted(mesh: Mesh, seconds: int) -> Sequence[int]:
    """What succeeds in each second from the start."""

    async def scenario(sim: Sim) -> list[int]:
        front = await mesh.settled(sim)
        async with sim.client("customer", "front") as client:
            return await mesh.successes(sim, client if mesh.by_client else front, seconds)

    return cast("list[int]", Simulation(seed=1).run(scenario, until=120.0).value)


@pytest.mark.parametrize(
    "mesh",
    [
        Mesh(deadline=0.03),
        Mesh(deadline=0.05),
        Mesh(deadline=0.05, takes=0.02),
        Mesh(deadline=0.05, is_idempotent=True),
        Mesh(deadline=0.05, by_client=True),
        Mesh(deadline=0.05, hung=2),
        Mesh(patience=0.06),
        Mesh(patience=0.06, by_client=True),
    ],
    ids=str,
)
def test_from_the_third_second_on_nearly_all_calls_of_callers_in_a_hurry_succeed(mesh: Mesh) -> None:
    counts = counted(mesh, 6)

    assert min(counts[2:]) >= 47


def test_from_the_sixth_second_on_nearly_all_calls_of_callers_that_wait_for_a_second_succeed() -> None:
    counts = counted(Mesh(patience=1.0), 9)

    assert min(counts[5:]) >= 47


@pytest.mark.parametrize(
    "hurry", [Mesh(deadline=0.05, methods=1000), Mesh(patience=0.06, methods=1000)], ids=str
)
def test_methods_of_which_nobody_knows_how_long_they_take_do_not_bring_a_hung_replica_back(
    hurry: Mesh,
) -> None:
    async def scenario(sim: Sim) -> tuple[list[bool], list[int]]:
        front = await hurry.settled(sim)
        # At once, so that enough calls of one method fail for the breaker.
        await asyncio.gather(
            *(front.dispatch("orders", "OrderService", "Method0", timeout=1.0) for _ in range(50))
        )
        standings = [peer.standings[0] for peer in front.snapshot().connections]
        return [standing.breaker != "closed" for standing in standings], await hurry.successes(sim, front, 6)

    value = Simulation(seed=1).run(scenario, until=120.0).value
    is_out, counts = cast("tuple[list[bool], list[int]]", value)

    assert is_out == [True, False]
    assert min(counts) >= 47


@pytest.mark.parametrize("by_client", [False, True])
def test_a_slow_method_beside_fast_ones_runs_once_on_one_of_three_replicas_that_are_well(
    by_client: bool,
) -> None:
    runs: list[str] = []

    def services(replica: str) -> list[Service]:
        service = Service("orders", "OrderService")

        @service.method("Fast", idempotent=True)
        async def fast(request: Payload) -> Payload:
            await asyncio.sleep(0.002)
            return request

        @service.method("Report", idempotent=True)
        async def report(request: Payload) -> Payload:
            runs.append(replica)
            await asyncio.sleep(0.4)
            return request

        return [service]

    async def scenario(sim: Sim) -> list[int]:
        for replica in "abc":
            sim.collector(replica, services=services(replica))
        front = sim.collector("front", namespaces=["orders"], peers=list("abc"))
        await sim.settled()
        async with sim.client("customer", "front") as client:
            caller = client if by_client else front
            until = sim.now + 6.0

            async def fast() -> None:
                while sim.now < until:
                    await caller.dispatch("orders", "OrderService", "Fast")
                    await sim.sleep(0.02)

            load = [asyncio.create_task(fast()) for _ in range(3)]
            await sim.sleep(2.0)
            replies = [
                await caller.dispatch("orders", "OrderService", "Report", timeout=10.0) for _ in range(10)
            ]
            await asyncio.gather(*load)
        return [reply.status.code for reply in replies]

    codes = Simulation(seed=1).run(scenario, until=120.0).value

    assert codes == [200] * 10
    assert len(runs) == 10
