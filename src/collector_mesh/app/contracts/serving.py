"""Services made of objects whose classes implement a contract."""

import inspect
from collections.abc import Callable
from typing import Any

from collector_mesh.app.contracts.comparing import context_of
from collector_mesh.app.contracts.declaration import Declaration, Member, says_itself
from collector_mesh.app.contracts.form import is_options
from collector_mesh.app.contracts.hints import hint_in
from collector_mesh.app.contracts.implementing import check_implements
from collector_mesh.app.contracts.types.interface import MethodCodec
from collector_mesh.app.services.callables import BY_POSITION, is_async, parameters_of
from collector_mesh.app.services.hints import NO_HINT, UnresolvedHintError
from collector_mesh.app.services.lifespan import MakeLifespan
from collector_mesh.app.services.service import Service
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.kinds import UNARY
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload
from collector_mesh.domain.model.typed_payload import value_of
from collector_mesh.domain.serving.handlers import Method


def contract_service(
    instance: object, declaration: Declaration, lifespan: MakeLifespan | None, middleware: Any = ()
) -> Service:
    """The service that an object is.

    Args:
        instance: the object; its class implements the contract.
        declaration: of the contract.
        lifespan: of the service.
        middleware: around its methods.

    Raises:
        ContractError: the contract cannot be used; or a subclass has overridden a method, and it differs now.
    """
    kind = type(instance)
    if not says_itself(kind):
        # A subclass may have methods of its own in the place of those that were compared.
        check_implements(kind, declaration, {kind.__name__: kind})
    described = declaration.described()
    service = Service(
        declaration.namespace,
        declaration.service,
        lifespan=lifespan,
        descriptor=described.service_descriptor,
        middleware=middleware,
    )
    for member in declaration.members.values():
        if member.kind == UNARY:
            codec = described.codec(member.name)
            service.put(_method(declaration, member, getattr(instance, member.found_in(kind)), codec))
    return service


def contract_keys(kind: type, declaration: Declaration) -> tuple[MethodKey, ...]:
    """The names of the methods that an object of a class serves."""
    members = declaration.members.values()
    return tuple(
        declaration.key(member) for member in members if member.kind == UNARY and member.found_in(kind)
    )


def _method(
    declaration: Declaration, member: Member, function: Callable[..., Any], codec: MethodCodec
) -> Method:
    takes, url = codec.takes, TYPE_PREFIX + codec.gives
    read_request, write_result = codec.read_request, codec.write_result

    def read(payload: Payload) -> tuple[Any, ...]:
        return read_request(value_of(payload, takes))

    def write(result: object, most: int) -> Payload:
        return Payload(url, write_result(result, most))

    return Method(
        declaration.key(member),
        _called(declaration, member, function),
        blocking=not is_async(function),
        read=read,
        write=write,
        may_be_payload=False,
        idempotent=member.idempotent,
    )


def _called(
    declaration: Declaration, member: Member, function: Callable[..., Any]
) -> Callable[[Any, CallContext], Any]:
    """What takes the arguments, in the order of the contract, and the context, and calls a method with what it takes."""
    what = f"{declaration.title}.{member.attribute}"
    parameters = [each for each in parameters_of(what, function)[0] if not is_options(each)]
    wanted = [each.name for each in declaration.types(member).parameters]
    hints = {each.name: _hint(function, each) for each in parameters}
    names = frozenset() if declaration.has_free_names else frozenset(wanted)
    context = context_of(parameters, hints, names)
    by_position = all(each.kind in BY_POSITION for each in parameters)
    if context is None and by_position:
        if not parameters:
            return lambda _arguments, _context: function()
        if len(wanted) == 1:
            return lambda arguments, _context: function(arguments[0])
        return lambda arguments, _context: function(*arguments)
    if by_position and parameters[-1] is context:
        if len(parameters) == 1:
            return lambda _arguments, context: function(context)
        return lambda arguments, context: function(*arguments, context)
    if by_position and parameters[0] is context:
        return lambda arguments, context: function(context, *arguments)
    own = [each.name for each in parameters if each is not context]
    context_name = None if context is None else context.name

    def call(arguments: tuple[Any, ...], its_context: CallContext) -> Any:
        named = dict(zip(own, arguments, strict=False))
        if context_name is not None:
            named[context_name] = its_context
        return function(**named)

    return call


def _hint(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    try:
        return hint_in(function, parameter.annotation, {})
    except UnresolvedHintError:
        # It was compared where it is defined, by the names that there are.
        return NO_HINT
