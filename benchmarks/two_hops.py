"""A call over two hops, three processes: all over links, or its first hop from a plain gRPC client."""

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, at_least, compare
from benchmarks.rates import rates
from benchmarks.sides import two_bare_hops, two_links, unary_then_link


async def main(conditions: Conditions) -> None:
    """Measure and print what MeshClient, collector and collector make of it."""
    conditions.announce(
        "Two hops: MeshClient to a collector to another collector", in_flight=IN_FLIGHT, size=len(PAYLOAD)
    )
    ours, bare = await rates(two_links, two_bare_hops, conditions)
    compare("calls", ("client, collector, collector", "two bare unary hops"), ours, bare, at_least(10))


async def forward(conditions: Conditions) -> None:
    """Measure and print what a collector makes of a plain client's Dispatch that another one serves."""
    conditions.announce(
        "Forward: unary Dispatch at a collector, served by another", in_flight=IN_FLIGHT, size=len(PAYLOAD)
    )
    ours, bare = await rates(unary_then_link, two_bare_hops, conditions)
    compare("calls", ("plain client, collector, collector", "naive unary forward"), ours, bare, at_least(1.2))
