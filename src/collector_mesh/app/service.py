"""Services: functions with types, made into methods of the mesh."""

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from collector_mesh.app.arguments import key_argument
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import DuplicateMethodError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload, is_message, reader_of
from collector_mesh.domain.serving.handlers import Method

F = TypeVar("F", bound=Callable[..., Any])

_ALLOWED = (
    "a handler takes (request), (request, context) or nothing; the request is annotated with a"
    " protobuf message class or Payload, or not at all, and the context with CallContext or not at all"
)


class Service:
    """Methods under one name in one namespace, to be given to any number of collectors.

    Args:
        namespace: the namespace; a collector that is given the service becomes a member of it.
        name: the name of the service, identifiers joined by dots.

    Raises:
        InvalidCallError: a name is malformed.
    """

    def __init__(self, namespace: str, name: str) -> None:
        key = key_argument(namespace, name, "method")
        key.check()
        self.namespace = key.namespace
        self.name = key.service
        self._methods: dict[str, Method] = {}

    @property
    def methods(self) -> tuple[Method, ...]:
        """What has been registered, in that order."""
        return tuple(self._methods.values())

    def method(self, name: str, *, idempotent: bool = False) -> Callable[[F], F]:
        """Register a function as a method; to be used as a decorator.

        The function is async, or a plain one, which then runs in a thread. It takes the request, or
        the request and a `CallContext`. A request annotated with a protobuf message class is unpacked
        into it; one annotated with `Payload`, or with nothing, is the raw payload. It returns a
        message, a `Payload`, or None.

        Args:
            name: identifiers joined by dots.
            idempotent: whether it may run twice for one call.

        Raises:
            InvalidCallError: the name is malformed.
            DuplicateMethodError: there is such a method.
            TypeError: the function is not of that form.
        """

        def register(function: F) -> F:
            self.add(name, function, idempotent=idempotent)
            return function

        return register

    def add(self, name: str, function: Callable[..., Any], *, idempotent: bool = False) -> None:
        """Register a function as a method; see `method`."""
        key = key_argument(self.namespace, self.name, name)
        key.check()
        if key.method in self._methods:
            raise DuplicateMethodError(f"method {key} is registered already")
        self._methods[key.method] = method_from(key, function, idempotent=idempotent)

    def __repr__(self) -> str:
        return f"Service({self.namespace!r}, {self.name!r}, methods={list(self._methods)})"


def method_from(key: MethodKey, function: Callable[..., Any], *, idempotent: bool) -> Method:
    """Make a function into a method.

    Raises:
        TypeError: it is not a function of the form that `Service.method` tells.
    """
    if not callable(function):
        raise TypeError(f"handler of {key} is not callable: {function!r}")
    implementation = _implementation(function)
    if inspect.isasyncgenfunction(implementation) or inspect.isgeneratorfunction(implementation):
        raise TypeError(f"handler of {key} is a generator; streaming methods are not supported yet")
    request, context = _parameters(key, function)
    if request is None:
        call = (lambda _r, c: function(c)) if context else (lambda _r, _c: function())
    elif context is None:
        call = lambda r, _c: function(r)  # noqa: E731  # one of four alike
    else:
        call = function
    annotation = _annotation(key, function, request) if request is not None else Payload
    return Method(
        key,
        call,
        blocking=not inspect.iscoroutinefunction(implementation),
        read=None if annotation is Payload else reader_of(annotation),
        idempotent=idempotent,
    )


def _implementation(function: Callable[..., Any]) -> Callable[..., Any]:
    """What holds the code of a function, a method, a partial or a callable object."""
    inner: Any = function
    # Not whatever has a `func`: a mock has one that has one.
    while isinstance(inner, functools.partial):
        inner = inner.func
    if inspect.isroutine(inner) or inspect.isclass(inner):
        return inner
    return type(inner).__call__


def _parameters(
    key: MethodKey, function: Callable[..., Any]
) -> tuple[inspect.Parameter | None, inspect.Parameter | None]:
    """The parameters that take the request and the context."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError as error:
        raise TypeError(f"handler of {key} has no signature: {_ALLOWED}") from error
    positional = [
        parameter
        for parameter in parameters
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    ]
    needed = [p for p in positional if p.default is p.empty]
    has_keyword = any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters)
    if has_keyword or len(needed) > 2:
        raise TypeError(f"handler of {key} takes too many arguments: {_ALLOWED}")
    taken: list[inspect.Parameter] = (needed if len(needed) == 2 else positional)[:2]
    if len(taken) == 1 and _annotation_of(function, taken[0]) is CallContext:
        return None, taken[0]
    if len(taken) == 2:
        second = _annotation_of(function, taken[1])
        if second is CallContext or (second is inspect.Parameter.empty and taken[1] in needed):
            return taken[0], taken[1]
        if taken[1] in needed:
            raise TypeError(f"handler of {key}: {taken[1].name} is no context: {_ALLOWED}")
        return taken[0], None
    return (taken[0] if taken else None), None


def _annotation(key: MethodKey, function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    annotation = _annotation_of(function, parameter)
    if annotation is inspect.Parameter.empty or annotation is Payload or annotation is Any:
        return Payload
    if isinstance(annotation, type) and is_message(annotation):
        return annotation
    raise TypeError(f"handler of {key}: {parameter.name} is {annotation!r}: {_ALLOWED}")


def _annotation_of(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """An annotation as an object, also where it is written as a text."""
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation
    implementation = inspect.unwrap(_implementation(function))
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, getattr(implementation, "__globals__", {}))["it"]
    except (NameError, AttributeError) as error:
        raise TypeError(
            f"annotation {annotation!r} of {parameter.name} cannot be resolved where the handler is"
            f" defined: {error}"
        ) from error
