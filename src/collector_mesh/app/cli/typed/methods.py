"""The method that a user means, who may type less than all of its name."""

import re
from typing import NamedTuple

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from collector_mesh.adapters.wire.described.shapes import alternatives
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.typed.types import Types, ends_like, last_parts
from collector_mesh.domain.model.texts import visible

_FORM = re.compile(r"/?[A-Za-z_][A-Za-z0-9_.]*(/[A-Za-z_][A-Za-z0-9_]*)?")
_MAX_NAME = 513
_MOST_LOADED = 500
"""Services whose methods are looked at for the name of a method alone."""

_MOST_TOLD = 5


class Wanted(NamedTuple):
    """What a user has typed for a method; the service is empty where it was the name of a method alone."""

    service: str
    method: str

    def __str__(self) -> str:
        return f"{self.service}/{self.method}" if self.service else self.method


class UnknownMethodError(CommandError):
    """Nobody describes a method; it may be there all the same.

    Args:
        text: what is not known, and what is.
        service: the full name of the service, where that is known.
    """

    def __init__(self, text: str, *, service: str = "") -> None:
        super().__init__(text, EXIT_FAILED)
        self.service = service


def wanted_of(text: str) -> Wanted:
    """What `package.Service/Method`, `package.Service.Method` or a last part of it means.

    Raises:
        CommandError: it is none of these.
    """
    if len(text) > _MAX_NAME or not _FORM.fullmatch(text) or ".." in text or text.endswith("."):
        raise CommandError(f"the method must be SERVICE/METHOD or SERVICE.METHOD, got {visible(text, 100)!r}")
    text = text.removeprefix("/")
    cut = "/" if "/" in text else "."
    service, _, method = text.rpartition(cut)
    if "." in service and service.endswith("."):
        raise CommandError(f"the method must be SERVICE/METHOD or SERVICE.METHOD, got {visible(text, 100)!r}")
    return Wanted(service, method)


async def method_of(types: Types, wanted: Wanted) -> MethodDescriptor:
    """The one method that a user means.

    Raises:
        UnknownMethodError: there is no such method.
        CommandError: there are several.
        DescriptorError, ReflectionError, StatusError: see `Types`.
    """
    if wanted.service and (service := await types.service(wanted.service)) is not None:
        return _method(service, wanted.method)
    names = await types.services()
    if not wanted.service:
        return await _anywhere(types, wanted.method, names)
    found = last_parts(wanted.service, names)
    if not found:
        raise UnknownMethodError(
            f"there is no service {visible(wanted.service, 100)}"
            + alternatives(wanted.service, ends_like(wanted.service, names), "services")
        )
    if len(found) > 1:
        raise CommandError(f"{wanted} may be a method of {_told(found)}: give the whole name")
    service = await types.service(found[0])
    if service is None:
        raise UnknownMethodError(f"the server lists {found[0]}, and does not describe it", service=found[0])
    return _method(service, wanted.method)


def _method(service: ServiceDescriptor, name: str) -> MethodDescriptor:
    found = service.methods_by_name.get(name)
    if found is None:
        names = [method.name for method in service.methods]
        raise UnknownMethodError(
            f"{service.full_name} has no method {visible(name, 100)}{alternatives(name, names, 'methods')}",
            service=service.full_name,
        )
    return found


async def _anywhere(types: Types, name: str, names: list[str]) -> MethodDescriptor:
    """A method by its own name alone."""
    if len(names) > _MOST_LOADED:
        raise CommandError(f"there are {len(names)} services: give the method as SERVICE/METHOD")
    found: list[MethodDescriptor] = []
    others: dict[str, None] = {}
    for each in names:
        service = await types.service(each)
        if service is None:
            continue
        others.update(dict.fromkeys(method.name for method in service.methods))
        if name in service.methods_by_name:
            found.append(service.methods_by_name[name])
    if not found:
        raise UnknownMethodError(
            f"no service has a method {visible(name, 100)}{alternatives(name, list(others), 'methods')}"
        )
    if len(found) > 1:
        whole = [path_of(method).removeprefix("/") for method in found]
        raise CommandError(f"{name} may be {_told(whole)}: give more of the name")
    return found[0]


def path_of(method: MethodDescriptor) -> str:
    """The path of a method, as gRPC has it."""
    assert method.containing_service is not None  # it was found there
    return f"/{method.containing_service.full_name}/{method.name}"


def _told(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    return " or ".join(map(visible, names[:_MOST_TOLD])) + more
