"""The health service that load balancers and orchestrators know, on a grpc server."""

import asyncio
from functools import partial

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from collector_mesh.adapters.grpc.door import MALFORMED, Context, Door
from collector_mesh.domain.policies.open_streams import OpenStream

HEALTH_SERVICE: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

REGISTRY_SERVICES = ("collector.CollectorRegistry", "collector_mesh.registry.v1.Registry")
"""What a server has that is a registry."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health:
    """Tells whether calls are taken; good from when the collector is ready until it drains, and then never again.

    It takes bytes, so that what cannot be read is a clear refusal and no error of grpc's.

    Args:
        services: the names that it is asked for; the empty one is the whole server.
    """

    def __init__(self, *services: str) -> None:
        self._services = services
        self._is_ready = asyncio.Event()
        self._is_draining = asyncio.Event()

    def ready(self) -> None:
        """From now on it is good."""
        self._is_ready.set()

    def drain(self) -> None:
        """From now on it is not good."""
        self._is_draining.set()
        # Nobody waits for the other anymore.
        self._is_ready.set()

    def handler(self, door: Door) -> grpc.GenericRpcHandler:
        """What a server takes."""
        methods = {
            "Check": door.unary(self.check),
            "List": door.unary(self.list),
            "Watch": door.streams(partial(self.watch, door), waits_for_request=True),
        }
        return grpc.method_handlers_generic_handler(HEALTH_SERVICE, methods)

    async def check(self, data: bytes, context: Context) -> bytes:
        """Answer Check."""
        service = await _service_in(data, context)
        if service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return _response(self._status)

    async def list(self, _data: bytes, context: Context) -> bytes:
        """Answer List, which older versions of the service do not know."""
        response_class = getattr(health_pb2, "HealthListResponse", None)
        if response_class is None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not known to this version")
        told = {service: health_pb2.HealthCheckResponse(status=self._status) for service in self._services}
        data: bytes = response_class(statuses=told).SerializeToString()
        return data

    async def watch(self, door: Door, context: Context, stream: OpenStream) -> None:
        """Answer Watch: the state of now, and each later one, until the caller has enough."""
        data = await door.read(stream, context)
        service = await _service_in(data if isinstance(data, bytes) else b"", context)
        if service not in self._services:
            await context.write(_response(_UNKNOWN))
            await asyncio.Event().wait()
        if not self._is_ready.is_set():
            await context.write(_response(_NOT_SERVING))
            await self._is_ready.wait()
            if self._is_draining.is_set():
                await asyncio.Event().wait()
        if not self._is_draining.is_set():
            await context.write(_response(_SERVING))
            await self._is_draining.wait()
        await context.write(_response(_NOT_SERVING))
        await asyncio.Event().wait()

    @property
    def _status(self) -> int:
        is_good = self._is_ready.is_set() and not self._is_draining.is_set()
        status: int = _SERVING if is_good else _NOT_SERVING
        return status


async def _service_in(data: bytes, context: Context) -> str:
    try:
        service: str = health_pb2.HealthCheckRequest.FromString(data).service
    except (DecodeError, UnicodeDecodeError):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, MALFORMED)
    return service


def _response(status: int) -> bytes:
    data: bytes = health_pb2.HealthCheckResponse(status=status).SerializeToString()
    return data
