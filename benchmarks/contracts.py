"""A call by a contract over a link, beside the same bytes as generated messages of protobuf."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message_factory import GetMessageClass

from benchmarks.conditions import Conditions
from benchmarks.measure import ROUNDS, Figure, at_most, compare
from benchmarks.processes import running
from collector_mesh import Collector, Contract, Service, implements, method

NAMES = ("by a contract", "messages of protobuf")
MANY = 64


@dataclass
class Line:
    """One thing that is ordered."""

    sku: str
    count: int
    price: float


@dataclass
class Order:
    """What is sent."""

    customer: str
    street: str
    city: str
    currency: str
    total: float
    is_paid: bool
    created: datetime
    note: str | None = None
    lines: list[Line] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


@dataclass
class Receipt:
    """What is answered."""

    number: int
    total: float
    created: datetime


class Shop(Contract, namespace="bench", service="bench.Shop"):
    """What is called."""

    @method
    async def create_order(self, order: Order) -> Receipt:
        """Take an order."""
        raise NotImplementedError


@implements(Shop)
class MyShop:
    """Takes and gives values."""

    async def create_order(self, order: Order) -> Receipt:
        """See the contract."""
        return Receipt(len(order.lines), order.total, order.created)


CREATED = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
ORDER = Order(
    "c-8812",
    "12 St James's Square",
    "London",
    "GBP",
    129.5,
    is_paid=True,
    created=CREATED,
    lines=[Line("a-1", 2, 49.75), Line("b-7", 1, 30.0)],
    tags=["gift", "express"],
)


def by_messages(collector: Collector) -> tuple[Service, Any, type[Any]]:
    """The same with messages: a service for a collector that serves the contract, a request, and the class of results."""
    descriptor = collector.container.descriptors().find("bench", "bench.Shop")
    assert descriptor is not None
    described = descriptor.methods_by_name["create_order"]
    order: Any = GetMessageClass(described.input_type)
    receipt: Any = GetMessageClass(described.output_type)
    service = Service("bench", "bench.Messages")

    async def create_order(request: Any) -> Any:
        return receipt(number=len(request.lines), total=request.total, created=request.created)

    create_order.__annotations__ = {"request": order, "return": receipt}
    service.add("create_order", create_order)
    lines = [{"sku": line.sku, "count": line.count, "price": line.price} for line in ORDER.lines]
    message = order(
        customer=ORDER.customer,
        street=ORDER.street,
        city=ORDER.city,
        currency=ORDER.currency,
        total=ORDER.total,
        is_paid=ORDER.is_paid,
        created=ORDER.created,
        lines=lines,
        tags=ORDER.tags,
    )
    return service, message, receipt


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(running(conditions, "contract"))
        caller = await stack.enter_async_context(
            Collector("caller", listen="127.0.0.1:0", namespaces=["bench"])
        )
        await caller.connect(address)
        async with Collector("known", listen="127.0.0.1:0", services=[MyShop]) as known:
            _, message, result = by_messages(known)
        conditions.announce(
            "Contract: an order of 10 fields and its receipt, over a link",
            in_flight=f"1 and {MANY}",
            size=len(message.SerializeToString()),
        )
        shop = Shop.client(caller)

        async def by_contract() -> None:
            assert (await shop.create_order(ORDER)).number == len(ORDER.lines)

        async def by_message() -> None:
            receipt = await caller.call("bench", "bench.Messages", "create_order", message, returns=result)
            assert receipt.number == len(ORDER.lines)

        sides = (by_contract, by_message)
        await _in_turns(sides, conditions.seconds / 2, 1)
        rounds = [
            (
                *await _in_turns(sides, conditions.seconds, 1),
                *await _in_turns(sides, conditions.seconds, MANY),
            )
            for _ in range(ROUNDS)
        ]
    alone, bare_alone, many, bare_many = zip(*rounds, strict=True)
    compare("p50, 1 in flight", NAMES, Figure(alone, " us"), Figure(bare_alone, " us"), at_most(1.5))
    compare(
        f"time a call, {MANY} in flight", NAMES, Figure(many, " us"), Figure(bare_many, " us"), at_most(1.5)
    )


async def _in_turns(
    sides: Sequence[Callable[[], Awaitable[None]]], seconds: float, in_flight: int
) -> tuple[float, ...]:
    """Microseconds (p50) for each call of each side: they take turns, so that a slow moment of the machine hits all."""
    took: list[list[float]] = [[] for _ in sides]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for side, times in zip(sides, took, strict=True):
            began = time.perf_counter()
            await asyncio.gather(*(side() for _ in range(in_flight)))
            times.append((time.perf_counter() - began) / in_flight)
    return tuple(statistics.median(times) * 1e6 for times in took)
