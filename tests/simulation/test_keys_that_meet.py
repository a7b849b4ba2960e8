"""Calls with one idempotency key that meet on their way, or whose handler is ended."""

import asyncio
from collections import Counter
from math import inf

import pytest

from collector_mesh import CallContext, Executed, Payload, Service, Settings
from collector_mesh.domain.model.events import AttemptFailed, Event
from collector_mesh.domain.peers import linked
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.simulation import SharedKeys, Sim, Simulation

PAY = ("payments", "PaymentService", "Pay")
WAIT = ("payments", "PaymentService", "Wait")
REQUEST = Payload("order", b"7")


class Books:
    """What was paid, and where; payments wait until `may_end`."""

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.waited = 0
        self.may_end = asyncio.Event()

    def services(self) -> list[Service]:
        """Those of each collector that takes payments."""
        service = Service("payments", "PaymentService")

        @service.method("Pay")
        async def pay(request: Payload, context: CallContext) -> Payload:
            self.paid.append(context.collector_id)
            await asyncio.sleep(1.0)
            return request

        @service.method("Wait")
        async def wait(request: Payload) -> Payload:
            self.waited += 1
            await self.may_end.wait()
            return request

        return [service]


def test_a_call_that_pauses_does_not_go_elsewhere_when_another_one_with_its_key_has_gone_meanwhile() -> None:
    async def scenario(sim: Sim) -> None:
        books, refused = Books(), Counter[str]()
        shops = [f"shop-{n}" for n in range(5)]
        second = asyncio.Event()

        class Watch:
            def tell(self, event: Event) -> None:
                if isinstance(event, AttemptFailed):
                    refused[event.key.method] += 1
                    if refused["Pay"] == 4:
                        # The first one pauses now before it is tried at the last of them.
                        books.may_end.set()
                        second.set()

        for shop in shops:
            sim.collector(shop, services=books.services, settings=Settings(max_running=1))
        front = sim.collector(
            "front", namespaces=["payments"], peers=shops, observer=Watch(), settings=Settings(max_attempts=5)
        )
        await sim.settled()
        busy = [asyncio.create_task(front.dispatch(*WAIT, target=shop)) for shop in shops]
        await sim.sleep(0.5)
        first = asyncio.create_task(front.dispatch(*PAY, REQUEST, key="7"))
        await second.wait()
        # Until those that have refused it are asked again.
        await sim.sleep(0.12)
        other = await front.dispatch(*PAY, REQUEST, key="7")
        await asyncio.wait([*busy, first])
        assert other.status.code == 200
        assert len(books.paid) == 1

    for seed in range(4):
        Simulation(seed).run(scenario, until=60.0)


def test_a_call_that_may_have_run_where_no_store_is_told_of_runs_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As what collectors of an earlier version tell.
    monkeypatch.setattr(
        linked, "Connection", lambda *about, **others: Connection(*about, **{**others, "key_store": ""})
    )

    async def scenario(sim: Sim) -> None:
        books = Books()
        for shop in ("shop-1", "shop-2"):
            sim.collector(shop, services=books.services)
        front = sim.collector("front", namespaces=["payments"], peers=["shop-1", "shop-2"])
        await sim.settled()
        late = await front.dispatch(*PAY, REQUEST, timeout=0.5, key="7")
        assert late.status.code == 504
        await sim.crash(books.paid[0])
        await sim.sleep(30.0)
        again = await front.dispatch(*PAY, REQUEST, key="7")
        assert again.status.code == 502
        assert len(books.paid) == 1

    Simulation(1).run(scenario, until=120.0)


def test_a_call_without_a_deadline_that_was_ended_is_told_as_unknown_and_not_run_again() -> None:
    async def scenario(sim: Sim) -> None:
        books = Books()
        shop = sim.collector("shop", services=books.services, settings=Settings(key_seconds=2.0))
        await sim.settled()
        left = asyncio.create_task(shop.dispatch(*WAIT, REQUEST, timeout=inf, key="7"))
        await sim.sleep(1.0)
        left.cancel()
        await asyncio.wait([left])
        await sim.sleep(2.5)
        again = await shop.dispatch(*WAIT, REQUEST, timeout=1.0, key="7")
        assert (again.status.code, books.waited) == (502, 1)
        await sim.sleep(2.5)
        books.may_end.set()
        # Its time is up, and the key is free.
        anew = await shop.dispatch(*WAIT, REQUEST, timeout=1.0, key="7")
        assert (anew.status.code, books.waited) == (200, 2)

    Simulation(1).run(scenario, until=60.0)


def test_a_call_for_a_collector_that_has_ended_is_told_of_that_when_another_one_with_its_key_may_have_run() -> (
    None
):
    async def scenario(sim: Sim) -> None:
        books, keys = Books(), SharedKeys(sim)
        for shop in ("shop-1", "shop-2"):
            sim.collector(shop, services=books.services, keys=keys)
        front = sim.collector("front", namespaces=["payments"], peers=["shop-1", "shop-2"])
        await sim.settled()
        await sim.stop("shop-1")
        # It waits for its collector. Meanwhile another one takes the key elsewhere.
        first = asyncio.create_task(front.dispatch(*WAIT, REQUEST, target="shop-1", timeout=2.0, key="7"))
        await sim.sleep(0.1)
        other = await front.dispatch(*WAIT, REQUEST, timeout=0.5, key="7")
        assert other.status.code == 504
        told = await first
        assert (told.status.code, told.executed) == (503, Executed.NO)
        assert books.waited == 1

    Simulation(1).run(scenario, until=60.0)
