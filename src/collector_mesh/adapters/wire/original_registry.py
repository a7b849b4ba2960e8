"""What programs ask a registry that has no service but the original's."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, ServiceDescriptorProto

from collector_mesh.adapters.wire.generated import registry_pb2
from collector_mesh.adapters.wire.registry_questions import NOT_FOUND_CODE, OK_CODE
from collector_mesh.adapters.wire.registry_requests import readable, seconds_of
from collector_mesh.domain.model.errors import NotFoundError, UnavailableError
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.registry.results import RegisteredService

_PB: Any = registry_pb2


def encode_register_proto(namespace: str, file: bytes, dependencies: Sequence[bytes]) -> bytes:
    """A RegisterProtoRequest."""
    request = _PB.RegisterProtoRequest(namespace=namespace)
    request.file_descriptor.ParseFromString(file)
    for one in dependencies:
        request.dependencies.add().ParseFromString(one)
    data: bytes = request.SerializeToString()
    return data


def encode_register_service(namespace: str, service: bytes, file: bytes | None) -> bytes:
    """A RegisterServiceRequest."""
    request = _PB.RegisterServiceRequest(namespace=namespace)
    request.service_descriptor.ParseFromString(service)
    if file is not None:
        request.file_descriptor.ParseFromString(file)
    data: bytes = request.SerializeToString()
    return data


def encode_lookup_service(namespace: str, service: str) -> bytes:
    """A LookupServiceRequest."""
    data: bytes = _PB.LookupServiceRequest(namespace=namespace, service_name=service).SerializeToString()
    return data


def encode_list_services(namespace: str) -> bytes:
    """A ListServicesRequest."""
    data: bytes = _PB.ListServicesRequest(namespace=namespace).SerializeToString()
    return data


def decode_proto_id(data: bytes) -> str:
    """Read a RegisterProtoResponse: the id of the file.

    Raises:
        UnavailableError: it is none, or tells of no success.
    """
    response = readable(lambda: _PB.RegisterProtoResponse.FromString(data))
    _check(response)
    return str(response.proto_id)


def decode_service_id(data: bytes) -> str:
    """Read a RegisterServiceResponse: the id of the service; see `decode_proto_id`."""
    response = readable(lambda: _PB.RegisterServiceResponse.FromString(data))
    _check(response)
    return str(response.service_id)


def decode_service(data: bytes) -> RegisteredService:
    """Read a LookupServiceResponse.

    Raises:
        NotFoundError: there is no such service.
        UnavailableError: see `decode_proto_id`.
    """
    response = readable(lambda: _PB.LookupServiceResponse.FromString(data))
    _check(response)
    return readable(lambda: _service(response.service))


def decode_services(data: bytes) -> tuple[RegisteredService, ...]:
    """Read a ListServicesResponse; see `decode_service`."""
    response = readable(lambda: _PB.ListServicesResponse.FromString(data))
    _check(response)
    return readable(lambda: tuple(map(_service, response.services)))


def service_in(file: bytes, name: str) -> bytes | None:
    """The descriptor of a service, by its full name, from its file; None if it is not there."""
    proto = FileDescriptorProto.FromString(file)
    prefix = f"{proto.package}." if proto.package else ""
    for service in proto.service:
        if prefix + service.name == name:
            data: bytes = service.SerializeToString()
            return data
    return None


def name_in(service: bytes) -> str:
    """The name that the descriptor of a service has."""
    return str(ServiceDescriptorProto.FromString(service).name)


def _check(response: Any) -> None:
    status = response.status
    said = visible(status.message)
    if status.code == NOT_FOUND_CODE:
        raise NotFoundError(said or "not found")
    if status.code != OK_CODE or not response.HasField("status"):
        raise UnavailableError(f"the registry has answered with the status {status.code}: {said}")


def _service(service: Any) -> RegisteredService:
    return RegisteredService(
        id=service.id,
        namespace=service.namespace,
        name=service.service_name,
        data=service.service_descriptor.SerializeToString(),
        method_names=tuple(service.method_names),
        file="",
        created_at=seconds_of(service.metadata.created_at),
        updated_at=seconds_of(service.metadata.updated_at),
        labels=dict(service.metadata.labels),
    )
