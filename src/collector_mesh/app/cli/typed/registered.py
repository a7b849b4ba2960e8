"""Types of services as a registry tells them, in place of a server's reflection."""

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError

from collector_mesh.adapters.grpc.reflection_client import MAX_SERVICES, ReflectionError
from collector_mesh.adapters.grpc.remote_registry import RemoteRegistry
from collector_mesh.domain.model.errors import NotFoundError
from collector_mesh.domain.model.names import IDENTIFIERS

_MOST_LOADED = 500
"""Services whose files are asked for on behalf of one name."""


class RegisteredTypes:
    """Asks a registry what a server's reflection is asked otherwise; see `Reflection` for the methods.

    Args:
        registry: the registry; it is opened here, and closed by `aclose`.
        namespace: whose services; empty for all, where no two namespaces have one of the same name.
    """

    def __init__(self, registry: RemoteRegistry, namespace: str) -> None:
        self._registry = registry
        self._namespace = namespace
        self._places: dict[str, list[str]] | None = None
        """The namespaces of each service, by its full name."""
        self._files: dict[str, bytes] = {}
        self._loaded: set[str] = set()

    async def services(self) -> list[str]:
        """Full names of the services, in order.

        Raises:
            MeshError: the registry is away, or refuses.
            ReflectionError: it has too many, or answers what cannot be used.
        """
        return sorted(await self._known())

    async def files_with(self, symbol: str) -> list[bytes]:
        """The files of the service that a symbol is, or is in; none if the registry does not have it; see `services`."""
        known = await self._known()
        for name in (symbol, symbol.rpartition(".")[0]):
            if name in known:
                return await self._files_of(name, known[name])
        found: list[bytes] = []
        for name in sorted(known)[:_MOST_LOADED]:
            if name not in self._loaded:
                found += await self._files_of(name, known[name])
        return found

    async def file(self, name: str) -> list[bytes]:
        """A file among those of services that were asked for; none otherwise."""
        return [self._files[name]] if name in self._files else []

    async def aclose(self) -> None:
        """Close the connection."""
        await self._registry.aclose()

    async def _known(self) -> dict[str, list[str]]:
        if self._places is not None:
            return self._places
        await self._registry.reach()
        places: dict[str, list[str]] = {}
        count = 0
        async for service in self._registry.every(self._namespace):
            count += 1
            if count > MAX_SERVICES:
                raise ReflectionError(
                    f"{self._registry.address} has more than {MAX_SERVICES} services: give a namespace"
                )
            if IDENTIFIERS.fullmatch(service.name):
                places.setdefault(service.name, []).append(service.namespace)
        self._places = places
        return places

    async def _files_of(self, service: str, namespaces: list[str]) -> list[bytes]:
        self._loaded.add(service)
        told: list[tuple[bytes, ...]] = []
        for namespace in namespaces:
            try:
                told.append(await self._registry.files(namespace, service))
            except NotFoundError:
                continue
        if len(set(told)) > 1:
            named = ", ".join(sorted(namespaces)[:8])
            raise ReflectionError(
                f"the service {service} is not the same in the namespaces {named}: give the namespace"
            )
        files = list(told[0]) if told else []
        for data in files:
            self._files.setdefault(_name_of(data), data)
        return files


def _name_of(file: bytes) -> str:
    try:
        return str(FileDescriptorProto.FromString(file).name)
    except (DecodeError, UnicodeDecodeError) as error:
        raise ReflectionError("the registry has answered with a descriptor that cannot be read") from error
