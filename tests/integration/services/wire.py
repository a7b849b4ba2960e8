"""The wire contract as another program speaks it: bytes over channels and servers of grpc's own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import grpc
from google.protobuf.wrappers_pb2 import StringValue
from tests.limits import LIMIT_SECONDS

from collector_mesh.adapters.wire.connect_layout import read_connect
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb

SERVICE = "collector.CollectiveDispatcher"


class RawClient:
    """Sends bytes as they are."""

    def __init__(self, address: str, *options: tuple[str, int]) -> None:
        self.channel = grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0), *options])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.channel.close()

    async def send(
        self,
        method: str,
        data: bytes,
        *,
        timeout: float = LIMIT_SECONDS,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> bytes:
        """Call a method of the dispatcher service."""
        call: Any = self.channel.unary_unary(f"/{SERVICE}/{method}")
        answer: bytes = await call(data, timeout=timeout, metadata=metadata or None)
        return answer

    async def connect(self, collector_id: str, address: str, *namespaces: str) -> pb.ConnectResponse:
        """Connect in our layout."""
        request = pb.ConnectRequest(collector_id=collector_id, address=address, namespaces=namespaces)
        return await self.connect_bytes(request.SerializeToString())

    async def connect_bytes(self, data: bytes) -> pb.ConnectResponse:
        """Connect with any bytes."""
        return pb.ConnectResponse.FromString(await self.send("Connect", data))

    async def serve(
        self, method: str, value: str = "", *, service: str = "Texts", **options: Any
    ) -> pb.ServeResponse:
        """Serve with a text."""
        request = call_of(pb.ServeRequest(), method, value, service=service)
        return pb.ServeResponse.FromString(await self.send("Serve", request.SerializeToString(), **options))

    async def dispatch(
        self, method: str, value: str = "", *, target: str = "", **hints: str
    ) -> pb.DispatchResponse:
        """Dispatch with a text."""
        request = pb.DispatchRequest(target_collector_id=target, routing_hints=hints)
        call_of(request, method, value, service="Texts")
        return pb.DispatchResponse.FromString(await self.send("Dispatch", request.SerializeToString()))


def call_of(request: Any, method: str, value: str, *, service: str) -> Any:
    """Fill in a request for namespace `texts`."""
    request.namespace = "texts"
    request.service.service_name = service
    request.method_name = method
    request.input.type_url = "type.googleapis.com/google.protobuf.StringValue"
    request.input.value = StringValue(value=value).SerializeToString()
    return request


def text_in(output: Any) -> str:
    """The text of an answer."""
    return StringValue.FromString(output.value).value


Answer = Callable[[bytes, "grpc.aio.ServicerContext[Any, Any]"], Any]


class FakeCollector:
    """A server that is told what to answer and takes down what it is asked."""

    def __init__(self, collector_id: str, address: str, server: grpc.aio.Server) -> None:
        self.collector_id = collector_id
        self.address = address
        self.server = server
        self.asked: list[str] = []
        self.requests: list[bytes] = []
        self.answers: dict[str, Answer] = {"Connect": self._connect, "Serve": self._serve}
        self.reached = asyncio.Event()

    async def answer(self, method: str, data: bytes, context: "grpc.aio.ServicerContext[Any, Any]") -> bytes:
        self.asked.append(method)
        self.requests.append(data)
        self.reached.set()
        found: bytes = await self.answers[method](data, context)
        return found

    async def _connect(self, data: bytes, _context: object) -> bytes:
        request = read_connect(data)
        return pb.ConnectResponse(
            status=pb.Status(code=200, message="Connected"),
            connection_id="1",
            shared_namespaces=request.namespaces,
            target_collector_id=self.collector_id,
        ).SerializeToString()

    async def _serve(self, data: bytes, _context: object) -> bytes:
        request = pb.ServeRequest.FromString(data)
        return pb.ServeResponse(
            status=pb.Status(code=200, message="OK"), output=request.input, executor_id=self.collector_id
        ).SerializeToString()


@asynccontextmanager
async def fake_collector(collector_id: str = "fake-1", **answers: Answer) -> AsyncIterator[FakeCollector]:
    """A fake collector that can be dialed."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port("127.0.0.1:0")
    fake = FakeCollector(collector_id, f"127.0.0.1:{port}", server)
    fake.answers.update(answers)

    def handler(name: str) -> Any:
        async def handle(data: bytes, context: "grpc.aio.ServicerContext[Any, Any]") -> bytes:
            return await fake.answer(name, data, context)

        return grpc.unary_unary_rpc_method_handler(handle)

    handlers = {name: handler(name) for name in ("Connect", "Serve", "Dispatch")}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    await server.start()
    try:
        yield fake
    finally:
        await server.stop(0)
