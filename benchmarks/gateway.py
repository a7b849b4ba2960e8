"""The gateway with one hop beside a naive proxy: a plain client, the middle, and whoever runs the call, three processes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import grpc

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, ROUNDS, Figure, at_least, calls_per_second, compare
from benchmarks.processes import Server, started
from benchmarks.servers import LIMITS
from benchmarks.sides import METHOD, TIMEOUT, Call

_, _SERVICE, _METHOD = METHOD
_PATH = f"/{_SERVICE}/{_METHOD}"
_WARM_UP_SECONDS = 0.5


@attrs.frozen
class Middle:
    """A way through a server in the middle.

    Attributes:
        server: that server.
        call: makes a call through it.
    """

    server: Server
    call: Call


async def main(conditions: Conditions) -> None:
    """Measure and print: both in turn, in each round."""
    conditions.announce(
        "Gateway: any gRPC client to a collector, served by another", in_flight=IN_FLIGHT, size=len(PAYLOAD)
    )
    async with AsyncExitStack() as opened:
        ours = await opened.enter_async_context(_through(conditions, "collector", "hop"))
        naive = await opened.enter_async_context(_through(conditions, "bare-any", "bare-proxy"))
        for middle in (ours, naive):
            await calls_per_second(middle.call, _WARM_UP_SECONDS)
        measured: list[tuple[tuple[float, float], ...]] = [
            (await _round(ours, conditions), await _round(naive, conditions)) for _ in range(ROUNDS)
        ]
    sides = ("plain client, collector, collector", "naive unary proxy")
    rates, costs = ([_figure(measured, side, what) for side in (0, 1)] for what in (0, 1))
    compare("calls", sides, rates[0], rates[1], at_least(1.2))
    # Calls for a second of it, so that more is better here too. Other work on the machine only adds to what a call takes: so
    # the best round of each counts.
    best = [Figure((max(cost.rounds),)) for cost in costs]
    compare("calls by processor time of the middle, best round", sides, best[0], best[1], at_least(1.3))


def _figure(measured: list[tuple[tuple[float, float], ...]], side: int, what: int) -> Figure:
    return Figure(tuple(rounds[side][what] for rounds in measured))


async def _round(middle: Middle, conditions: Conditions) -> tuple[float, float]:
    before = middle.server.cpu_seconds
    rate = await calls_per_second(middle.call, conditions.seconds)
    used = middle.server.cpu_seconds - before
    return rate, rate * conditions.seconds / used


@asynccontextmanager
async def _through(conditions: Conditions, end: str, between: str) -> AsyncIterator[Middle]:
    async with (
        started(conditions, end) as (_, address),
        started(conditions, between, address) as (server, middle),
        grpc.aio.insecure_channel(middle, options=LIMITS) as channel,
    ):
        send: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_PATH)

        async def call() -> None:
            await send(PAYLOAD, timeout=TIMEOUT)

        yield Middle(server, call)
