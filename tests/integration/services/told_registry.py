"""A registry that says what a test has told it to: the truth, nothing, or what means nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

import grpc

from collector_mesh.adapters.wire.generated import registry_pb2

Say = Callable[[Any, "grpc.aio.ServicerContext[Any, Any]"], Awaitable[bytes]]


class ToldRegistry:
    """A server of gRPC with the one method that validators call."""

    def __init__(self, port: int = 0) -> None:
        self.methods: dict[str, str] = {}
        """What each method takes, by `NAMESPACE/SERVICE.METHOD`; empty where that is not told."""
        self.asked: list[str] = []
        self.say: Say = self.truth
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers: dict[str, Any] = {"ValidateMethod": grpc.unary_unary_rpc_method_handler(self._answer)}
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("collector.CollectorRegistry", handlers)]
        )
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_failure: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        await self._server.stop(0)

    async def truth(self, request: Any, context: Any) -> bytes:
        name = f"{request.namespace}/{request.service_name}.{request.method_name}"
        if name not in self.methods:
            return validity(4, f"service {request.namespace}/{request.service_name} not found")
        if self.methods[name]:
            context.set_trailing_metadata((("collector-takes", self.methods[name]),))
        return validity(0, "Method is valid", is_valid=True)

    async def hang(self, request: Any, context: Any) -> bytes:
        _ = request, context
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def _answer(self, data: bytes, context: Any) -> bytes:
        request = registry_pb2.ValidateMethodRequest.FromString(data)
        self.asked.append(f"{request.namespace}/{request.service_name}.{request.method_name}")
        return await self.say(request, context)


def validity(code: int, message: str, *, is_valid: bool = False) -> bytes:
    response: Any = registry_pb2.ValidateMethodResponse(is_valid=is_valid, message=message)
    response.status.code = code
    response.status.message = message
    data: bytes = response.SerializeToString()
    return data


def saying(data: bytes, *trailing: tuple[str, str]) -> Say:
    async def say(_request: Any, context: Any) -> bytes:
        context.set_trailing_metadata(trailing)
        return data

    return say


def failing(code: grpc.StatusCode) -> Say:
    async def say(_request: Any, context: Any) -> bytes:
        await context.abort(code, "no")
        raise AssertionError

    return say
