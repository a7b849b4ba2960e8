"""Serve on a collector beside a bare grpc.aio server with the same messages; server processes of their own."""

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, at_least, compare
from benchmarks.rates import rates
from benchmarks.sides import bare_unary, unary_to_collector


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce("Serve over gRPC", in_flight=IN_FLIGHT, size=len(PAYLOAD))
    ours, bare = await rates(unary_to_collector, bare_unary, conditions)
    compare("calls", ("collector", "bare grpc.aio server"), ours, bare, at_least(0.85))
