"""The messages of `collector_mesh.registry.v1.Registry`, to and from the words of the domain."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from google.protobuf.message import Message

from collector_mesh.adapters.wire.dispatcher_codec import UNREADABLE
from collector_mesh.adapters.wire.generated.registry_v1 import registry_pb2 as pb
from collector_mesh.adapters.wire.registry_codec import timestamp_of
from collector_mesh.adapters.wire.weighing import Inner, TooManyFieldsError, count_fields
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.registry.results import (
    Change,
    GivenService,
    HistoryPage,
    RegisteredFile,
    RegisteredService,
    ServicePage,
)

_MAX_FIELDS = 4096
_COUNTED: Inner = {3: {}, 4: {}}
"""The services and labels of a RegisterRequest; in no other message a message has these numbers."""

M = TypeVar("M", bound=Message)


class RegisterRequest(NamedTuple):
    """What Register asks for.

    Attributes:
        namespace: where, unchecked.
        files: a `FileDescriptorProto` each.
        services: services; none means the files alone.
        labels: what is said of them, unchecked; None for what is said already.
        force: also what is incompatible.
        dry_run: only tell what would happen.
    """

    namespace: str
    files: tuple[bytes, ...]
    services: tuple[GivenService, ...]
    labels: Mapping[str, str] | None
    force: bool
    dry_run: bool


class PageRequest(NamedTuple):
    """What List and History ask for, unchecked.

    Attributes:
        namespace: where; empty for everywhere.
        name: of what; empty for all.
        after: `next` of the page before.
        limit: how many; 0 for some.
    """

    namespace: str
    name: str
    after: str
    limit: int


def decode_register_request(data: bytes) -> RegisterRequest:
    """Read a RegisterRequest.

    Raises:
        InvalidCallError: the bytes are no such message, or have very many fields.
    """
    request = _read(pb.RegisterRequest, data)
    return RegisterRequest(
        request.namespace,
        tuple(request.files),
        tuple(GivenService(service.name, service.service_descriptor or None) for service in request.services),
        dict(request.labels) if request.labels or request.without_labels else None,
        request.force,
        request.dry_run,
    )


def decode_deregister_request(data: bytes) -> tuple[str, str]:
    """Read a DeregisterRequest: namespace and name, unchecked.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    request = _read(pb.DeregisterRequest, data)
    return request.namespace, request.name


def decode_paged_lookup_request(data: bytes) -> tuple[str, str]:
    """Read a LookupRequest: namespace and service, unchecked.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    request = _read(pb.LookupRequest, data)
    return request.namespace, request.service


def decode_page_request(data: bytes) -> PageRequest:
    """Read a ListRequest.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    request = _read(pb.ListRequest, data)
    return PageRequest(request.namespace, "", request.after, request.limit)


def decode_history_request(data: bytes) -> PageRequest:
    """Read a HistoryRequest.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    request = _read(pb.HistoryRequest, data)
    return PageRequest(request.namespace, request.name, request.after, request.limit)


def encode_registered(registered: Sequence[RegisteredFile | RegisteredService]) -> bytes:
    """A RegisterResponse."""
    return pb.RegisterResponse(
        registered=[
            pb.Registered(id=one.id, outcome=one.outcome, differences=one.differences) for one in registered
        ]
    ).SerializeToString()


def encode_deregistered(what: str) -> bytes:
    """A DeregisterResponse, with the id of what is gone."""
    return pb.DeregisterResponse(id=what).SerializeToString()


def encode_with_files(service: RegisteredService, files: Sequence[bytes]) -> bytes:
    """A LookupResponse."""
    return pb.LookupResponse(service=_service(service), files=files).SerializeToString()


def encode_page(page: ServicePage) -> bytes:
    """A ListResponse."""
    return pb.ListResponse(
        services=[_service(service) for service in page.services], next=page.after
    ).SerializeToString()


def encode_history(page: HistoryPage) -> bytes:
    """A HistoryResponse."""
    return pb.HistoryResponse(
        changes=[_change(change) for change in page.changes], next=page.after, dropped=page.dropped
    ).SerializeToString()


def _read(kind: type[M], data: bytes) -> M:
    try:
        count_fields(data, _COUNTED if kind is pb.RegisterRequest else {}, _MAX_FIELDS)
        return kind.FromString(data)
    except TooManyFieldsError as error:
        raise InvalidCallError(f"a request of more than {_MAX_FIELDS} fields") from error
    except UNREADABLE as error:
        raise InvalidCallError("malformed request") from error


def _service(service: RegisteredService) -> pb.Service:
    return pb.Service(
        id=service.id,
        namespace=service.namespace,
        name=service.name,
        file=service.file,
        method_names=service.method_names,
        created_at=timestamp_of(service.created_at),
        updated_at=timestamp_of(service.updated_at),
        labels=dict(service.labels),
        service_descriptor=service.data,
    )


def _change(change: Change) -> pb.Change:
    return pb.Change(
        number=change.number,
        namespace=change.namespace,
        kind=change.kind,
        name=change.name,
        action=change.action,
        at=timestamp_of(change.at),
        by=change.by,
        details=change.details,
        is_forced=change.is_forced,
        version=change.version,
    )
