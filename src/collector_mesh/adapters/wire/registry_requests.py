"""What programs ask a registry, to and from the words of the domain: the second service of ours."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import attrs

from collector_mesh.adapters.wire.dispatcher_codec import UNREADABLE
from collector_mesh.adapters.wire.generated.registry_v1 import registry_pb2
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.registry.results import (
    Change,
    HistoryPage,
    Outcome,
    RegisteredService,
    ServicePage,
)

T = TypeVar("T")

# The generated classes have no types that say what their fields hold.
_PB: Any = registry_pb2

_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {"unchanged": "unchanged", "registered": "registered", "changed": "changed"}
)


@attrs.frozen
class RegisteredName:
    """What has become of a file or a service by registering it.

    Attributes:
        id: `NAMESPACE/NAME`.
        outcome: `registered`, `changed`, or `unchanged` if it was there as it is.
        differences: what is incompatible with what was there: of a dry run, or where that was forced.
    """

    id: str
    outcome: Outcome
    differences: tuple[str, ...] = ()


def encode_register(
    namespace: str,
    files: Iterable[bytes],
    services: Iterable[tuple[str, bytes | None]],
    *,
    labels: Mapping[str, str] | None,
    force: bool,
    dry_run: bool,
) -> bytes:
    """A RegisterRequest; of each service its name, and its descriptor where it is in none of the files."""
    request = _PB.RegisterRequest(
        namespace=namespace,
        files=files,
        labels=labels or {},
        force=force,
        dry_run=dry_run,
        without_labels=labels is not None and not labels,
    )
    for name, descriptor in services:
        request.services.add(name=name, service_descriptor=descriptor or b"")
    return _written(request)


def encode_deregister(namespace: str, name: str) -> bytes:
    """A DeregisterRequest."""
    return _written(_PB.DeregisterRequest(namespace=namespace, name=name))


def encode_lookup(namespace: str, service: str) -> bytes:
    """A LookupRequest."""
    return _written(_PB.LookupRequest(namespace=namespace, service=service))


def encode_list(namespace: str, after: str, limit: int) -> bytes:
    """A ListRequest."""
    return _written(_PB.ListRequest(namespace=namespace, after=after, limit=limit))


def encode_history(namespace: str, name: str, after: str, limit: int) -> bytes:
    """A HistoryRequest."""
    return _written(_PB.HistoryRequest(namespace=namespace, name=name, after=after, limit=limit))


def decode_registered(data: bytes) -> tuple[RegisteredName, ...]:
    """Read a RegisterResponse.

    Raises:
        UnavailableError: it is none.
    """

    def read() -> tuple[RegisteredName, ...]:
        return tuple(
            RegisteredName(one.id, _OUTCOMES[one.outcome], tuple(one.differences))
            for one in _PB.RegisterResponse.FromString(data).registered
        )

    return readable(read)


def decode_deregistered(data: bytes) -> str:
    """Read a DeregisterResponse: the id of what is gone.

    Raises:
        UnavailableError: it is none.
    """
    return readable(lambda: str(_PB.DeregisterResponse.FromString(data).id))


def decode_found(data: bytes) -> tuple[RegisteredService, tuple[bytes, ...]]:
    """Read a LookupResponse: a service, and the files that it needs.

    Raises:
        UnavailableError: it is none.
    """

    def read() -> tuple[RegisteredService, tuple[bytes, ...]]:
        response = _PB.LookupResponse.FromString(data)
        if not response.HasField("service"):
            raise KeyError("service")
        return _service(response.service), tuple(response.files)

    return readable(read)


def decode_page(data: bytes) -> ServicePage:
    """Read a ListResponse.

    Raises:
        UnavailableError: it is none.
    """

    def read() -> ServicePage:
        response = _PB.ListResponse.FromString(data)
        return ServicePage(tuple(map(_service, response.services)), response.next)

    return readable(read)


def decode_history(data: bytes) -> HistoryPage:
    """Read a HistoryResponse.

    Raises:
        UnavailableError: it is none.
    """

    def read() -> HistoryPage:
        response = _PB.HistoryResponse.FromString(data)
        return HistoryPage(tuple(map(_change, response.changes)), response.next, response.dropped)

    return readable(read)


def readable(read: Callable[[], T]) -> T:
    """What reading an answer gives.

    Raises:
        UnavailableError: it cannot be read.
    """
    try:
        return read()
    except (*UNREADABLE, KeyError) as error:
        raise UnavailableError("the registry has answered what cannot be read") from error


def seconds_of(timestamp: Any) -> float:
    """A `google.protobuf.Timestamp` in seconds since 1970."""
    seconds: float = timestamp.seconds + timestamp.nanos / 1e9
    return seconds


def _service(service: Any) -> RegisteredService:
    return RegisteredService(
        id=service.id,
        namespace=service.namespace,
        name=service.name,
        data=service.service_descriptor,
        method_names=tuple(service.method_names),
        file=service.file,
        created_at=seconds_of(service.created_at),
        updated_at=seconds_of(service.updated_at),
        labels=dict(service.labels),
    )


def _change(change: Any) -> Change:
    return Change(
        number=change.number,
        namespace=change.namespace,
        kind=change.kind,
        name=change.name,
        action=change.action,
        at=seconds_of(change.at),
        by=change.by,
        details=tuple(change.details),
        is_forced=change.is_forced,
        version=change.version,
    )


def _written(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data
