"""A small server that speaks as the Go original does, with what its peers see of it.

Its Connect has a layout of its own, it records each one for ever, names nobody where it refuses, has no links, and
names who has run a call only where the call has succeeded. What is written on a stream that it does not know races
with its UNIMPLEMENTED, and here always wins: grpc tells INTERNAL then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from collector_mesh.adapters.grpc.link_stream import SERVICE as LINK
from collector_mesh.adapters.wire.connect_layout import read_connect, write_original
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb

SERVICE = "collector.CollectiveDispatcher"
NAMESPACE = "orders"

_Context = grpc.aio.ServicerContext[Any, Any]


class Original:
    """One collector of the original."""

    def __init__(self, collector_id: str, address: str) -> None:
        self.collector_id = collector_id
        self.address = address
        self.recorded: list[str] = []
        """Ids of those whose Connect it has taken, each as often as it has come."""
        self.refused = 0
        """Connects that it has refused, and not recorded."""
        self.streams = 0
        """Links that somebody has tried to open."""
        self.served: list[str] = []
        self.outcomes: dict[str, pb.Status] = {}
        """What a handler of that name answers, if it is no `Echo`."""
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers = asyncio.Event()
        """Cleared, nobody hears whether it is there."""
        self.answers.set()
        self._running = 0

    async def connect(self, data: bytes, _context: _Context) -> bytes:
        """Record whoever has an address."""
        request = read_connect(data)
        if not request.address:
            await self.answers.wait()
            self.refused += 1
            status = pb.Status(code=400, message="address is required")
            return pb.ConnectResponse(status=status).SerializeToString()
        self.recorded.append(request.collector_id)
        shared = [namespace for namespace in request.namespaces if namespace == NAMESPACE]
        return pb.ConnectResponse(
            status=pb.Status(code=200, message=f"Connected with {len(shared)} shared namespaces"),
            connection_id=f"{self.collector_id}-{len(self.recorded)}",
            shared_namespaces=shared,
            target_collector_id=self.collector_id,
        ).SerializeToString()

    async def serve(self, data: bytes, _context: _Context) -> bytes:
        """Run `Echo`, or `Fail`, which is an error of a handler."""
        request = pb.ServeRequest.FromString(data)
        self.served.append(request.method_name)
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        try:
            await self.gate.wait()
        finally:
            self._running -= 1
        if request.method_name == "Fail":
            failed = pb.Status(code=500, message="it has failed")
            return pb.ServeResponse(status=failed).SerializeToString()
        if (status := self.outcomes.get(request.method_name)) is not None:
            return pb.ServeResponse(status=status, executor_id=self.collector_id).SerializeToString()
        if request.method_name != "Echo":
            lacks = pb.Status(code=404, message=f"method '{request.method_name}' not found in namespace")
            return pb.ServeResponse(status=lacks).SerializeToString()
        return pb.ServeResponse(
            status=pb.Status(code=200, message="OK"), output=request.input, executor_id=self.collector_id
        ).SerializeToString()

    async def open_link(self, _requests: object, context: _Context) -> None:
        """Say that there are no links; who has written already does not get to hear it."""
        self.streams += 1
        if await context.read() is not grpc.aio.EOF:
            await context.abort(grpc.StatusCode.INTERNAL, "Internal error from Core")
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"unknown service {LINK}")


async def connect_to(
    address: str, collector_id: str, own_address: str, *namespaces: str
) -> pb.ConnectResponse:
    """Connect to a collector as the original does."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call: Any = channel.unary_unary(f"/{SERVICE}/Connect")
        answer = await call(write_original(collector_id, own_address, namespaces), wait_for_ready=True)
    return pb.ConnectResponse.FromString(answer)


@asynccontextmanager
async def original(
    collector_id: str = "original-1", *, port: int = 0, **options: int
) -> AsyncIterator[Original]:
    """Run one; options are those of a grpc server, with `_` for the dot."""
    settings = [(f"grpc.{name}", value) for name, value in options.items()]
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *settings])
    found = server.add_insecure_port(f"127.0.0.1:{port}")
    made = Original(collector_id, f"127.0.0.1:{found}")
    unary: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Connect": grpc.unary_unary_rpc_method_handler(made.connect),
        "Serve": grpc.unary_unary_rpc_method_handler(made.serve),
    }
    links: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Open": grpc.stream_stream_rpc_method_handler(made.open_link)
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, unary),
            grpc.method_handlers_generic_handler(LINK, links),
        )
    )
    await server.start()
    try:
        yield made
    finally:
        made.gate.set()
        made.answers.set()
        await server.stop(0)
