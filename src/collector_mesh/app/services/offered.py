"""What may be given for a service: the one rule of collectors and of the command line."""

import inspect
from collections.abc import Callable, Container, Iterable
from typing import Any

from collector_mesh.app.contracts.declaration import Declaration, given_declaration, implemented_by
from collector_mesh.app.services.marks import marks_of
from collector_mesh.app.services.service import Service
from collector_mesh.domain.model.errors import attribute_of, is_a, kind_of
from collector_mesh.domain.model.names import MethodKey

Offered = Service | type | Callable[[], Any] | Any
"""A service, a class that marks methods or implements a contract, an instance of one, or a callable without arguments that
makes one of these.

A collector cannot say more of it in a type: instances may be of any class.
"""

_ALLOWED = (
    "a Service, a class that marks methods with @collector_mesh.method or implements a contract, an instance of one, or a"
    " callable without arguments that makes one of these"
)


def service_of(offered: object) -> Service:
    """The service that something is, or makes.

    Raises:
        TypeError: it is none and makes none; the text says what it is and what is allowed.
        Exception: what a class or another callable raises that is to make one.
    """
    if (service := _service(offered)) is not None:
        return service
    if (contract := _contract(offered)) is not None:
        raise TypeError(
            f"{contract.title} is a contract, which runs nothing: serve a class under @implements({contract.title})"
        )
    if is_a(offered, type):
        if not issubclass(offered, Service):  # type: ignore[arg-type]  # just looked
            raise TypeError(
                f"{kind_of(offered)} marks no method with @collector_mesh.method, and implements no contract"
            )
    elif not callable(offered):
        raise TypeError(f"a service must be {_ALLOWED}; got {_described(offered)}")
    elif inspect.iscoroutinefunction(offered):
        raise TypeError(
            "what makes a service must be a plain callable, got an async one: what has to be awaited belongs into a lifespan"
        )
    _check_takes_nothing(offered)
    made = offered()  # type: ignore[operator]  # just looked
    if (service := _service(made)) is not None:
        return service
    if inspect.iscoroutine(made):
        made.close()
    raise TypeError(
        f"{_name(offered)} must make a Service, or an instance of a class that marks methods, and has made {_described(made)}"
    )


def services_of(offered: Iterable[object]) -> list[Service]:
    """The services that several things are, or make.

    Raises:
        TypeError: as `service_of`, or it is one thing only.
        Exception: as `service_of`.
    """
    if is_a(offered, str, bytes) or not hasattr(type(offered), "__iter__"):
        raise TypeError(
            f"services must be a list of services, as services=[users]; got {_described(offered)}"
        )
    return [service_of(each) for each in offered]


def keys_of(offered: object) -> tuple[MethodKey, ...]:
    """The names of the methods of a service; a class is not instantiated for that.

    Raises:
        TypeError: it is no service, no class that marks methods and no instance of one.
    """
    if is_a(offered, Service):
        return tuple(method.key for method in offered.methods)  # type: ignore[attr-defined]  # just looked
    kind = offered if is_a(offered, type) else type(offered)
    contract = implemented_by(kind)  # type: ignore[arg-type]  # a class in either case
    if contract is not None:
        from collector_mesh.app.contracts.serving import contract_keys

        return contract_keys(kind, contract)  # type: ignore[arg-type]  # the same
    marks = marks_of(kind)  # type: ignore[arg-type]  # the same
    if not marks:
        raise TypeError(
            f"a service to remove is one that was added, its class, or its name; got {_described(offered)}"
        )
    namespace, name = _names(offered)
    served = (mark for attribute, mark in marks.items() if callable(getattr(offered, attribute)))
    return tuple(MethodKey(namespace, name, mark.name) for mark in served)


def _service(offered: object) -> Service | None:
    """What something is without that it is called; a class that marks methods is instantiated."""
    if is_a(offered, Service):
        if marks_of(type(offered)):
            raise TypeError(
                f"{type(offered).__qualname__} is a Service and marks methods: leave out one of them"
            )
        return offered  # type: ignore[return-value]  # just looked
    kind = offered if is_a(offered, type) else type(offered)
    if implemented_by(kind) is None and not marks_of(kind):  # type: ignore[arg-type]  # a class in either case
        return None
    if kind is offered:
        _check_takes_nothing(offered)
        offered = kind()  # type: ignore[operator]  # a class
    return _of_instance(offered)


def _check_takes_nothing(maker: Any) -> None:
    try:
        signature = inspect.signature(maker)
    except Exception:  # noqa: BLE001  # what it takes shows when it is called
        return
    try:
        signature.bind()
    except TypeError as error:
        raise TypeError(f"{_name(maker)} has to be callable without arguments: {error}") from error


def _of_instance(instance: object) -> Service:
    # Only one that is there: what answers for whatever it is asked has none.
    has_life = inspect.getattr_static(instance, "lifespan", None) is not None
    lifespan: Any = attribute_of(instance, "lifespan") if has_life else None
    if (contract := implemented_by(type(instance))) is not None:
        from collector_mesh.app.contracts.serving import contract_service

        served = {member.found_in(type(instance)) for member in contract.members.values()}
        return contract_service(instance, contract, lifespan, _middleware_of(instance, served))
    namespace, name = _names(instance)
    served = set(marks_of(type(instance)))
    service = Service(namespace, name, lifespan=lifespan, middleware=_middleware_of(instance, served))
    for attribute, mark in marks_of(type(instance)).items():
        handler = getattr(instance, attribute)
        if callable(handler):
            service.add(mark.name, handler, idempotent=mark.idempotent)
    return service


def _middleware_of(instance: object, served: Container[str | None]) -> Any:
    """What the class or the instance has as `middleware`, if that is no method that it serves."""
    name = "middleware"
    if name in served or inspect.getattr_static(instance, name, None) is None:
        return ()
    return attribute_of(instance, name)


def _names(offered: object) -> tuple[str, str]:
    """The namespace and the name that a class or an instance gives its service."""
    kind = kind_of(offered if is_a(offered, type) else type(offered))
    names = {each: attribute_of(offered, each) for each in ("namespace", "service")}
    if missing := [each for each, value in names.items() if not is_a(value, str)]:
        example = "; ".join(f'{each} = "..."' for each in missing)
        raise TypeError(f"{kind} has to say its {' and its '.join(missing)}, as in {example}")
    return str(names["namespace"]), str(names["service"])


def _contract(offered: object) -> Declaration | None:
    """The contract that something is, or is a client of."""
    return given_declaration(offered) or given_declaration(type(offered))


def _name(offered: object) -> str:
    name = attribute_of(offered, "__qualname__")
    return str(name) if is_a(name, str) else _described(offered)


def _described(value: object) -> str:
    return "None" if value is None else kind_of(value)
