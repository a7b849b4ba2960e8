"""Both services of a registry, as a server takes them."""

import grpc

from collector_mesh.adapters.grpc.door import Door
from collector_mesh.adapters.grpc.paged_registry_service import PagedRegistryService
from collector_mesh.adapters.grpc.registry_calls import RegistryCalls
from collector_mesh.adapters.grpc.registry_service import RegistryService
from collector_mesh.domain.registry_door import RegistryDoor


def registry_services(
    registry: RegistryDoor, door: Door, *, proves_identity: bool
) -> list[grpc.GenericRpcHandler]:
    """What a server takes for a registry.

    Args:
        registry: the registry.
        door: what every request passes.
        proves_identity: whether callers show certificates.
    """
    calls = RegistryCalls(registry, proves_identity=proves_identity)
    return [RegistryService(calls).handler(door), PagedRegistryService(calls).handler(door)]
