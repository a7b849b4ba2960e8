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


class OriginalRegistry:
    """What the original's registry does: it knows nothing but what it was given, and takes nothing twice."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}
        self.services: dict[str, Any] = {}
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers: dict[str, Any] = {
            method: grpc.unary_unary_rpc_method_handler(
                answer,
                getattr(registry_pb2, f"{method}Request").FromString,
                getattr(registry_pb2, f"{method}Response").SerializeToString,
            )
            for method, answer in {
                "RegisterProto": self._register_proto,
                "RegisterService": self._register_service,
                "LookupService": self._lookup,
                "ValidateMethod": self._validate,
                "ListServices": self._list,
            }.items()
        }
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("collector.CollectorRegistry", handlers)]
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_failure: object) -> None:
        await self._server.stop(0)

    async def _register_proto(self, request: Any, context: Any) -> Any:
        proto_id = f"{request.namespace}/{request.file_descriptor.name}"
        if proto_id in self.files:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, f"proto {proto_id} already registered")
        self.files[proto_id] = request
        messages = [message.name for message in request.file_descriptor.message_type]
        return _told("RegisterProto", "Success", proto_id=proto_id, registered_messages=messages)

    async def _register_service(self, request: Any, context: Any) -> Any:
        service_id = f"{request.namespace}/{request.service_descriptor.name}"
        if service_id in self.services:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, f"service {service_id} already registered")
        self.services[service_id] = request.service_descriptor
        methods = [method.name for method in request.service_descriptor.method]
        return _told("RegisterService", "Success", service_id=service_id, registered_methods=methods)

    async def _lookup(self, request: Any, _context: Any) -> Any:
        service_id = f"{request.namespace}/{request.service_name}"
        if service_id not in self.services:
            return _told("LookupService", f"service {service_id} not found", 4)
        return _told("LookupService", "Success", service=self._registered(service_id))

    async def _validate(self, request: Any, _context: Any) -> Any:
        service_id = f"{request.namespace}/{request.service_name}"
        service = self.services.get(service_id)
        if service is None:
            text = f"service {service_id} not found"
            return _told("ValidateMethod", text, 4, message=text)
        if request.method_name not in [method.name for method in service.method]:
            text = f"method {request.method_name} not found on service {service_id}"
            return _told("ValidateMethod", text, 4, message=text)
        return _told("ValidateMethod", "Success", is_valid=True, message="Method is valid")

    async def _list(self, request: Any, _context: Any) -> Any:
        ids = [
            one for one in self.services if not request.namespace or one.startswith(f"{request.namespace}/")
        ]
        return _told("ListServices", "Success", services=[self._registered(one) for one in ids])

    def _registered(self, service_id: str) -> Any:
        namespace, _, name = service_id.partition("/")
        service = self.services[service_id]
        return registry_pb2.RegisteredService(
            id=service_id,
            namespace=namespace,
            service_name=name,
            service_descriptor=service,
            method_names=[method.name for method in service.method],
        )


def _told(method: str, said: str, code: int = 0, /, **fields: Any) -> Any:
    response = getattr(registry_pb2, f"{method}Response")(**fields)
    response.status.code = code
    response.status.message = said
    return response
