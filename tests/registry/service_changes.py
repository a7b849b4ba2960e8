"""Changes to services and to extensions, made by dice."""

from collections.abc import Callable, Mapping

import attrs
from tests.registry.made_files import Maker

from collector_mesh.domain.registry.schema import File, Method, Service

Kind = Callable[[Maker, File], File | None]
"""A change of a file; None where it cannot be made."""


def remove_extension(maker: Maker, file: File) -> File | None:
    """What extensions there are is a matter of programs' code alone."""
    if not file.extensions:
        return None
    gone = maker.dice.choice(file.extensions)
    return attrs.evolve(file, extensions=tuple(one for one in file.extensions if one is not gone))


def change_extension(maker: Maker, file: File) -> File | None:
    """Its type, its name, or whether there are several."""
    if not file.extensions:
        return None
    at = maker.dice.randrange(len(file.extensions))
    field = file.extensions[at].field
    after = maker.dice.choice(
        (
            attrs.evolve(field, type=maker.dice.choice(("int32", "int64", "string", "bytes"))),
            attrs.evolve(field, name=f"{field.name}_too"),
            attrs.evolve(field, cardinality="repeated" if field.cardinality == "optional" else "optional"),
        )
    )
    extension = attrs.evolve(file.extensions[at], field=after)
    return attrs.evolve(file, extensions=(*file.extensions[:at], extension, *file.extensions[at + 1 :]))


def of_method(change: Callable[[Maker, File, Method], Method | None]) -> Kind:
    """A change of one method; None from it removes the method."""

    def run(maker: Maker, file: File) -> File | None:
        services = [service for service in file.services if service.methods]
        if not services:
            return None
        service = maker.dice.choice(services)
        method = maker.dice.choice(service.methods)
        after = change(maker, file, method)
        methods = tuple(
            now for one in service.methods if (now := after if one is method else one) is not None
        )
        return attrs.evolve(
            file,
            services=tuple(
                Service(service.name, methods) if one is service else one for one in file.services
            ),
        )

    return run


def _message_of(maker: Maker, file: File) -> str:
    return maker.dice.choice([one.name for one in file.messages if not one.is_map_entry])


def remove_service(maker: Maker, file: File) -> File | None:
    """With all its methods."""
    if not file.services:
        return None
    gone = maker.dice.choice(file.services)
    return attrs.evolve(file, services=tuple(one for one in file.services if one is not gone))


def add_service(maker: Maker, file: File) -> File | None:
    """Which breaks nothing."""
    service = maker.service(f"{file.package}.Added", [_message_of(maker, file)])
    return attrs.evolve(file, services=(*file.services, service))


SERVICE_CHANGES: Mapping[str, Kind] = {
    "remove_extension": remove_extension,
    "change_extension": change_extension,
    "remove_method": of_method(lambda _maker, _file, _method: None),
    "rename_method": of_method(lambda _maker, _file, method: attrs.evolve(method, name=f"{method.name}New")),
    "change_takes": of_method(
        lambda maker, file, method: attrs.evolve(method, takes=_message_of(maker, file))
    ),
    "change_gives": of_method(
        lambda maker, file, method: attrs.evolve(method, gives=_message_of(maker, file))
    ),
    "change_client": of_method(
        lambda _maker, _file, method: attrs.evolve(method, client_streaming=not method.client_streaming)
    ),
    "change_server": of_method(
        lambda _maker, _file, method: attrs.evolve(method, server_streaming=not method.server_streaming)
    ),
    "change_idempotency": of_method(
        lambda maker, _file, method: attrs.evolve(
            method, idempotency=maker.dice.choice(("unknown", "no_side_effects", "idempotent"))
        )
    ),
    "remove_service": remove_service,
    "add_service": add_service,
}
