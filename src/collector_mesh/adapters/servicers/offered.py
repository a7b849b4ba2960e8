"""What may be mounted: the one rule of collectors, simulations and of the command line."""

import types
from collections.abc import Iterable, Mapping
from typing import Any

import grpc
import grpc.aio

from collector_mesh.adapters.servicers.recorder import RecordingServer
from collector_mesh.domain.model.errors import MeshError, attribute_of, is_a, kind_of, text_of
from collector_mesh.domain.model.kinds import Kind, kind_by

_ADDER = "a function that adds a servicer to a server, as the generated add_UserServiceServicer_to_server"

_UNIMPLEMENTED = ("set_code", "grpc", "StatusCode", "UNIMPLEMENTED", "set_details", "NotImplementedError")
"""The names that the code of a generated method uses which nobody has overridden: all of them, in this order."""


def handlers_of(adder: object, servicer: object) -> dict[tuple[str, str], Any]:
    """The handlers that an adder adds for a servicer, by service and method; those that are overridden.

    Args:
        adder: a generated function, or a generic handler; then there is no servicer.
        servicer: an instance of a servicer.

    Raises:
        TypeError: one of them is no such thing, or they do not fit each other.
        ValueError: nothing is added, or nothing that is overridden; or the adder has raised something.
        DuplicateMethodError: a method is added twice.
    """
    server = RecordingServer()
    if is_a(adder, grpc.GenericRpcHandler):
        if servicer is not None:
            raise TypeError(f"a generic handler is mounted without a servicer, got {kind_of(servicer)} too")
        server.add_generic_rpc_handlers((adder,))  # type: ignore[arg-type]  # just looked
        added, what = server.handlers(), kind_of(adder)
    else:
        _check(adder, servicer)
        what = _name(adder)
        _add(adder, servicer, server, what)
        added = server.handlers()
    if not added:
        raise ValueError(f"{what} has added no method")
    for (service, method), handler in added.items():
        _check_handler(f"{service}/{method}", handler)
    offered = {names: handler for names, handler in added.items() if not _is_unimplemented(handler)}
    if not offered:
        methods = ", ".join(".".join(names) for names in added)
        raise ValueError(f"{kind_of(servicer)} overrides none of its methods: {methods}")
    return offered


def interceptors_of(interceptors: object) -> tuple[Any, ...]:
    """The interceptors, in order.

    Raises:
        TypeError: one is no server interceptor; or some are for asyncio, and some not.
    """
    if is_a(interceptors, str, bytes) or not isinstance(interceptors, Iterable):
        raise TypeError(
            "interceptors must be a list of grpc.aio.ServerInterceptor, or of grpc.ServerInterceptor, got"
            f" {kind_of(interceptors)}"
        )
    found = tuple(interceptors)
    for each in found:
        if is_a(each, type) or not is_a(each, grpc.aio.ServerInterceptor, grpc.ServerInterceptor):
            need = ": an instance of it is needed" if is_a(each, type) else ""
            raise TypeError(
                "each of interceptors must be a grpc.aio.ServerInterceptor or a grpc.ServerInterceptor, got"
                f" {kind_of(each)}{need}"
            )
    if len({is_aio(each) for each in found}) > 1:
        kinds = ", ".join(kind_of(each) for each in found)
        raise TypeError(
            "interceptors must be all of grpc.aio.ServerInterceptor, or all of grpc.ServerInterceptor, got both:"
            f" {kinds}"
        )
    return found


def is_aio(interceptor: object) -> bool:
    """Whether an interceptor is for asyncio; one that is both, as some libraries have them, is."""
    return is_a(interceptor, grpc.aio.ServerInterceptor)


def _check(adder: object, servicer: object) -> None:
    if is_a(adder, type) or not callable(adder):
        seem = "; adder and servicer seem to be swapped" if is_a(servicer, types.FunctionType) else ""
        raise TypeError(f"adder must be {_ADDER}, got {kind_of(adder)}{seem}")
    if servicer is None:
        raise TypeError(f"servicer is missing: {_name(adder)} adds the methods of one")
    if is_a(servicer, type):
        raise TypeError(f"servicer must be an instance, got {kind_of(servicer)}: give {_name(servicer)}()")
    if is_a(servicer, types.FunctionType):
        raise TypeError(f"servicer must be an instance of a servicer, got the function {_name(servicer)}")


def _add(adder: Any, servicer: object, server: RecordingServer, what: str) -> None:
    try:
        added = adder(servicer, server)
    except MeshError:
        raise
    except (AttributeError, TypeError) as error:
        raise TypeError(f"{what} cannot add {kind_of(servicer)}: {text_of(error)}") from error
    except Exception as error:
        raise ValueError(f"{what} has raised {type(error).__name__}: {text_of(error)}") from error
    if is_a(added, types.CoroutineType):
        added.close()
        raise TypeError(f"adder must be {_ADDER}, got an async one: {what}")


def _check_handler(path: str, handler: object) -> None:
    fields = ("request_streaming", "response_streaming", "request_deserializer", "response_serializer")
    missing = [name for name in fields if not hasattr(type(handler), name) and not hasattr(handler, name)]
    if missing:
        raise TypeError(f"handler of {path} must be a grpc.RpcMethodHandler, got {kind_of(handler)}")
    behavior = behavior_of(handler)
    if not callable(behavior):
        raise TypeError(f"handler of {path} is not callable: {kind_of(behavior)}")


def kind(handler: Any) -> Kind:
    """Which of the four kinds a handler is of, by its flags."""
    return kind_by(takes_many=bool(handler.request_streaming), gives_many=bool(handler.response_streaming))


def behavior_of(handler: Any) -> Any:
    """What a handler calls."""
    return getattr(handler, _BEHAVIORS[kind(handler)], None)


_BEHAVIORS: Mapping[Kind, str] = types.MappingProxyType(
    {
        "unary": "unary_unary",
        "server": "unary_stream",
        "client": "stream_unary",
        "both": "stream_stream",
    }
)


def _is_unimplemented(handler: Any) -> bool:
    """Whether a handler calls what the generator has written, which answers UNIMPLEMENTED."""
    function = attribute_of(behavior_of(handler), "__func__") or behavior_of(handler)
    code = attribute_of(function, "__code__")
    return is_a(code, types.CodeType) and (
        code.co_names == _UNIMPLEMENTED and "Method not implemented!" in code.co_consts  # type: ignore[attr-defined]  # just looked
    )


def _name(what: object) -> str:
    name = attribute_of(what, "__qualname__")
    return str(name) if is_a(name, str) else kind_of(what)
