"""The client for code that does not await: alone beside the one that is awaited, and 16 threads beside bare sync grpc."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from benchmarks.conditions import Conditions
from benchmarks.measure import PAYLOAD, ROUNDS, Figure, at_least, calls_per_second, compare
from benchmarks.processes import running
from benchmarks.servers import DISPATCHER, LIMITS
from benchmarks.sides import METHOD, TIMEOUT, CallFailedError, dispatching
from collector_mesh import MeshClient, Payload, SyncMeshClient
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb

THREADS = 16

Call = Callable[[], None]
Rate = Callable[[float], float]
"""Gives calls per second, measured for so many seconds; it waits."""


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce("Client for code that does not await", in_flight=1, size=len(PAYLOAD))
    async with (
        running(conditions, "collector") as address,
        _awaited(address) as awaited,
        _sync(address) as sync,
    ):
        ours, theirs = await in_turns(conditions, of_threads(lambda: sync, 1), awaited)
    compare("calls", ("SyncMeshClient", "MeshClient"), ours, theirs, at_least(0.5))
    conditions.announce("The same, from threads", in_flight=THREADS, size=len(PAYLOAD))
    for role, name in (
        ("bare-sync", "bare sync grpc, sync server"),
        ("bare", "bare sync grpc, grpc.aio server"),
    ):
        async with (
            running(conditions, "collector") as address,
            running(conditions, role) as bare,
            _sync(address) as sync,
            _sync_grpc(bare) as bare_call,
        ):
            ours, theirs = await in_turns(
                conditions, of_threads(lambda: sync, THREADS), of_threads(lambda: bare_call, THREADS)
            )
        compare("calls", ("SyncMeshClient", name), ours, theirs, at_least(2))


async def in_turns(conditions: Conditions, *sides: Rate) -> list[Figure]:
    """Measure each side in turns, so that a slow moment of the machine hits all."""
    for side in sides:
        await asyncio.to_thread(side, conditions.seconds / 4)
    rounds = [[await asyncio.to_thread(side, conditions.seconds) for side in sides] for _ in range(ROUNDS)]
    return [Figure(tuple(rates)) for rates in zip(*rounds, strict=True)]


def of_threads(made: Callable[[], Call], threads: int) -> Rate:
    """What threads get done that make one call after the other, each with what was made for it."""

    def rate(seconds: float) -> float:
        done = [0] * threads
        failed: list[Exception] = []
        begin = time.perf_counter()
        stop = begin + seconds

        def work(thread: int) -> None:
            try:
                call = made()
                while time.perf_counter() < stop:
                    call()
                    done[thread] += 1
            except Exception as error:  # noqa: BLE001  # it ends the benchmark
                failed.append(error)

        working = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()
        if failed:
            raise failed[0]
        return sum(done) / (time.perf_counter() - begin)

    return rate


@asynccontextmanager
async def _sync(address: str) -> AsyncIterator[Call]:
    client = SyncMeshClient(address)
    request = Payload("bytes", PAYLOAD)

    def call() -> None:
        reply = client.dispatch(*METHOD, request)
        if reply.status.code != 200:
            raise CallFailedError(f"{reply.status.code} {reply.status.message}")

    try:
        yield call
    finally:
        await asyncio.to_thread(client.close)


@asynccontextmanager
async def _awaited(address: str) -> AsyncIterator[Rate]:
    async with MeshClient(address) as client:
        call, loop = dispatching(client)(PAYLOAD), asyncio.get_running_loop()

        def rate(seconds: float) -> float:
            work = calls_per_second(call, seconds, 1)
            return asyncio.run_coroutine_threadsafe(work, loop).result()

        yield rate


@asynccontextmanager
async def _sync_grpc(address: str) -> AsyncIterator[Call]:
    namespace, service, method = METHOD
    with grpc.insecure_channel(address, options=LIMITS) as channel:
        send = channel.unary_unary(
            f"/{DISPATCHER}/Serve", pb.ServeRequest.SerializeToString, pb.ServeResponse.FromString
        )
        request = pb.ServeRequest(
            namespace=namespace,
            service=pb.ServiceTypeRef(service_name=service),
            method_name=method,
            input={"type_url": "bytes", "value": PAYLOAD},
        )

        def call() -> None:
            reply = send(request, timeout=TIMEOUT)
            if reply.status.code != 200:
                raise CallFailedError(f"{reply.status.code} {reply.status.message}")

        yield call
