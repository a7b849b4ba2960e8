"""A client with several addresses goes on at the next within a second, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.simulation.shop import METHOD, orders

from collector_mesh import Executed, MeshClient, Reply
from collector_mesh.simulation import Sim, Simulation

SEEDS = range(4)
Ends = Callable[[Sim, str], Awaitable[object]]


async def both(sim: Sim, *, seconds: float = 0.01) -> None:
    for name in ("a", "b"):
        sim.collector(name, services=[orders(seconds)])
    await sim.settled()


async def timed(sim: Sim, client: MeshClient, *, idempotent: bool | None = None) -> tuple[Reply, float]:
    began = sim.now
    return await client.dispatch(*METHOD, idempotent=idempotent), sim.now - began


def ran(scenario: Callable[[Sim], Awaitable[None]], seed: int) -> None:
    Simulation(seed=seed).run(scenario, until=600.0)


ENDS: dict[str, Ends] = {
    "crashes": lambda sim, name: sim.crash(name),
    "drains": lambda sim, name: sim.stop(name),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("how", ENDS)
def test_calls_after_a_collector_has_gone_are_answered_by_the_other_within_a_second(
    how: str, seed: int
) -> None:
    async def scenario(sim: Sim) -> None:
        await both(sim)
        async with sim.client("customer", "a,b") as client:
            before, _ = await timed(sim, client)
            await ENDS[how](sim, before.handled_by)
            for _ in range(3):
                after, took = await timed(sim, client, idempotent=True)

                assert (after.status.code, {before.handled_by, after.handled_by}) == (200, {"a", "b"})
                assert took <= 1.0

    ran(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_stays_where_it_is_when_the_first_one_is_back(seed: int) -> None:
    async def scenario(sim: Sim) -> None:
        await both(sim)
        async with sim.client("customer", "a,b") as client:
            first, _ = await timed(sim, client)
            await sim.crash(first.handled_by)
            second, _ = await timed(sim, client, idempotent=True)
            await sim.restart(first.handled_by)
            await sim.sleep(30.0)
            third, _ = await timed(sim, client)

        assert first.handled_by != second.handled_by == third.handled_by

    ran(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_that_is_silent_is_passed_over_within_a_second(seed: int) -> None:
    async def scenario(sim: Sim) -> None:
        await both(sim)
        for number in range(4):
            client = sim.client(f"customer-{number}", "a,b")
            sim.network.clog(f"customer-{number}", "a")
            async with client:
                reply, took = await timed(sim, client)

                assert (reply.status.code, reply.handled_by) == (200, "b")
                assert took <= 1.0
            sim.network.unclog(f"customer-{number}", "a")

    ran(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_that_falls_silent_later_is_left_once_it_is_suspect(seed: int) -> None:
    async def scenario(sim: Sim) -> None:
        await both(sim)
        async with sim.client("customer", "a,b") as client:
            before, _ = await timed(sim, client)
            sim.network.clog("customer", before.handled_by)
            await sim.sleep(12.0)
            after, took = await timed(sim, client)

            assert (after.status.code, {before.handled_by, after.handled_by}) == (200, {"a", "b"})
            assert took <= 1.0
            sim.network.unclog("customer", before.handled_by)

    ran(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("idempotent", [None, False, True])
def test_a_call_that_may_have_run_goes_on_only_where_it_may_run_twice(
    idempotent: bool | None, seed: int
) -> None:
    async def scenario(sim: Sim) -> None:
        await both(sim, seconds=1.0)
        async with sim.client("customer", "a,b") as client:
            before, _ = await timed(sim, client)
            waiting = asyncio.ensure_future(timed(sim, client, idempotent=idempotent))
            await sim.sleep(0.5)
            await sim.crash(before.handled_by)
            reply, _ = await waiting

            other = "b" if before.handled_by == "a" else "a"
            assert (reply.status.code, reply.executed, reply.handled_by) == (
                (200, Executed.YES, other) if idempotent else (502, Executed.MAYBE, "")
            )

    ran(scenario, seed)
