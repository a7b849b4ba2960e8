"""Calls over a link with and without a validator that asks a registry, and what that is asked for cold ones."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, ROUNDS, Figure, at_most, calls_per_second, compare
from benchmarks.processes import Server, started
from benchmarks.sides import METHOD, Call, dispatching
from collector_mesh import Collector, MethodKey, RegistryValidator, Service, Settings
from collector_mesh.adapters.wire.generated import registry_pb2

_TURNS = 10
_COLD = 1000
_LOOKED_UP = 100_000
_MOST_SHARE = 1.03

_PB: Any = registry_pb2


class CountingRegistry:
    """Says that every method is there, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def validate(self, _request: bytes, _context: object) -> bytes:
        """Answer a question."""
        self.asked += 1
        answer = _PB.ValidateMethodResponse(is_valid=True, message="Method is valid")
        answer.status.message = "Success"
        data: bytes = answer.SerializeToString()
        return data


@asynccontextmanager
async def registry() -> AsyncIterator[tuple[CountingRegistry, str]]:
    """A registry in this process, and its address."""
    counting = CountingRegistry()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler: Any = grpc.unary_unary_rpc_method_handler(counting.validate)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("collector.CollectorRegistry", {"ValidateMethod": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield counting, f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce(
        "Validation: calls to a collector in another process, whose validator knows the answer",
        in_flight=str(IN_FLIGHT),
        size=len(PAYLOAD),
    )
    async with (
        registry() as (counting, address),
        started(conditions, "validated", address) as (server, served),
        Collector("caller", listen="127.0.0.1:0", namespaces=["bench"]) as caller,
    ):
        await caller.connect(served)
        call = dispatching(caller)(PAYLOAD)
        await calls_per_second(call, conditions.seconds)
        rounds = [await _round(server, call, conditions.seconds) for _ in range(ROUNDS)]
    with_one, without = (Figure(costs, " us") for costs in zip(*rounds, strict=True))
    names = ("with a validator", "without")
    compare("processor time of the collector for a call", names, with_one, without, at_most(_MOST_SHARE))
    print(f"    {'asked of the registry':34s} {counting.asked:9d} times")
    async with registry() as (counting, address):
        service = Service(METHOD[0], METHOD[1])

        @service.method(METHOD[2])
        async def echo(request: dict[str, Any]) -> dict[str, Any]:
            return request

        validator = RegistryValidator(address)
        settings = Settings(max_running=_COLD)
        async with Collector("cold", services=[service], validator=validator, settings=settings) as cold:
            await asyncio.gather(*(cold.dispatch(*METHOD, {}) for _ in range(_COLD)))
            key, at_hand, taken = MethodKey(*METHOD), validator.at_hand, []
            for _ in range(5):
                begin = time.process_time()
                for _ in range(_LOOKED_UP):
                    at_hand(key)
                taken.append((time.process_time() - begin) / _LOOKED_UP * 1e9)
        print(f"    {'an answer at hand takes':34s} {min(taken):9.0f} ns")
    print(f"    {f'asked for {_COLD:,} cold calls':34s} {counting.asked:9d} times")


async def _round(server: Server, call: Call, seconds: float) -> tuple[float, float]:
    """Microseconds of the server's processor for a call, with and without the validator, in many short turns."""
    spent, done = {"on": 0.0, "off": 0.0}, {"on": 0.0, "off": 0.0}
    turn = seconds / _TURNS
    for number in range(_TURNS):
        # Neither comes first always.
        for state in ("on", "off") if number % 2 else ("off", "on"):
            await server.told(state)
            await call()
            before = server.cpu_seconds
            done[state] += turn * await calls_per_second(call, turn)
            spent[state] += server.cpu_seconds - before
    return spent["on"] / done["on"] * 1e6, spent["off"] / done["off"] * 1e6
