"""Stubs of gRPC in threads: through a collector, over a link, beside a channel of grpc's own to a server of grpc's own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
from google.protobuf.wrappers_pb2 import BytesValue

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, at_least, compare
from benchmarks.processes import running
from benchmarks.servers import LIMITS, TYPED
from benchmarks.sides import TIMEOUT
from benchmarks.sync import THREADS, in_turns, of_threads
from collector_mesh import Collector, SyncMeshClient

Stub = grpc.UnaryUnaryMultiCallable
Works = Callable[[], Callable[[], None]]
"""Made for each thread: does one call, or the one that is next of several."""


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    for title, in_flight, threads, works in (
        ("Sync stubs: 16 threads, each with four futures", IN_FLIGHT, THREADS, _several),
        ("Sync stubs: 64 threads, each waits for one call", IN_FLIGHT, IN_FLIGHT, _one),
        ("Sync stubs: 16 threads, each waits for one call", THREADS, THREADS, _one),
    ):
        conditions.announce(title, in_flight=in_flight, size=len(PAYLOAD))
        async with (
            running(conditions, "typed") as address,
            running(conditions, "bare-sync-typed") as bare,
            _of_collector(address) as ours,
            _of_client(address) as client,
            _of_grpc(bare) as theirs,
        ):
            rates = await in_turns(
                conditions, *(of_threads(works(stub), threads) for stub in (ours, client, theirs))
            )
        for name, rate in zip(("collector.sync_channel", "SyncMeshClient.sync_channel"), rates, strict=False):
            compare("calls", (name, "bare sync grpc, sync server"), rate, rates[-1], at_least(2))


def _one(stub: "Stub[BytesValue, BytesValue]") -> Works:
    request = BytesValue(value=PAYLOAD)

    def made() -> Callable[[], None]:
        return lambda: _check(stub(request, timeout=TIMEOUT))

    return made


def _several(stub: "Stub[BytesValue, BytesValue]") -> Works:
    request = BytesValue(value=PAYLOAD)

    def made() -> Callable[[], None]:
        begun = deque(stub.future(request, timeout=TIMEOUT) for _ in range(IN_FLIGHT // THREADS))

        def work() -> None:
            _check(begun.popleft().result())
            begun.append(stub.future(request, timeout=TIMEOUT))

        return work

    return made


def _check(response: BytesValue) -> None:
    if len(response.value) != len(PAYLOAD):
        raise ValueError(f"a response of {len(response.value)} bytes")


def _stub_of(channel: grpc.Channel) -> "Stub[BytesValue, BytesValue]":
    """As generated code makes one."""
    return channel.unary_unary(f"/{TYPED}/Echo", BytesValue.SerializeToString, BytesValue.FromString)


@asynccontextmanager
async def _of_collector(address: str) -> "AsyncIterator[Stub[BytesValue, BytesValue]]":
    async with Collector("caller", listen="127.0.0.1:0", namespaces=["bench"]) as caller:
        await caller.connect(address)
        with caller.sync_channel("bench") as channel:
            yield _stub_of(channel)


@asynccontextmanager
async def _of_client(address: str) -> "AsyncIterator[Stub[BytesValue, BytesValue]]":
    client = SyncMeshClient(address)
    try:
        yield _stub_of(client.sync_channel("bench"))
    finally:
        await asyncio.to_thread(client.close)


@asynccontextmanager
async def _of_grpc(address: str) -> "AsyncIterator[Stub[BytesValue, BytesValue]]":
    with grpc.insecure_channel(address, options=LIMITS) as channel:
        yield _stub_of(channel)
