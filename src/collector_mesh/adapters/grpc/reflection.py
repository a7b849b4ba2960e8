"""Server reflection: a server tells which services and messages it has."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from collector_mesh.adapters.grpc.door import MALFORMED, Context, Door
from collector_mesh.adapters.grpc.health import HEALTH_SERVICE
from collector_mesh.adapters.grpc.inspect_service import INSPECT_SERVICE
from collector_mesh.adapters.grpc.unary_link import SERVICE
from collector_mesh.adapters.wire.generated import dispatcher_pb2, inspect_pb2
from collector_mesh.domain.policies.open_streams import OpenStream


class Reflection:
    """Answers what a server has; it takes bytes, as all of ours do."""

    def __init__(self) -> None:
        pool = descriptor_pool.DescriptorPool()
        for module in (dispatcher_pb2, inspect_pb2, health_pb2, reflection_pb2):
            _add(pool, module.DESCRIPTOR)
        names = (SERVICE, INSPECT_SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME)
        self._answers = reflection.aio.ReflectionServicer(names, pool)

    def handler(self, door: Door) -> grpc.GenericRpcHandler:
        """What a server takes."""
        methods = {"ServerReflectionInfo": door.streams(partial(self.tell, door))}
        return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, methods)

    async def tell(self, door: Door, context: Context, stream: OpenStream) -> None:
        """Answer questions until there are no more."""
        questions = _questions(context, partial(door.read, stream, context))
        async for answer in self._answers.ServerReflectionInfo(questions, context):
            await context.write(answer.SerializeToString())


async def _questions(
    context: Context, read: Callable[[], Awaitable[object]]
) -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
    while isinstance(data := await read(), bytes):
        try:
            question = reflection_pb2.ServerReflectionRequest.FromString(data)
        except (DecodeError, UnicodeDecodeError):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, MALFORMED)
        yield question


def _add(pool: descriptor_pool.DescriptorPool, file: FileDescriptor) -> None:
    for dependency in file.dependencies:
        _add(pool, dependency)
    pool.AddSerializedFile(file.serialized_pb)
