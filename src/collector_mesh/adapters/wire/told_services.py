"""What this collector tells of a service: the files that it was generated from, or a file made from what its methods take."""

from collections.abc import Iterable
from typing import Any

from google.protobuf import descriptor_pb2, empty_pb2
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor

from collector_mesh.adapters.wire.descriptors import Descriptors
from collector_mesh.adapters.wire.file_sets import MAX_SET_BYTES, set_of
from collector_mesh.domain.model.errors import NotFoundError, PayloadTooLargeError, quoted
from collector_mesh.domain.serving.handlers import Method

_MAY_RUN_TWICE = frozenset(
    {descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS, descriptor_pb2.MethodOptions.IDEMPOTENT}
)
"""Levels of idempotency."""


def described(methods: Iterable[Method], descriptors: Descriptors, namespace: str, service: str) -> bytes:
    """The files of a service that is served here, as a `FileDescriptorSet`.

    Args:
        methods: those of the service.
        descriptors: those of what is mounted.
        namespace: of the service.
        service: its full name.

    Raises:
        NotFoundError: it is not served here, or nothing is known of its messages.
        PayloadTooLargeError: they are too large.
    """
    descriptor = descriptors.find(namespace, service)
    if descriptor is not None:
        data = set_of([descriptor])
    else:
        data = _made(service, [method for method in methods if method.takes and method.gives])
    if len(data) > MAX_SET_BYTES:
        raise PayloadTooLargeError(
            f"the files of service {quoted(service)} have {len(data)} bytes, at most {MAX_SET_BYTES} are told"
        )
    return data


def _made(service: str, methods: Iterable[Method]) -> bytes:
    """A file with a service, made from the classes of messages that its methods take and give."""
    package, _, name = service.rpartition(".")
    file = descriptor_pb2.FileDescriptorProto(
        name=f"collector_mesh/made/{service.replace('.', '/')}.proto", package=package, syntax="proto3"
    )
    made = file.service.add(name=name)
    imported: dict[str, FileDescriptor] = {}
    for method in methods:
        if "." in method.key.method:
            continue  # it has no place in a file
        types = [_descriptor(each) for each in (method.takes, method.gives)]
        told = made.method.add(
            name=method.key.method,
            input_type=f".{types[0].full_name}",
            output_type=f".{types[1].full_name}",
        )
        if method.idempotent:
            told.options.idempotency_level = descriptor_pb2.MethodOptions.IDEMPOTENT
        imported |= {one.file.name: one.file for one in types}
    if not made.method:
        raise NotFoundError(f"nothing is known of the messages of service {quoted(service)}")
    file.dependency.extend(imported)
    files = descriptor_pb2.FileDescriptorSet.FromString(set_of(imported.values()))
    files.file.add().CopyFrom(file)
    data: bytes = files.SerializeToString(deterministic=True)
    return data


def is_idempotent(method: MethodDescriptor) -> bool:
    """Whether the descriptor of a method says that it may run twice."""
    return method.GetOptions().idempotency_level in _MAY_RUN_TWICE


def name_of(of: type) -> str:
    """The full name of the message that a class stands for; `NoneType` stands for `google.protobuf.Empty`."""
    return _descriptor(of).full_name


def _descriptor(of: Any) -> Descriptor:
    descriptor: Descriptor = empty_pb2.Empty.DESCRIPTOR if of is type(None) else of.DESCRIPTOR
    return descriptor
