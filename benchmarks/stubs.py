"""Generated stubs over a link, beside the mesh's own calls with the same message, and with bytes."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from google.protobuf.wrappers_pb2 import BytesValue

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, ROUNDS, Figure, alternate, at_least, compare
from benchmarks.processes import running
from benchmarks.sides import METHOD, dispatching
from collector_mesh import Collector

_CALLS = 2000
_TURNS = 8
"""Turns of which the one that took the least processor time counts: others had to share caches with other programs."""

Call = Callable[[], Awaitable[object]]


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce("Stubs: a generated stub over a link", in_flight=IN_FLIGHT, size=len(PAYLOAD))
    async with (
        running(conditions, "collector") as address,
        Collector("caller", listen="127.0.0.1:0", namespaces=[METHOD[0]]) as caller,
    ):
        await caller.connect(address)
        stub, message = _stub(caller), _message(caller)
        raw = dispatching(caller)(PAYLOAD)
        calls: tuple[Call, ...] = (stub, message, raw)
        rates = await alternate(calls, conditions.seconds)
        used = await _processor_time(calls)
    names = ("stub", "dispatch(message) + unpack", "dispatch(Payload)")
    compare("calls, beside the same message", names[:2], rates[0], rates[1], at_least(0.9))
    compare("calls, beside bytes", (names[0], names[2]), rates[0], rates[2], at_least(0.75))
    # How many calls fit into a second of the caller's processor time: the other process is left out.
    compare("calls a second of the caller's processor time", names[:2], used[0], used[1], at_least(0.9))
    compare("the same, beside bytes", (names[0], names[2]), used[0], used[2], at_least(0.75))


def _stub(caller: Collector) -> Call:
    namespace, service, method = METHOD
    echo = caller.channel(namespace).unary_unary(
        f"/{service}/{method}",
        request_serializer=BytesValue.SerializeToString,
        response_deserializer=BytesValue.FromString,
    )
    request = BytesValue(value=PAYLOAD)

    async def call() -> None:
        await echo(request)

    return call


def _message(caller: Collector) -> Call:
    request = BytesValue(value=PAYLOAD)

    async def call() -> None:
        (await caller.dispatch(*METHOD, request)).unpack(BytesValue)

    return call


async def _processor_time(calls: tuple[Call, ...]) -> list[Figure]:
    """Calls of each kind in a second of the processor time of this process, in rounds."""
    rounds = []
    for _ in range(ROUNDS):
        least = [float("inf")] * len(calls)
        for _turn in range(_TURNS):
            for number, call in enumerate(calls):
                least[number] = min(least[number], await _seconds(call))
        rounds.append([_CALLS / seconds for seconds in least])
    return [Figure(tuple(figures)) for figures in zip(*rounds, strict=True)]


async def _seconds(call: Call) -> float:
    left = _CALLS
    begin = time.process_time()

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return time.process_time() - begin
