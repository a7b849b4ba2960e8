"""Server reflection: a server tells which services and messages it has."""

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from collector_mesh.adapters.grpc.inspect_service import INSPECT_SERVICE
from collector_mesh.adapters.grpc.unary_link import SERVICE
from collector_mesh.adapters.wire.generated import dispatcher_pb2, inspect_pb2


def add_reflection(server: grpc.aio.Server) -> None:
    """Have a server tell what it serves."""
    pool = descriptor_pool.DescriptorPool()
    for module in (dispatcher_pb2, inspect_pb2, health_pb2, reflection_pb2):
        _add(pool, module.DESCRIPTOR)
    names = (
        SERVICE,
        INSPECT_SERVICE,
        health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
        reflection.SERVICE_NAME,
    )
    reflection.enable_server_reflection(names, server, pool)


def _add(pool: descriptor_pool.DescriptorPool, file: FileDescriptor) -> None:
    for dependency in file.dependencies:
        _add(pool, dependency)
    pool.AddSerializedFile(file.serialized_pb)
