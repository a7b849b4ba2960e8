"""Collectors that crash, start again, stand still, are slow."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from tests.simulation.shop import METHOD, orders, pair

from collector_mesh import Collector, Payload, Service
from collector_mesh.simulation import Sim, Simulation, SimulationError


def test_nothing_of_a_crashed_host_has_any_effect_anymore() -> None:
    marks: list[str] = []

    async def scenario(sim: Sim) -> tuple[int, int]:
        service = Service("orders", "OrderService")

        @service.method("CreateOrder")
        async def create_order() -> None:
            marks.append("began")
            try:
                await asyncio.sleep(1.0)
                marks.append("ended")
            finally:
                marks.append("cleaned up")

        front = await pair(sim, service)
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=5.0))
        await sim.sleep(0.5)
        await sim.crash("shop")
        lost = await call
        await sim.sleep(10)
        seen = list(marks)
        again = await front.dispatch(*METHOD, timeout=5.0)
        assert seen == ["began"]
        return lost.status.code, again.status.code

    assert Simulation(seed=4).run(scenario, until=60.0).value == (502, 503)


def test_what_a_crashed_host_has_begun_stands_still_whenever_garbage_is_collected() -> None:
    marks: list[str] = []

    async def scenario(sim: Sim) -> None:
        def services() -> list[Service]:
            service = Service("orders", "OrderService")

            @service.method("CreateOrder")
            async def create_order() -> None:
                try:
                    await asyncio.sleep(1.0)
                finally:
                    marks.append("cleaned up")

            return [service]

        sim.collector("shop", services=services)
        front = sim.collector("front", namespaces=["orders"], peers=["shop"])
        await sim.settled()
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=5.0))
        await sim.sleep(0.5)
        await sim.crash("shop")
        await sim.restart("shop", fresh=True)
        await call
        await sim.sleep(2.0)
        gc.collect()
        assert marks == []

    Simulation(seed=4).run(scenario, until=60.0)


def test_a_fresh_restart_has_new_services_and_another_one_the_same() -> None:
    def counting() -> list[Service]:
        service, count = Service("orders", "OrderService"), 0

        @service.method("CreateOrder")
        async def create_order() -> Payload:
            nonlocal count
            count += 1
            return Payload("count", b"%d" % count)

        return [service]

    async def scenario(sim: Sim) -> list[bytes]:
        sim.collector("shop", services=counting)
        front = sim.collector("front", namespaces=["orders"], peers=["shop"])
        counts = []
        for fresh in (None, False, True):
            if fresh is not None:
                await sim.crash("shop")
                await sim.restart("shop", fresh=fresh)
            await sim.settled()
            counts.append((await front.dispatch(*METHOD)).payload.value)
        return counts

    assert Simulation(seed=5).run(scenario, until=60.0).value == [b"1", b"2", b"1"]


def test_a_paused_host_stands_still_with_its_timers() -> None:
    async def scenario(sim: Sim) -> tuple[float, str]:
        front = await pair(sim, orders(seconds=1.0))
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=30.0))
        await sim.sleep(0.5)
        begin = sim.now
        sim.pause("shop")
        await sim.sleep(8)
        sim.resume("shop")
        reply = await call
        return sim.now - begin, reply.handled_by

    value: Any = Simulation(seed=6).run(scenario, until=60.0).value
    took, by = value

    assert by == "shop"
    assert 8.0 <= took < 8.2


def test_what_a_crashed_collector_is_asked_for_is_unavailable() -> None:
    async def scenario(sim: Sim) -> tuple[int, str]:
        front = await pair(sim)
        await sim.crash("front")
        reply = await front.dispatch(*METHOD)
        return reply.status.code, reply.status.message

    assert Simulation(seed=7).run(scenario, until=60.0).value == (503, "collector 'front' has crashed")


def test_a_collector_that_is_stopped_ends_what_it_has_begun() -> None:
    async def scenario(sim: Sim) -> tuple[int, int]:
        front = await pair(sim, orders(seconds=2.0))
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=5.0))
        await sim.sleep(0.5)
        await sim.stop("shop")
        first = (await call).status.code
        await sim.restart("shop")
        await sim.settled()
        return first, (await front.dispatch(*METHOD, timeout=5.0)).status.code

    assert Simulation(seed=15).run(scenario, until=60.0).value == (200, 200)


def test_a_slow_host_takes_longer_for_each_handler() -> None:
    async def scenario(sim: Sim) -> float:
        front = await pair(sim)
        sim.slow("shop", 1.0)
        begin = sim.now
        assert (await front.dispatch(*METHOD)).status.code == 200
        return sim.now - begin

    value: Any = Simulation(seed=16).run(scenario, until=60.0).value
    assert 1.0 < value < 1.1


OLD_METHODS: list[Callable[[Collector], Any]] = [
    lambda old: old.dispatch(*METHOD),
    lambda old: old.call(*METHOD),
    lambda old: old.connect("shop"),
    lambda old: old.disconnect("shop"),
    lambda old: old.snapshot(),
    lambda old: old.explain(*METHOD),
    lambda old: old.register(*METHOD, orders),
    lambda old: old.add_service(orders()),
    lambda old: old.remove_service(orders()),
    lambda old: old.add_namespace("goods"),
    lambda old: old.remove_namespace("orders"),
    lambda old: old.set_validator(None),
]


def test_the_object_of_an_earlier_start_raises_whatever_it_is_asked_for() -> None:
    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await sim.crash("front")
        again = await sim.restart("front")
        await sim.settled()
        for method in OLD_METHODS:
            with pytest.raises(
                SimulationError, match="collector 'front' was started again: use what restart has returned"
            ):
                await method(front)
        assert (await again.dispatch(*METHOD)).status.code == 200

    Simulation(seed=18).run(scenario, until=60.0)


def test_who_starts_or_ends_a_collector_by_hand_is_told_who_does_that() -> None:
    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        with pytest.raises(SimulationError, match="collector 'front' is started by its simulation"):
            async with front:
                raise AssertionError("it has been started")

    Simulation(seed=18).run(scenario, until=60.0)


def test_a_collector_may_crash_before_it_has_started() -> None:
    async def scenario(sim: Sim) -> int:
        front = await pair(sim)
        for _ in range(3):
            await sim.crash("shop")
            await sim.restart("shop")
        await sim.settled()
        return (await front.dispatch(*METHOD)).status.code

    assert Simulation(seed=1).run(scenario, until=60.0).value == 200


def test_a_collector_that_is_stopped_before_it_has_started_can_be_started_again() -> None:
    async def scenario(sim: Sim) -> int:
        sim.collector("shop", services=[orders()])
        await sim.stop("shop")
        with pytest.raises(ValueError, match="collector 'shop' is down already"):
            await sim.stop("shop")
        await sim.restart("shop")
        front = sim.collector("front", namespaces=["orders"], peers=["shop"])
        await sim.settled()
        return (await front.dispatch(*METHOD)).status.code

    assert Simulation(seed=1).run(scenario, until=60.0).value == 200


def test_a_collector_that_a_handler_has_started_outlives_that_handlers_host() -> None:
    async def scenario(sim: Sim) -> int:
        front = await pair(sim)
        service = Service("orders", "Admin")

        @service.method("Restart")
        async def restart() -> None:
            await sim.crash("shop")
            await sim.restart("shop")
            await sim.crash("admin")

        sim.collector("admin", services=[service])
        await front.connect("admin")
        assert (await front.dispatch("orders", "Admin", "Restart")).status.code == 502
        await front.disconnect("admin")
        await sim.settled()
        return (await front.dispatch(*METHOD)).status.code

    assert Simulation(seed=1).run(scenario, until=60.0).value == 200


def test_services_may_be_made_by_a_generator() -> None:
    def services() -> Iterator[Service]:
        yield orders()

    async def scenario(sim: Sim) -> int:
        sim.collector("shop", services=services)
        front = sim.collector("front", namespaces=["orders"], peers=["shop"])
        for fresh in (True, False):
            await sim.settled()
            await sim.crash("shop")
            await sim.restart("shop", fresh=fresh)
        await sim.settled()
        return (await front.dispatch(*METHOD)).status.code

    assert Simulation(seed=1).run(scenario, until=60.0).value == 200


def test_a_generator_that_a_handler_leaves_gives_back_what_it_holds() -> None:
    async def scenario(sim: Sim) -> list[int]:
        service, one_at_a_time = Service("orders", "OrderService"), asyncio.Lock()

        async def rows() -> AsyncIterator[int]:
            async with one_at_a_time:
                for row in range(10):
                    yield row

        @service.method("CreateOrder")
        async def create_order() -> None:
            async for _ in rows():
                break

        front = await pair(sim, service)
        return [(await front.dispatch(*METHOD, timeout=1.0)).status.code for _ in range(3)]

    assert Simulation(seed=1).run(scenario, until=60.0).value == [200, 200, 200]


def test_whoever_waits_for_a_time_by_its_own_clock_gets_there() -> None:
    async def scenario(sim: Sim) -> int:
        sim.collector("shop", services=[orders()])
        turns = 0
        for rate in (1.0, 0.9, 1.0000001):
            sim.clock_rate("shop", rate)
            clock = sim.find("shop").container.clock()
            for part in range(1, 200):
                until = clock.now() + part / 7
                while clock.now() < until:
                    turns += 1
                    await clock.alarm().wait(until - clock.now())
        return turns

    turns = Simulation(seed=1).run(scenario, until=100_000.0).value

    assert isinstance(turns, int)
    assert turns <= 3 * 199 * 2


def test_an_impostor_says_the_id_of_somebody_else_and_need_not_be_reached() -> None:
    async def scenario(sim: Sim) -> tuple[str, list[str]]:
        front = await pair(sim)
        impostor = sim.collector("mallory", claims="shop", peers=["front"])
        await sim.sleep(1.0)
        await sim.crash("mallory")
        return impostor.collector_id, [peer.address for peer in front.snapshot().connections]

    assert Simulation(seed=1).run(scenario, until=60.0).value == ("shop", ["shop"])


def test_a_snapshot_says_nothing_of_the_process_that_the_simulation_runs_in() -> None:
    async def scenario(sim: Sim) -> int:
        collector = sim.collector("shop")
        await sim.settled()
        return collector.snapshot().resident_bytes

    assert Simulation(1).run(scenario).value == 0
