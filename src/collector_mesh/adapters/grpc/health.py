"""The health service that load balancers and orchestrators know, on a grpc server."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from collector_mesh.adapters.grpc.callers import Callers
from collector_mesh.adapters.grpc.door import MALFORMED, Context, Door
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.policies.open_streams import OpenStream
from collector_mesh.domain.ports.served import Served

HEALTH_SERVICE: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

REGISTRY_SERVICES = ("collector.CollectorRegistry", "collector_mesh.registry.v1.Registry")
"""What a server has that is a registry."""

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

_MOST_NAME_BYTES = 1024
_MOST_LISTED = 10_000
"""Services in one answer: clients of gRPC take 4 MiB."""


class Health:
    """Tells whether calls are taken; good from when the collector is ready until it drains, and then never again.

    It takes bytes, so that what cannot be read is a clear refusal and no error of grpc's.

    Args:
        services: the names that everybody may ask for; the empty one is the whole server.
        served: knows which others there are; None if there are none.
        callers: tells who callers are; None where nobody shows that.
        sees_all: whether callers are told of services that they may not use.
        on_limit: told which limit has turned away a watcher, with the limit and its connection.
        most_watchers: over all connections.
        most_of_connection: watchers over one connection.
    """

    def __init__(
        self,
        *services: str,
        served: Served | None = None,
        callers: Callers | None = None,
        sees_all: bool = False,
        on_limit: Callable[[str, float, str], None] | None = None,
        most_watchers: int = 4096,
        most_of_connection: int = 384,
    ) -> None:
        self._services = services
        self._served = served
        self._callers = callers
        self._sees_all = sees_all
        self._on_limit = on_limit
        self._most_watchers = most_watchers
        self._most_of_connection = most_of_connection
        self._is_ready = False
        self._is_draining = False
        self._changed = asyncio.Event()
        """Set, and replaced, at each change."""
        self._watchers: Counter[str] = Counter()
        """By their connection."""
        self._watched = 0
        self._end_of_watch: Callable[[], None] | None = None

    def ready(self) -> None:
        """From now on it is good."""
        self._is_ready = True
        self._change()

    def drain(self) -> None:
        """From now on it is not good."""
        self._is_draining = True
        self._change()

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
        status = self._status_of(self._identity_of(context), service)
        if status == _UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return _response(status)

    async def list(self, _data: bytes, context: Context) -> bytes:
        """Answer List, which older versions of the service do not know."""
        response_class = getattr(health_pb2, "HealthListResponse", None)
        if response_class is None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not known to this version")
        names = self._services
        if self._served is not None:
            names += self._served.services(self._identity_of(context), sees_all=self._sees_all)
        if len(names) > _MOST_LISTED:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"there are more than {_MOST_LISTED} services: ask for one",
            )
        told = {service: health_pb2.HealthCheckResponse(status=self._status) for service in names}
        data: bytes = response_class(statuses=told).SerializeToString()
        return data

    async def watch(self, door: Door, context: Context, stream: OpenStream) -> None:
        """Answer Watch: the state of now, and each later one, until the caller has enough."""
        data = await door.read(stream, context)
        service = await _service_in(data if isinstance(data, bytes) else b"", context)
        identity, connection = self._identity_of(context), stream.connection
        is_full = self._watched >= self._most_watchers
        if is_full or self._watchers[connection] >= self._most_of_connection:
            if self._on_limit is not None:
                most = self._most_watchers if is_full else self._most_of_connection
                self._on_limit("health_watchers", most, connection)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watch the health")
        self._begin_watch(connection)
        try:
            told = None
            while True:
                changed = self._changed
                status = self._status_of(identity, service)
                if status != told:
                    told = status
                    await door.write(stream, context, _response(status))
                await changed.wait()
        finally:
            self._end_watch(connection)

    def _begin_watch(self, connection: str) -> None:
        self._watchers[connection] += 1
        self._watched += 1
        if self._served is not None and self._end_of_watch is None:
            self._end_of_watch = self._served.on_change(self._change)

    def _end_watch(self, connection: str) -> None:
        self._watched -= 1
        self._watchers[connection] -= 1
        if not self._watchers[connection]:
            del self._watchers[connection]
        if not self._watched and self._end_of_watch is not None:
            self._end_of_watch()
            self._end_of_watch = None

    def _change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _identity_of(self, context: Context) -> Identity | None:
        return None if self._callers is None else self._callers.identity(context)

    def _status_of(self, identity: Identity | None, service: str) -> int:
        if service in self._services:
            return self._status
        served = self._served
        if served is None or not served.has(identity, service, sees_all=self._sees_all):
            return int(_UNKNOWN)
        return self._status

    @property
    def _status(self) -> int:
        return int(_SERVING if self._is_ready and not self._is_draining else _NOT_SERVING)


async def _service_in(data: bytes, context: Context) -> str:
    try:
        if len(data) > _MOST_NAME_BYTES:
            raise DecodeError
        service: str = health_pb2.HealthCheckRequest.FromString(data).service
    except (DecodeError, UnicodeDecodeError):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, MALFORMED)
    return service


def _response(status: int) -> bytes:
    data: bytes = health_pb2.HealthCheckResponse(status=status).SerializeToString()
    return data
