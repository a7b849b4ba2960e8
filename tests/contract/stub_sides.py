"""What generated stubs are held against: a bare gRPC server, and the mesh in every way that it can be called.

Each side has a servicer of the same behavior: the generated one, or a service of the mesh that does the same.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import grpc
from grpc import aio
from mesh_test import users_pb2, users_pb2_grpc
from tests.generated.servicers import Users, metadata_of, pairs

from collector_mesh import CallContext, Collector, LoopbackNetwork, MeshClient, Service
from collector_mesh.adapters.wire.grpc_codes import chosen_error
from collector_mesh.ports import Frame, Identity, NoLinkError

NAMESPACE = "users"
SERVICE = "mesh.test.users.v1.UserService"

MakeChannel = Callable[[Sequence[aio.ClientInterceptor]], aio.Channel]


@attrs.define
class Side:
    """One way to call.

    Attributes:
        make_channel: makes channels.
        cancelled: gives the number of handlers that were cancelled.
    """

    make_channel: MakeChannel
    cancelled: Callable[[], int]
    _channels: list[aio.Channel] = attrs.field(factory=list)

    def channel(self, *interceptors: aio.ClientInterceptor) -> aio.Channel:
        """A channel, closed in the end."""
        channel = self.make_channel(interceptors)
        self._channels.append(channel)
        return channel

    def stub(self, *interceptors: aio.ClientInterceptor) -> Any:
        """A stub of the oldest generation."""
        return users_pb2_grpc.UserServiceStub(self.channel(*interceptors))

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            await channel.close()


class MeshUsers:
    """The behavior of `Users`, as a service of the mesh."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.service = service = Service(NAMESPACE, SERVICE)

        @service.method("GetUser", idempotent=True)
        async def get_user(request: users_pb2.GetUserRequest, context: CallContext) -> users_pb2.User:
            if request.id <= 0:
                context.set_trailing_metadata((("looked-at", "3"),))
                raise chosen_error(5, f"no user {request.id}")
            return users_pb2.User(id=request.id, name=f"user {request.id}")

        @service.method("Echo", idempotent=True)
        async def echo(request: users_pb2.Everything) -> users_pb2.Everything:
            return request

        @service.method("Behave")
        async def behave(request: users_pb2.Behavior, context: CallContext) -> users_pb2.Behaved:
            return await self._behave(request, context)

    async def _behave(self, request: users_pb2.Behavior, context: CallContext) -> users_pb2.Behaved:
        left = context.time_remaining()
        if request.initial_metadata:
            context.send_initial_metadata(metadata_of(request.initial_metadata))
        context.set_trailing_metadata(metadata_of(request.trailing_metadata))
        try:
            await asyncio.sleep(request.wait)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if request.raises:
            raise ValueError(request.raises)
        if request.code:
            raise chosen_error(request.code, request.details)
        return users_pb2.Behaved(
            payload=b"x" * request.size, metadata=pairs(context.metadata), time_remaining=left, by="mesh"
        )


@asynccontextmanager
async def bare_grpc() -> AsyncIterator[Side]:
    """A channel of grpc.aio to a server of grpc.aio."""
    users = Users()
    server = aio.server(options=[("grpc.so_reuseport", 0)])
    users_pb2_grpc.add_UserServiceServicer_to_server(users, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield Side(
            lambda interceptors: aio.insecure_channel(
                f"127.0.0.1:{port}",
                options=[("grpc.use_local_subchannel_pool", 1)],
                interceptors=list(interceptors),
            ),
            lambda: users.cancelled,
        )
    finally:
        await server.stop(None)


def _of(caller: Collector | MeshClient, users: MeshUsers) -> Side:
    return Side(
        lambda interceptors: caller.channel(NAMESPACE, interceptors=interceptors), lambda: users.cancelled
    )


@asynccontextmanager
async def own_handlers() -> AsyncIterator[Side]:
    """A collector that runs what it calls."""
    users = MeshUsers()
    async with Collector("one", services=[users.service], transport=LoopbackNetwork()) as collector:
        yield _of(collector, users)


@asynccontextmanager
async def loopback() -> AsyncIterator[Side]:
    """A collector that calls another one in the same process."""
    users, network = MeshUsers(), LoopbackNetwork()
    async with (
        Collector("server", services=[users.service], transport=network),
        Collector("front", namespaces=[NAMESPACE], transport=network) as front,
    ):
        await front.connect("server")
        yield _of(front, users)


@asynccontextmanager
async def link() -> AsyncIterator[Side]:
    """A collector with a link over gRPC."""
    users = MeshUsers()
    async with (
        Collector("server", services=[users.service], listen="127.0.0.1:0") as server,
        Collector("front", namespaces=[NAMESPACE], listen="127.0.0.1:0") as front,
    ):
        await front.connect(server.address)
        yield _of(front, users)


@asynccontextmanager
async def client() -> AsyncIterator[Side]:
    """A client of a collector that passes calls on, over gRPC."""
    users = MeshUsers()
    async with (
        Collector("server", services=[users.service], listen="127.0.0.1:0") as server,
        Collector("front", namespaces=[NAMESPACE], listen="127.0.0.1:0") as front,
        MeshClient(front.address) as client,
    ):
        await front.connect(server.address)
        yield _of(client, users)


@asynccontextmanager
async def mounted() -> AsyncIterator[Side]:
    """A collector with a link over gRPC to one that has mounted the servicer of the bare server."""
    users = Users()
    async with (
        Collector("server", listen="127.0.0.1:0") as server,
        Collector("front", namespaces=[NAMESPACE], listen="127.0.0.1:0") as front,
    ):
        server.mount(NAMESPACE, users_pb2_grpc.add_UserServiceServicer_to_server, users)
        await front.connect(server.address)
        yield Side(
            lambda interceptors: front.channel(NAMESPACE, interceptors=interceptors), lambda: users.cancelled
        )


class Linkless:
    """A stream to a collector that has no links."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.identity: Identity | None = None

    async def read(self) -> Frame | None:
        """See the port."""
        raise NoLinkError(f"{self.address} has no links")

    async def write(self, frame: Frame) -> None:
        """See the port."""
        raise NoLinkError(f"{self.address} has no links")

    async def aclose(self) -> None:
        """See the port."""


@asynccontextmanager
async def unary() -> AsyncIterator[Side]:
    """A client that finds no link: each call is one RPC to the collector."""
    users = MeshUsers()
    async with Collector("server", services=[users.service], listen="127.0.0.1:0") as server:
        client = MeshClient(server.address)
        transport: Any = client.container.transport()
        transport.dial = lambda address, **_options: Linkless(address)
        async with client:
            yield _of(client, users)


SIDES = {
    "grpc": bare_grpc,
    "own": own_handlers,
    "loopback": loopback,
    "link": link,
    "client": client,
    "mounted": mounted,
    "unary": unary,
}
CODES = {code.value[0]: code for code in grpc.StatusCode}
