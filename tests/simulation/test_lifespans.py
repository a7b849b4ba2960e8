"""Lifespans of services in a simulation: opened at each start, closed by a stop, and not by a crash."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh import Reply, Service, Settings, method
from collector_mesh.simulation import InvariantError, Sim, Simulation


class Told:
    """What a lifespan does, in that order."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def service(self) -> Service:
        @contextlib.asynccontextmanager
        async def life() -> AsyncIterator[int]:
            number = len(self.words)
            self.words.append("opened")
            yield number
            self.words.append("closed")

        service = Service("n", "S", lifespan=life)

        @service.method
        async def state(context) -> StringValue:  # type: ignore[no-untyped-def]  # noqa: ANN001
            return StringValue(value=str(context.state))

        return service


def value(reply: Reply) -> str:
    return reply.unpack(StringValue).value


@pytest.mark.parametrize("seed", range(3))
def test_each_start_opens_anew_and_a_crash_closes_nothing(seed: int) -> None:
    told = Told()

    async def scenario(sim: Sim) -> list[str]:
        sim.collector("shop", services=[told.service()])
        front = sim.collector("front", namespaces=["n"], peers=["shop"])
        await sim.settled()
        states = [value(await front.dispatch("n", "S", "state"))]
        await sim.crash("shop")
        await sim.restart("shop")
        await sim.settled()
        states.append(value(await front.dispatch("n", "S", "state")))
        await sim.stop("shop")
        await sim.restart("shop", fresh=True)
        await sim.settled()
        states.append(value(await front.dispatch("n", "S", "state")))
        return [*states, *told.words]

    ended = Simulation(seed).run(scenario, until=60.0).value

    assert ended == ["0", "1", "3", "opened", "opened", "closed", "opened"]
    assert told.words == ["opened", "opened", "closed", "opened", "closed"]


def test_a_service_with_a_lifespan_is_added_and_removed_while_a_collector_runs() -> None:
    told = Told()

    async def scenario(sim: Sim) -> tuple[str, int]:
        shop = sim.collector("shop")
        front = sim.collector("front", namespaces=["n"], peers=["shop"])
        await sim.settled()
        service = told.service()
        await shop.add_service(service)
        await sim.settled()
        found = value(await front.dispatch("n", "S", "state"))
        shop.remove_service(service)
        await sim.settled()
        return found, (await front.dispatch("n", "S", "state")).status.code

    assert Simulation(1).run(scenario, until=60.0).value == ("0", 404)
    assert told.words == ["opened", "closed"]


def test_a_lifespan_that_does_not_open_in_virtual_time_keeps_its_collector_from_starting() -> None:
    @contextlib.asynccontextmanager
    async def life() -> AsyncIterator[None]:
        await asyncio.sleep(1000)
        yield

    async def scenario(sim: Sim) -> None:
        settings = Settings(lifespan_open_timeout=30.0)
        sim.collector("shop", services=[Service("n", "S", lifespan=life)], settings=settings)
        await sim.sleep(40)

    with pytest.raises(InvariantError, match="lifespan of n/S has not opened within 30 s"):
        Simulation(1).run(scenario, until=600.0)


def test_a_run_that_ends_while_a_lifespan_is_opening_closes_it() -> None:
    words: list[str] = []

    @contextlib.asynccontextmanager
    async def life() -> AsyncIterator[None]:
        await asyncio.sleep(1.0)
        words.append("opened")
        yield
        words.append("closed")

    async def scenario(sim: Sim) -> None:
        sim.collector("shop", services=[Service("n", "S", lifespan=life)])

    Simulation(1).run(scenario, until=60.0)

    assert words == ["opened", "closed"]


class Counter:
    namespace, service = "n", "Counter"

    def __init__(self) -> None:
        self.count = 0

    @method
    async def up(self) -> StringValue:
        self.count += 1
        return StringValue(value=str(self.count))


def test_a_class_is_instantiated_once_and_anew_for_a_fresh_start() -> None:
    async def scenario(sim: Sim) -> list[str]:
        shop = sim.collector("shop", services=[Counter])
        await sim.settled()
        counts = [value(await shop.dispatch("n", "Counter", "up"))]
        for fresh in (False, True):
            await sim.stop("shop")
            shop = await sim.restart("shop", fresh=fresh)
            await sim.settled()
            counts.append(value(await shop.dispatch("n", "Counter", "up")))
        return counts

    assert Simulation(1).run(scenario, until=60.0).value == ["1", "2", "1"]


def test_a_plain_handler_that_gives_a_coroutine_runs_to_its_end() -> None:
    service = Service("n", "S")

    async def later() -> StringValue:
        return StringValue(value="later")

    service.add("Later", lambda: later())  # noqa: PLW0108  # it is a plain one that is meant

    async def scenario(sim: Sim) -> str:
        shop = sim.collector("shop", services=[service])
        await sim.settled()
        return value(await shop.dispatch("n", "S", "Later"))

    assert Simulation(1).run(scenario, until=60.0).value == "later"
