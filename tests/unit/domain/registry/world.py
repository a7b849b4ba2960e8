"""A registry of plain values: descriptors are the texts of what they say."""

from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from collector_mesh.domain.ports.registry_store import RegistryStore
from collector_mesh.domain.registry.limits import RegistryLimits
from collector_mesh.domain.registry.memory_store import MemoryStore
from collector_mesh.domain.registry.registry import Registry
from collector_mesh.domain.registry.results import GivenFile
from collector_mesh.domain.registry.schema import Field, File, Message, Method, Schema, Service

T = TypeVar("T")

EMPTY = File(
    "google/protobuf/empty.proto", package="google.protobuf", messages=(Message("google.protobuf.Empty"),)
)


def run(work: Coroutine[Any, Any, T]) -> T:
    """What something comes to that waits for nothing but a store in memory."""
    try:
        work.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    raise AssertionError("it waits")


def message(name: str, *fields: str, types: Mapping[str, str] | None = None) -> Message:
    """A message with fields that are numbered in order, of text, or of the messages that are named."""
    typed = types or {}
    return Message(
        name,
        tuple(
            Field(field, number, "message", typed[field])
            if field in typed
            else Field(field, number, "string")
            for number, field in enumerate(fields, start=1)
        ),
    )


def shop(*fields: str, methods: Iterable[str] = ("Order", "Cancel"), name: str = "shop.proto") -> File:
    """A file with a service and one message."""
    return File(
        name,
        package="acme",
        messages=(message("acme.Thing", *(fields or ("item", "count"))),),
        services=(
            Service("acme.Shop", tuple(Method(method, "acme.Thing", "acme.Thing") for method in methods)),
        ),
    )


class TextSchemas:
    """Reads what it has written."""

    def __init__(self) -> None:
        self._files: dict[bytes, File] = {}
        self._services: dict[bytes, Service] = {}

    def given(self, file: File, comment: str = "") -> GivenFile:
        """A file as it is given."""
        data = f"{file}{comment}".encode()
        self._files[data] = file
        return GivenFile(file, data)

    def service(self, service: Service) -> bytes:
        """The descriptor of a service, which has its short name."""
        named = attrs.evolve(service, name=service.name.rpartition(".")[2])
        data = str(named).encode()
        self._services[data] = named
        return data

    def same(self, data: bytes, known: bytes) -> None:
        """Have other bytes say the same of a service."""
        self._services[data] = self._services[known]

    def read_file(self, data: bytes) -> File:
        return self._files[data]

    def read_service(self, data: bytes) -> Service:
        return self._services[data]

    def service_data(self, data: bytes, service: Service) -> bytes:
        assert service.name in [one.name for one in self._files[data].services]
        return self.service(service)

    def known_file(self, name: str) -> GivenFile | None:
        return self.given(EMPTY) if name == EMPTY.name else None


def lost(old: Schema, new: Schema) -> list[str]:
    """The fields and methods that are gone."""
    told = []
    for before in old.messages.values():
        fields = (
            {field.name for field in new.messages[before.name].fields}
            if before.name in new.messages
            else None
        )
        if fields is not None:
            told += [
                f"{before.name}.{field.name} is gone" for field in before.fields if field.name not in fields
            ]
    for service in old.services.values():
        methods = {one.name for one in new.services.get(service.name, Service("")).methods}
        told += [f"{service.name}/{one.name} is gone" for one in service.methods if one.name not in methods]
    return told


class World:
    """A registry, its schemas, and its time, which goes on by a second each time that it is asked."""

    def __init__(self, store: RegistryStore | None = None, limits: RegistryLimits = RegistryLimits()) -> None:  # noqa: B008
        self.now = 1_000.0
        self.schemas = TextSchemas()
        self.store = store or MemoryStore()
        self.registry = Registry(self.store, self.schemas, wall=self._wall, compare=lost, limits=limits)

    def given(self, file: File, comment: str = "") -> GivenFile:
        return self.schemas.given(file, comment)

    def _wall(self) -> float:
        self.now += 1
        return self.now
