"""How runs end, and what cannot be run."""

import asyncio
import contextlib
import gc
import math
from collections.abc import Callable

import pytest
from tests.simulation.shop import METHOD, orders, pair

from collector_mesh import Service
from collector_mesh.simulation import Sim, Simulation, SimulationError


def test_an_interrupt_in_a_handler_ends_the_run() -> None:
    async def scenario(sim: Sim) -> None:
        service = Service("orders", "OrderService")

        @service.method("CreateOrder")
        async def create_order() -> None:
            raise KeyboardInterrupt

        front = await pair(sim, service)
        while True:
            await front.dispatch(*METHOD)

    with pytest.raises(KeyboardInterrupt):
        Simulation(seed=3).run(scenario, until=600.0)


def test_a_scenario_that_does_not_end_in_time_fails_with_its_seed() -> None:
    async def scenario(sim: Sim) -> None:
        await sim.sleep(1000)

    with pytest.raises(SimulationError, match="seed 10: the scenario is still running after 5 s"):
        Simulation(seed=10).run(scenario, until=5.0)


def test_a_scenario_that_raises_fails_with_what_it_raises() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        raise LookupError("planted")

    with pytest.raises(LookupError, match="planted"):
        Simulation(seed=11).run(scenario, until=5.0)


def test_a_scenario_that_raises_before_its_collectors_have_begun_leaves_nothing_behind() -> None:
    async def scenario(sim: Sim) -> None:
        sim.collector("shop", services=[orders()])
        raise LookupError("planted")

    # What was never awaited would warn, and warnings are errors.
    with pytest.raises(LookupError, match="planted"):
        Simulation(seed=11).run(scenario, until=5.0)
    gc.collect()


def test_what_is_cleared_away_may_begin_something_on_its_way_out() -> None:
    async def more() -> None:
        """Never comes to run."""

    async def scenario(sim: Sim) -> None:
        loop = asyncio.get_running_loop()

        async def last() -> None:
            try:
                await sim.sleep(1000)
            finally:
                loop.create_task(more())  # noqa: RUF006  # nobody is to hold it

        task = loop.create_task(last())
        await sim.sleep(1)
        assert task.done(), "planted"

    with pytest.raises(AssertionError, match="planted"):
        Simulation(seed=11).run(scenario, until=5.0)
    gc.collect()


def test_a_scenario_that_fails_while_somebody_is_dialed_comes_to_its_end() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        sim.network.clog("front", "shop")
        await sim.sleep(19.0)
        raise LookupError("planted")

    with pytest.raises(LookupError, match="planted"):
        Simulation(seed=11).run(scenario, until=60.0)


def test_mistakes_are_named() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        with pytest.raises(ValueError, match="there is a collector 'shop' already"):
            sim.collector("shop")
        with pytest.raises(ValueError, match="there is no collector 'shp': there are shop, front"):
            sim.pause("shp")
        with pytest.raises(ValueError, match="collector 'shop' is running: crash it first"):
            await sim.restart("shop")
        with pytest.raises(ValueError, match=r"share must be from 0 to 0\.99, got 2"):
            sim.network.loss("front", "shop", 2)
        mistakes: list[Callable[[], object]] = [
            lambda: sim.network.partition({"shp"}, {"front"}),
            lambda: sim.network.clog("shp", "front"),
            lambda: sim.network.unclog("shp", "front"),
            lambda: sim.network.cut("front", "shp"),
            lambda: sim.network.latency("shp", "*", median=0.1, p99=0.2),
        ]
        for mistake in mistakes:
            with pytest.raises(ValueError, match="there is no collector 'shp': there are shop, front"):
                mistake()
        with pytest.raises(ValueError, match="collector 'shop' is in two groups"):
            sim.network.partition({"shop"}, {"front", "shop"})
        with pytest.raises(
            ValueError, match="median must be over 0 and at most p99, both finite, got 1 and inf"
        ):
            sim.network.latency("shop", "front", median=1, p99=math.inf)
        with pytest.raises(ValueError, match="factor must be over 0 and finite, got inf"):
            sim.clock_rate("shop", math.inf)
        await sim.crash("shop")
        with pytest.raises(ValueError, match="collector 'shop' is down already"):
            await sim.crash("shop")
        await sim.restart("shop")
        with pytest.raises(ValueError, match=r"rate must be over 0 and finite, got 0"):
            sim.chaos(rate=0)
        with pytest.raises(ValueError, match=r"seconds must be at least 0 and finite, got -1"):
            sim.slow("shop", -1)

    Simulation(seed=13).run(scenario, until=60.0)


@pytest.mark.parametrize(
    ("run", "error", "said"),
    [
        (lambda: Simulation(1).run(pair, until=0), ValueError, "until must be over 0 and finite, got 0"),
        (lambda: Simulation("1"), TypeError, "seed must be a whole number, got '1'"),  # type: ignore[arg-type]  # a mistake
        (
            lambda: Simulation(1).run(lambda _sim: 3),  # type: ignore[arg-type,return-value]  # a mistake
            TypeError,
            "a scenario must be an async function, got <function",
        ),
    ],
)
def test_what_cannot_be_run_is_named(run: Callable[[], object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        run()


@pytest.mark.asyncio
async def test_a_simulation_in_another_loop_is_refused() -> None:
    with pytest.raises(SimulationError, match="run it outside of async functions"):
        Simulation(1).run(pair)


def test_a_scenario_that_cannot_be_cancelled_fails_in_time_all_the_same() -> None:
    async def scenario(sim: Sim) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await sim.sleep(1.0)

    with pytest.raises(SimulationError, match="seed 22: the scenario is still running after 5 s"):
        Simulation(seed=22).run(scenario, until=5.0)


def test_a_scenario_that_never_waits_for_time_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector_mesh.adapters.simulated import loop

    monkeypatch.setattr(loop, "_MOST_TURNS", 1000)

    async def scenario(sim: Sim) -> None:
        await sim.sleep(1.0)
        while True:
            await asyncio.sleep(0)

    with pytest.raises(SimulationError, match="time stands still at 1 s"):
        Simulation(seed=23).run(scenario, until=5.0)


@pytest.mark.seeds(5)
def test_news_is_not_under_way_anymore_once_it_has_settled(simulation: Simulation) -> None:
    async def scenario(sim: Sim) -> int:
        front = await pair(sim)
        sim.network.latency("*", "*", median=0.3, p99=0.8)
        await sim.settled()
        service = Service("orders", "Later")
        service.add("Do", later)
        sim.find("shop").add_service(service)
        await sim.settled()
        return (await front.dispatch("orders", "Later", "Do")).status.code

    async def later() -> None:
        """Nothing."""

    assert simulation.run(scenario, until=60.0).value == 200


def test_a_run_may_take_a_year() -> None:
    async def scenario(sim: Sim) -> float:
        for _ in range(365):
            await asyncio.sleep(86_400.1)
        return sim.now

    assert Simulation(seed=1).run(scenario, until=4e7).value == pytest.approx(365 * 86_400.1)
