"""The codecs of a contract alone: an order as bytes and back, beside a message of protobuf that is made and looked at by hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message_factory import GetMessageClass

from benchmarks.conditions import Conditions
from benchmarks.measure import ROUNDS, Figure, at_most, compare
from collector_mesh.app.contracts.types.described import described
from collector_mesh.app.contracts.types.interface import MethodTypes, Parameter, ServiceTypes

NAMES = ("by a contract", "by hand, with messages")
BATCH = 500


@dataclass
class Line:
    """One thing that is ordered."""

    sku: str
    count: int
    price: float


@dataclass
class Order:
    """What is written and read: 10 fields."""

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


ORDER = Order(
    "c-8812",
    "12 St James's Square",
    "London",
    "GBP",
    129.5,
    is_paid=True,
    created=datetime(2026, 11, 29, 10, 0, tzinfo=UTC),
    lines=[Line("a-1", 2, 49.75), Line("b-7", 1, 30.0)],
    tags=["gift", "express"],
)


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    method = MethodTypes("order", (Parameter("order", Order),))
    made = described(ServiceTypes("bench.Shop", (method,)))
    codec = made.codec("order")
    message: Any = GetMessageClass(made.service_descriptor.methods_by_name["order"].input_type)
    data = codec.write_request((ORDER,), {})
    assert codec.read_request(data) == (ORDER,) == (_read(message, data),)
    conditions.announce(
        "Codecs of contracts: an order of 10 fields, written and read", in_flight="1", size=len(data)
    )
    work: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "write": (lambda: codec.write_request((ORDER,), {}), lambda: _written(message, ORDER)),
        "read": (lambda: codec.read_request(data), lambda: _read(message, data)),
    }
    for what, (ours, yardstick) in work.items():
        # Many short rounds in turns, so that a slow moment of the machine hits both.
        rounds = [
            (_microseconds(ours, conditions.seconds / 16), _microseconds(yardstick, conditions.seconds / 16))
            for _ in range(2 * ROUNDS)
        ]
        mine, theirs = zip(*rounds, strict=True)
        compare(what, NAMES, Figure(mine, " us"), Figure(theirs, " us"), at_most(1.5))


def _written(message: Any, order: Order) -> bytes:
    made = message(
        customer=order.customer,
        street=order.street,
        city=order.city,
        currency=order.currency,
        total=order.total,
        is_paid=order.is_paid,
        created=order.created,
        note=order.note,
        lines=[{"sku": line.sku, "count": line.count, "price": line.price} for line in order.lines],
        tags=order.tags,
    )
    data: bytes = made.SerializeToString()
    return data


def _read(message: Any, data: bytes) -> Order:
    read = message.FromString(data)
    return Order(
        read.customer,
        read.street,
        read.city,
        read.currency,
        read.total,
        read.is_paid,
        read.created.ToDatetime(UTC),
        read.note if read.HasField("note") else None,
        [Line(line.sku, line.count, line.price) for line in read.lines],
        list(read.tags),
    )


def _microseconds(work: Callable[[], object], seconds: float) -> float:
    """What a piece of work takes of the processor, again and again."""
    done, begin = 0, time.process_time()
    while time.process_time() - begin < seconds:
        for _ in range(BATCH):
            work()
        done += BATCH
    return (time.process_time() - begin) * 1e6 / done
