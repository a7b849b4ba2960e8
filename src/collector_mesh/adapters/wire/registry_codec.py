"""The messages of `collector.CollectorRegistry`, to and from the words of the domain."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from collector_mesh.adapters.wire.dispatcher_codec import UNREADABLE
from collector_mesh.adapters.wire.raw_registry import NAMED, RAW
from collector_mesh.adapters.wire.registry_questions import NOT_FOUND_CODE, OK_CODE
from collector_mesh.adapters.wire.weighing import TooManyFieldsError, count_fields
from collector_mesh.domain.model.errors import InvalidCallError, clipped
from collector_mesh.domain.registry.results import RegisteredFile, RegisteredService, Validity

CANNOT_TELL_CODE = 12
"""What we say where the registry cannot answer: its store is away. The original has it for what it cannot do."""

SUCCESS = "Success"

_MAX_FIELDS = 4096


class FileRequest(NamedTuple):
    """What RegisterProto asks for.

    Attributes:
        namespace: where, unchecked.
        file: the `FileDescriptorProto`, None if there is none.
        dependencies: files that it imports.
    """

    namespace: str
    file: bytes | None
    dependencies: tuple[bytes, ...]


class ServiceRequest(NamedTuple):
    """What RegisterService asks for.

    Attributes:
        namespace: where, unchecked.
        service: the `ServiceDescriptorProto`, None if there is none.
        file: the `FileDescriptorProto`, None if there is none.
    """

    namespace: str
    service: bytes | None
    file: bytes | None


def decode_file_request(data: bytes) -> FileRequest:
    """Read a RegisterProtoRequest.

    Raises:
        InvalidCallError: the bytes are no such message, or have very many fields.
    """
    request = read("RegisterProtoRequest", data)
    return FileRequest(request.namespace, _given(request, "file_descriptor"), tuple(request.dependencies))


def decode_service_request(data: bytes) -> ServiceRequest:
    """Read a RegisterServiceRequest.

    Raises:
        InvalidCallError: the bytes are no such message, or have very many fields.
    """
    request = read("RegisterServiceRequest", data)
    return ServiceRequest(
        request.namespace, _given(request, "service_descriptor"), _given(request, "file_descriptor")
    )


def decode_lookup_request(data: bytes) -> tuple[str, str]:
    """Read a LookupServiceRequest: namespace and service, unchecked.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    request = read("LookupServiceRequest", data)
    return request.namespace, request.service_name


def decode_validate_request(data: bytes) -> tuple[str, str, str]:
    """Read a ValidateMethodRequest: namespace, service and method, unchecked.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    request = read("ValidateMethodRequest", data)
    return request.namespace, request.service_name, request.method_name


def decode_list_request(data: bytes) -> str:
    """Read a ListServicesRequest: the namespace, unchecked.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    namespace: str = read("ListServicesRequest", data).namespace
    return namespace


def encode_registered_file(file: RegisteredFile) -> bytes:
    """A RegisterProtoResponse."""
    return _made(
        "RegisterProtoResponse", status=_status(), proto_id=file.id, registered_messages=file.message_names
    )


def encode_registered_service(service: RegisteredService, name: str) -> bytes:
    """A RegisterServiceResponse; the service is told under this name."""
    return _made(
        "RegisterServiceResponse",
        status=_status(),
        service_id=f"{service.namespace}/{name}",
        registered_methods=service.method_names,
    )


def encode_found(service: RegisteredService, name: str) -> bytes:
    """A LookupServiceResponse with a service, which is told under this name."""
    return _made("LookupServiceResponse", status=_status(), service=_service(service, name))


def encode_not_found(text: str, code: int = NOT_FOUND_CODE) -> bytes:
    """A LookupServiceResponse without one."""
    return _made("LookupServiceResponse", status=_status(code, text))


def encode_validity(validity: Validity, code: int | None = None) -> bytes:
    """A ValidateMethodResponse; without a code, the one that follows."""
    if code is None:
        code = OK_CODE if validity.is_valid else NOT_FOUND_CODE
    text = clipped(validity.message)
    return _made(
        "ValidateMethodResponse", status=_status(code, text), is_valid=validity.is_valid, message=text
    )


def encode_list_failure(text: str) -> bytes:
    """A ListServicesResponse that says why there is no list."""
    return _made("ListServicesResponse", status=_status(CANNOT_TELL_CODE, text))


def encode_list(services: Sequence[bytes]) -> bytes:
    """A ListServicesResponse with services that `encode_listed` has made."""
    return _made("ListServicesResponse", status=_status()) + b"".join(services)


def encode_listed(service: RegisteredService, name: str) -> bytes:
    """A service, under this name, as a part of a ListServicesResponse; such parts stand one after the other."""
    return _made("ListServicesResponse", services=[_service(service, name)])


def name_in(descriptor: bytes) -> str:
    """The name of a file or a service, of a descriptor that nobody has read; empty if it has none.

    Raises:
        InvalidCallError: it is no descriptor.
    """
    try:
        name: bytes = RAW[NAMED].FromString(descriptor).name
        return name.decode()
    except UNREADABLE as error:
        raise InvalidCallError("malformed descriptor") from error


def read(name: str, data: bytes) -> Any:
    """Read one of the messages, descriptors as bytes.

    Raises:
        InvalidCallError: the bytes are no such message, or have very many fields.
    """
    try:
        count_fields(data, {}, _MAX_FIELDS)
        return RAW[name].FromString(data)
    except TooManyFieldsError as error:
        raise InvalidCallError(f"a request of more than {_MAX_FIELDS} fields") from error
    except UNREADABLE as error:
        raise InvalidCallError("malformed request") from error


def _given(request: Any, field: str) -> bytes | None:
    data: bytes = getattr(request, field)
    return data if request.HasField(field) else None


def _made(name: str, **fields: object) -> bytes:
    data: bytes = RAW[name](**fields).SerializeToString()
    return data


def _status(code: int = OK_CODE, text: str = SUCCESS) -> dict[str, object]:
    return {"code": code, "message": clipped(text)}


def _service(service: RegisteredService, name: str) -> dict[str, object]:
    return {
        "id": f"{service.namespace}/{name}",
        "namespace": service.namespace,
        "service_name": name,
        "service_descriptor": service.data,
        "method_names": service.method_names,
        "metadata": {
            "created_at": timestamp_of(service.created_at),
            "updated_at": timestamp_of(service.updated_at),
            "labels": dict(service.labels),
        },
    }


def timestamp_of(seconds: float) -> dict[str, int]:
    """A time as a Timestamp is made of."""
    nanos = round(seconds * 1_000_000) * 1_000
    return {"seconds": nanos // 1_000_000_000, "nanos": nanos % 1_000_000_000}
