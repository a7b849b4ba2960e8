"""Servicers made into methods of the mesh."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import attrs
from google.protobuf.descriptor import ServiceDescriptor

from collector_mesh.adapters.servicers.intercepting import Chain, Own
from collector_mesh.adapters.servicers.messages import descriptor_of, input_of, reader
from collector_mesh.adapters.servicers.offered import handlers_of, interceptors_of, is_aio, kind
from collector_mesh.adapters.servicers.running import Around, Runner, is_async
from collector_mesh.adapters.wire.told_services import is_idempotent
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import UnimplementedError
from collector_mesh.domain.model.names import MethodKey, check_name, text_argument
from collector_mesh.domain.serving.handlers import Method


@attrs.frozen
class Mount:
    """What is mounted in a namespace.

    Attributes:
        namespace: the namespace, as a plain text.
        methods: the methods, in the order in which they were added.
        descriptors: those of the services that have one, by their full names.
    """

    namespace: str
    methods: tuple[Method, ...]
    descriptors: Mapping[str, ServiceDescriptor]

    @property
    def services(self) -> tuple[str, ...]:
        """The full names of the services."""
        return tuple(dict.fromkeys(method.key.service for method in self.methods))


def mount_of(
    namespace: object, adder: object, servicer: object, interceptors: object, around: Around
) -> Mount:
    """Make the methods of a servicer; see `Collector.mount`.

    Raises:
        InvalidCallError: a name is malformed.
        TypeError: an argument is not what it has to be, or they do not fit each other.
        ValueError: the adder adds nothing, or nothing that is overridden, or has raised.
        DuplicateMethodError: it adds a method twice.
    """
    namespace = text_argument("namespace", namespace)
    check_name("namespace", namespace)
    chain = interceptors_of(interceptors)
    handlers = handlers_of(adder, servicer)
    services: dict[str, dict[str, Any]] = {}
    for (service, method), handler in handlers.items():
        MethodKey(namespace, service, method).check()
        services.setdefault(service, {})[method] = handler
    found = {service: descriptor_of(service, its) for service, its in services.items()}
    descriptors = {service: each for service, each in found.items() if each is not None}
    owns = {names: _own(*names, handler, descriptors) for names, handler in handlers.items()}
    around_all = Chain(chain, owns.values(), around) if chain else None
    methods = []
    for (service, method), own in owns.items():
        key = MethodKey(namespace, service, method)
        made = _method(key, own, around_all, around, in_loop=bool(chain) and is_aio(chain[0]))
        methods.append(
            attrs.evolve(made, kind=kind(own.handler), idempotent=_is_idempotent(key, descriptors))
        )
    return Mount(namespace, tuple(methods), MappingProxyType(descriptors))


def _own(service: str, method: str, handler: Any, descriptors: Mapping[str, ServiceDescriptor]) -> Own:
    path = f"/{service}/{method}"
    if (descriptor := descriptors.get(service)) is None:
        return Own(handler, path, input_of(handler), None)
    its = descriptor.methods_by_name[method]
    return Own(handler, path, its.input_type.full_name, its.output_type.full_name)


def _is_idempotent(key: MethodKey, descriptors: Mapping[str, ServiceDescriptor]) -> bool:
    descriptor = descriptors.get(key.service)
    return descriptor is not None and is_idempotent(descriptor.methods_by_name[key.method])


def _method(key: MethodKey, own: Own, chain: Chain | None, around: Around, *, in_loop: bool) -> Method:
    handler = own.handler
    if kind(handler) != "unary":
        return Method(key, partial(_refuse, key, kind(handler)))
    if chain is None:
        read, runner = reader(handler, own.takes), Runner(handler, own.gives, around)
        if is_async(handler):
            return Method(key, runner.run_async, read=read)
        return Method(key, runner.run_plain, read=read, blocking=True)
    if in_loop:
        return Method(key, partial(chain.run_async, own))
    return Method(key, partial(chain.run_plain, own), blocking=True)


async def _refuse(key: MethodKey, its_kind: str, _request: Any, _context: CallContext) -> Any:
    """Calls of another kind than the method do not come here; those of its own have no way to come yet."""
    raise UnimplementedError(f"method {key} is of the kind {its_kind}, and only unary methods can be called")
