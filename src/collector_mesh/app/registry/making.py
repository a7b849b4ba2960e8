"""What a collector has of registries: the one that it offers, those that it asks, and the one at which it registers."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.app.options import Options
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.serving.handlers import HandlerRegistry

if TYPE_CHECKING:
    from collector_mesh.adapters.runtime.registry_types import RegistryTypes
    from collector_mesh.adapters.wire.descriptors import Descriptors
    from collector_mesh.app.registry.registering import Registering
    from collector_mesh.app.registry.registry import Registry
    from collector_mesh.domain.registry_door import RegistryDoor


def make_registry(options: Options) -> "Registry | None":
    """The registry that is offered, if there is one; nothing is opened."""
    if options.registry is None:
        return None
    from collector_mesh.app.registry.registry import Registry

    return options.registry if isinstance(options.registry, Registry) else Registry(options.registry)


def make_registry_door(
    registry: "Registry | None",
    access: Callable[[], AccessPolicy],
) -> "RegistryDoor | None":
    """Who may use that registry."""
    if registry is None:
        return None
    from collector_mesh.domain.registry_door import RegistryDoor

    return RegistryDoor(lambda: registry.core, access())


def make_registering(
    options: Options,
    handlers: HandlerRegistry,
    descriptors: Callable[[], "Descriptors"],
    tasks: Tasks,
    clock: Clock,
    dice: Randomness,
    observer: Observer,
) -> "Registering | None":
    """What registers elsewhere what is served here, where the user wants that."""
    if options.register_at is None:
        return None
    # grpc and protobuf are needed here, and not before.
    from collector_mesh.app.registry.registering import Registering

    return Registering(
        options, handlers, descriptors(), tasks=tasks, clock=clock, dice=dice, observer=observer
    )


def make_types(options: Options, registry: "Registry | None") -> "RegistryTypes | None":
    """The registry that tells what services look like which nobody describes.

    It is the collector's own, else that of its validator, else the one at which it registers.
    """
    if registry is not None:
        from collector_mesh.app.registry.validator import LocalTypes

        return LocalTypes(registry)
    if options.validator is not None:
        # A collector without a validator has none of this in memory.
        from collector_mesh.adapters.runtime.asking import AskingValidator

        if isinstance(options.validator, AskingValidator):
            return options.validator.types()
    if options.register_at is None:
        return None
    from collector_mesh.adapters.grpc.remote_types import RemoteTypes

    return RemoteTypes(options.register_at, tls=options.tls, insecure=options.insecure, token=options.token)
