"""What is compared: ways to have an echo run in another process, each a context with a maker of calls."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import grpc

from benchmarks.conditions import Conditions
from benchmarks.processes import running
from benchmarks.servers import DISPATCHER, LIMITS
from collector_mesh import Collector, MeshClient, Payload
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb

METHOD = ("bench", "Bench", "Echo")
TIMEOUT = 15.0

Call = Callable[[], Awaitable[None]]
Calls = Callable[[bytes], Call]
Side = Callable[[Conditions], AbstractAsyncContextManager[Calls]]


class CallFailedError(Exception):
    """A call was answered with something other than 200; the text begins with what it was."""


def dispatching(caller: Collector | MeshClient) -> Calls:
    """A maker of calls that are dispatched at a collector."""

    def calls(value: bytes) -> Call:
        request = Payload("bytes", value)

        async def call() -> None:
            reply = await caller.dispatch(*METHOD, request)
            if reply.status.code != 200:
                raise CallFailedError(f"{reply.status.code} {reply.status.message}")

        return call

    return calls


@asynccontextmanager
async def link(conditions: Conditions) -> AsyncIterator[Calls]:
    """A collector in this process dispatches to one in another."""
    async with (
        running(conditions, "collector") as address,
        Collector("caller", listen="127.0.0.1:0", namespaces=["bench"]) as caller,
    ):
        await caller.connect(address)
        yield dispatching(caller)


@asynccontextmanager
async def two_links(conditions: Conditions) -> AsyncIterator[Calls]:
    """A client of a collector that dispatches to another collector, each in a process of its own."""
    async with (
        running(conditions, "collector") as address,
        running(conditions, "hop", address) as between,
        MeshClient(between) as client,
    ):
        yield dispatching(client)


@asynccontextmanager
async def bare_unary(conditions: Conditions) -> AsyncIterator[Calls]:
    """Unary Serve at a bare server."""
    async with running(conditions, "bare") as address, _serve_at(address) as calls:
        yield calls


@asynccontextmanager
async def unary_to_collector(conditions: Conditions) -> AsyncIterator[Calls]:
    """Unary Serve at a collector."""
    async with running(conditions, "collector") as address, _serve_at(address) as calls:
        yield calls


@asynccontextmanager
async def two_bare_hops(conditions: Conditions) -> AsyncIterator[Calls]:
    """Unary Dispatch at a bare server that passes it on, as unary Serve, to another."""
    async with (
        running(conditions, "bare") as address,
        running(conditions, "bare-forward", address) as between,
        _dispatch_at(between) as calls,
    ):
        yield calls


@asynccontextmanager
async def unary_then_link(conditions: Conditions) -> AsyncIterator[Calls]:
    """Unary Dispatch, from a plain client, at a collector that passes it on to another."""
    async with (
        running(conditions, "collector") as address,
        running(conditions, "hop", address) as between,
        _dispatch_at(between) as calls,
    ):
        yield calls


@asynccontextmanager
async def _unary_at(
    address: str,
    name: str,
    request_type: type[pb.ServeRequest] | type[pb.DispatchRequest],
    read: Callable[[bytes], pb.ServeResponse | pb.DispatchResponse],
) -> AsyncIterator[Calls]:
    """A maker of unary calls, of one RPC."""
    namespace, service, method = METHOD
    async with grpc.aio.insecure_channel(address, options=LIMITS) as channel:
        send = channel.unary_unary(f"/{DISPATCHER}/{name}", request_type.SerializeToString, read)

        def calls(value: bytes) -> Call:
            request = request_type(
                namespace=namespace,
                service=pb.ServiceTypeRef(service_name=service),
                method_name=method,
                input={"type_url": "bytes", "value": value},
            )

            async def call() -> None:
                reply = await send(request, timeout=TIMEOUT)
                if reply.status.code != 200:
                    raise CallFailedError(f"{reply.status.code} {reply.status.message}")

            return call

        yield calls


def _serve_at(address: str) -> AbstractAsyncContextManager[Calls]:
    return _unary_at(address, "Serve", pb.ServeRequest, pb.ServeResponse.FromString)


def _dispatch_at(address: str) -> AbstractAsyncContextManager[Calls]:
    return _unary_at(address, "Dispatch", pb.DispatchRequest, pb.DispatchResponse.FromString)
