"""Handlers that call others in a simulation: async and plain ones, on virtual time, through crashes and restarts."""

import asyncio
import random
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import CallContext, Payload, Service, Settings
from collector_mesh.app.simulation.simulation import Scenario
from collector_mesh.simulation import Sim, Simulation, SimulationError

SHOP, STOCK = ("shop", "Shop"), ("stock", "Stock")


def shop() -> Service:
    """Orders, that are placed by asking for stock."""
    service = Service(*SHOP)

    @service.method("Order")
    async def order(request: Payload, context: CallContext) -> Payload:
        return await context.call(*STOCK, "Reserve", request)

    @service.method("PlainOrder")
    def plain_order(request: Payload, context: CallContext) -> Payload:
        began = time.monotonic()
        given = context.blocking.call(*STOCK, "Reserve", request)
        took = time.monotonic() - began
        told = f"{given.value.decode()} {took:.3f} {datetime.now(UTC):%Y-%m-%d} {random.random():.6f}"
        return Payload("text", told.encode())

    @service.method("Both")
    def both(request: Payload, context: CallContext) -> Payload:
        first = context.blocking.call(*STOCK, "Reserve", request).value
        return Payload("text", first + context.blocking.call(*SHOP, "PlainOrder", request).value)

    return service


def stock(seconds: float = 0.5, marks: list[str] | None = None) -> Service:
    service = Service(*STOCK)

    @service.method("Reserve")
    async def reserve(_request: Payload, context: CallContext) -> Payload:
        if marks is not None:
            marks.append("reserved")
        await asyncio.sleep(seconds)
        return Payload("text", f"by {context.collector_id} for {context.caller}".encode())

    return service


async def mesh(sim: Sim, seconds: float = 0.5) -> None:
    sim.collector("stock", services=lambda: [stock(seconds)])
    sim.collector("shop", services=lambda: [shop()], namespaces=["stock"], peers=["stock"])
    sim.collector("front", namespaces=["shop"], peers=["shop"])
    await sim.settled()


async def busy(sim: Sim) -> list[str]:
    """Many handlers that wait at once, on a network that is slow and loses things, with a crash and a restart."""
    await mesh(sim)
    sim.network.latency("*", "*", median=0.01, p99=0.1)
    front = sim._fleet.find("front")
    methods = ("Order", "PlainOrder", "Both")
    calls = [
        asyncio.create_task(front.dispatch(*SHOP, methods[n % 3], Payload("text", b"x"), timeout=5.0))
        for n in range(60)
    ]
    await sim.sleep(0.7)
    await sim.crash("shop")
    await sim.restart("shop", fresh=True)
    await sim.sleep(2.0)
    calls += [
        asyncio.create_task(front.dispatch(*SHOP, methods[n % 3], Payload("text", b"x"), timeout=5.0))
        for n in range(60)
    ]
    return [f"{reply.status.code} {reply.payload.value.decode()}" for reply in await asyncio.gather(*calls)]


def run(scenario: Scenario, *, seed: int) -> Any:
    """What a scenario gives."""
    return Simulation(seed=seed).run(scenario, until=60.0).value


def simulated_threads() -> int:
    return sum(thread.name == "collector-mesh-simulated" for thread in threading.enumerate())


def test_handlers_call_others_on_virtual_time_after_a_restart_too() -> None:
    async def scenario(sim: Sim) -> list[str]:
        await mesh(sim)
        front, given = sim._fleet.find("front"), []
        for _ in range(2):
            for method in ("Order", "PlainOrder", "Both"):
                reply = await front.call(*SHOP, method, Payload("text", b"x"), timeout=5.0)
                given.append(reply.value.decode()[:29])
            await sim.crash("shop")
            await sim.restart("shop", fresh=True)
            await sim.settled()
        return given

    first = ["by stock for shop", "by stock for shop 0.502 2026-", "by stock for shopby stock for"]
    given = run(scenario, seed=3)
    assert [text[:17] for text in given] == [text[:17] for text in first * 2]
    # What the plain one has waited is virtual, and so is the date.
    assert given[1].startswith("by stock for shop 0.50")
    assert given[1].endswith(" 2026-")


def test_the_same_seed_gives_the_same_run_also_where_plain_handlers_wait() -> None:
    first, again, other = (Simulation(seed=seed).run(busy, until=120.0) for seed in (5, 5, 6))
    told: Any = first.value

    assert told == again.value
    assert first.digest == again.digest
    assert first.digest != other.digest
    assert sum(text.startswith("200") for text in told) >= 60
    assert simulated_threads() == 0


def test_of_a_plain_handler_whose_host_has_crashed_nothing_goes_on_and_no_thread_is_left() -> None:
    marks: list[str] = []

    def services() -> list[Service]:
        service = Service(*SHOP)

        @service.method("Order")
        def order(context: CallContext) -> None:
            marks.append("began")
            try:
                context.blocking.dispatch(*STOCK, "Reserve", timeout=3.0)
                marks.append("went on")
            finally:
                marks.append("cleaned up")

        return [service]

    async def scenario(sim: Sim) -> tuple[int, list[str], int]:
        sim.collector("stock", services=[stock(1.0, marks)])
        sim.collector("shop", services=services, namespaces=["stock"], peers=["stock"])
        front = sim.collector("front", namespaces=["shop"], peers=["shop"])
        await sim.settled()
        call = asyncio.create_task(front.dispatch(*SHOP, "Order", timeout=5.0))
        await sim.sleep(0.5)
        await sim.crash("shop")
        lost = await call
        await sim.restart("shop", fresh=True)
        await sim.sleep(10)
        return lost.status.code, list(marks), simulated_threads()

    code, seen, threads = run(scenario, seed=4)

    assert (code, seen, threads) == (502, ["began", "reserved"], 1)
    # As with async handlers, what is left is cleared away when the run is over.
    assert marks == ["began", "reserved", "cleaned up"]
    assert simulated_threads() == 0


def test_a_host_that_is_paused_keeps_its_plain_handlers_waiting() -> None:
    async def scenario(sim: Sim) -> float:
        await mesh(sim)
        front = sim._fleet.find("front")
        call = asyncio.create_task(front.dispatch(*SHOP, "PlainOrder", timeout=20.0))
        await sim.sleep(0.2)
        sim.pause("shop")
        await sim.sleep(5.0)
        assert not call.done()
        sim.resume("shop")
        reply = await call
        assert reply.status.code == 200
        return float(reply.payload.value.split()[-3])

    assert run(scenario, seed=4) == pytest.approx(5.0, abs=0.3)


def test_threads_of_async_handlers_call_too_and_collectors_have_their_blocking_form() -> None:
    async def scenario(sim: Sim) -> list[bytes]:
        service = Service(*SHOP)

        @service.method("Thread")
        async def thread(request: Payload, context: CallContext) -> Payload:
            return await asyncio.to_thread(lambda: context.blocking.call(*STOCK, "Reserve", request))

        @service.method("Closes")
        def closes(request: Payload) -> Payload:
            return collector.blocking.call(*STOCK, "Reserve", request)

        sim.collector("stock", services=[stock()])
        collector = sim.collector("shop", services=[service], namespaces=["stock"], peers=["stock"])
        await sim.settled()
        return [
            (await collector.call(*SHOP, name, Payload("text", b"x"), timeout=2.0)).value
            for name in ("Thread", "Closes")
        ]

    assert run(scenario, seed=9) == [b"by stock for shop"] * 2


def test_plain_handlers_that_call_each_other_do_not_starve_in_a_simulation_either() -> None:
    async def scenario(sim: Sim) -> set[int]:
        service = Service(*SHOP)

        @service.method("Down")
        def down(request: Payload, context: CallContext) -> Payload:
            left = int(request.value)
            if left:
                context.blocking.call(*SHOP, "Down", Payload("text", str(left - 1).encode()))
            return request

        one = sim.collector("one", services=[service], settings=Settings(max_threads=2, max_waiting=0))
        await sim.settled()
        calls = (one.dispatch(*SHOP, "Down", Payload("text", b"5")) for _ in range(2))
        return {reply.status.code for reply in await asyncio.gather(*calls)}

    assert run(scenario, seed=1) == {200}


def test_code_that_does_not_let_itself_be_ended_is_left_where_it_stands() -> None:
    async def scenario(sim: Sim) -> None:
        service = Service(*SHOP)

        @service.method("Stubborn")
        def stubborn(context: CallContext) -> None:
            while True:
                with suppress(BaseException):  # what a handler is not to do
                    context.blocking.dispatch(*STOCK, "Reserve")

        sim.collector("stock", services=[stock()])
        collector = sim.collector("shop", services=[service], namespaces=["stock"], peers=["stock"])
        await sim.settled()
        call = asyncio.create_task(collector.dispatch(*SHOP, "Stubborn", timeout=5.0))
        await sim.sleep(1.0)
        await sim.crash("shop")
        await call

    before = simulated_threads()
    Simulation(seed=1).run(scenario, until=60.0)
    assert simulated_threads() - before <= 1


def test_what_a_handler_clears_away_in_a_thread_when_the_run_is_over_is_cleared_away() -> None:
    marks: list[str] = []

    async def scenario(sim: Sim) -> None:
        service = Service(*SHOP)

        @service.method("Waits")
        async def waits() -> None:
            loop = asyncio.get_running_loop()
            try:
                await asyncio.sleep(1e6)
            finally:
                await loop.run_in_executor(None, marks.append, "cleared away")

        collector = sim.collector("shop", services=[service])
        await sim.settled()
        call = asyncio.create_task(collector.dispatch(*SHOP, "Waits"))
        await sim.sleep(1.0)
        await sim.crash("shop")
        await call
        assert marks == []

    Simulation(seed=1).run(scenario, until=60.0)
    assert marks == ["cleared away"]


def test_a_lock_that_is_held_through_a_call_ends_the_run_with_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collector_mesh.adapters.simulated.threads._PATIENCE_SECONDS", 0.5)
    before = simulated_threads()

    async def scenario(sim: Sim) -> None:
        service, lock = Service(*SHOP), threading.Lock()

        @service.method("Locked")
        def locked(context: CallContext) -> None:
            with lock:
                context.blocking.dispatch(*STOCK, "Reserve")

        sim.collector("stock", services=[stock()])
        collector = sim.collector("shop", services=[service], namespaces=["stock"], peers=["stock"])
        await sim.settled()
        await asyncio.gather(*(collector.dispatch(*SHOP, "Locked") for _ in range(2)))

    with pytest.raises(
        SimulationError, match=r"seed 1: a plain function has run .* that one of them holds, as a lock"
    ):
        Simulation(seed=1).run(scenario, until=60.0)

    until = time.monotonic() + LIMIT_SECONDS
    while simulated_threads() > before and time.monotonic() < until:
        time.sleep(0.001)
    assert simulated_threads() == before


def test_a_plain_handler_has_no_event_loop_as_in_production() -> None:
    async def scenario(sim: Sim) -> list[bool]:
        found: list[bool] = []
        service = Service(*SHOP)

        @service.method("Look")
        def look() -> None:
            found.append(asyncio._get_running_loop() is None)

        one = sim.collector("one", services=[service])
        await sim.settled()
        await one.call(*SHOP, "Look")
        return found

    assert run(scenario, seed=1) == [True]
