"""Methods of classes, marked to be served."""

import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

import attrs

from collector_mesh.app.arguments import flag_argument
from collector_mesh.app.services.service import name_of
from collector_mesh.domain.model.errors import attribute_of, is_a, kind_of
from collector_mesh.domain.model.names import check_identifiers

if TYPE_CHECKING:
    from collector_mesh.app.contracts.contract import Contract
    from collector_mesh.app.contracts.operations import Operation

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound="Contract")

_ATTRIBUTE = "__collector_mesh_method__"


@attrs.frozen
class Mark:
    """What was said of a method of a class.

    Attributes:
        name: of the method in the mesh.
        idempotent: whether it may run twice for one call.
    """

    name: str
    idempotent: bool


class _Marker(Protocol):
    """What `method` gives that was given no function yet."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[C, P], Coroutine[Any, Any, R]], /
    ) -> "Operation[Callable[P, R]]": ...

    @overload
    def __call__(self, function: Callable[Concatenate[C, P], R], /) -> "Operation[Callable[P, R]]": ...

    @overload
    def __call__(self, function: F, /) -> F: ...


# In the class of a contract the result is a method of its clients, which takes call options too.
@overload
def method(name: Callable[Concatenate[C, P], Coroutine[Any, Any, R]], /) -> "Operation[Callable[P, R]]": ...


@overload
def method(name: Callable[Concatenate[C, P], R], /) -> "Operation[Callable[P, R]]": ...


@overload
def method(name: F, /) -> F: ...


@overload
def method(name: str | None = None, *, idempotent: bool = False) -> _Marker: ...


def method(name: Any = None, *, idempotent: bool = False) -> Any:
    """Mark a method of a class to be served; a decorator, with or without arguments.

    The class names its `namespace` and its `service`, and is given to a collector in the place of a `Service`: then it is
    instantiated without arguments, once for each collector. An instance may be given too. What the method takes, and what it
    gives, is as for `Service.method`, behind `self`.

    A subclass serves what its bases mark. A method that overrides one is served in its place, by the name that the base has
    given it unless it is marked itself; where it is no callable, it is not served.

    In the class of a contract it gives a method another name, or says that it may run twice. There type checkers know of a
    marked method that clients take the options of a call beside its arguments, and that some clients are not awaited.

    Args:
        name: identifiers joined by dots; by default the name of the function.
        idempotent: whether it may run twice for one call.

    Raises:
        InvalidCallError: the name is malformed.
        TypeError: what is marked is no function, or has no name and is given none.
    """
    if name is not None and not is_a(name, str):
        if not _is_function(name):
            raise TypeError(f"the name of a method must be a str, got {kind_of(name)}")
        return _marked(name, None, idempotent=False)

    if name is not None:
        check_identifiers("method_name", name)

    def mark(function: F) -> F:
        return _marked(function, name, idempotent=idempotent)

    return mark


def marks_of(kind: type) -> dict[str, Mark]:
    """What a class marks, by the names of its attributes, in the order in which they stand; those of its bases come first.

    Raises:
        TypeError: it marks a property.
    """
    found: dict[str, Mark] = {}
    for each in reversed(kind.__mro__):
        for name, value in vars(each).items():
            if is_a(value, property) and mark_of(value.fget) is not None:
                raise TypeError(f"{each.__qualname__}.{name} is a property, and cannot be served")
            mark = mark_of(value)
            if mark is not None:
                found[name] = mark
    return found


def mark_of(value: object) -> Mark | None:
    """What was said of a function, None where nothing was."""
    mark = attribute_of(value, _ATTRIBUTE) or attribute_of(attribute_of(value, "__func__"), _ATTRIBUTE)
    return mark if is_a(mark, Mark) else None  # type: ignore[return-value]  # just looked


def _marked(function: F, name: str | None, *, idempotent: bool) -> F:
    if is_a(function, type, property) or not _is_function(function):
        raise TypeError(f"@collector_mesh.method marks functions of a class, got {kind_of(function)}")
    flag = flag_argument("idempotent", idempotent)
    mark = Mark(name_of(_within(function)) if name is None else name, flag)
    check_identifiers("method_name", mark.name)
    try:
        setattr(function, _ATTRIBUTE, mark)
    except Exception as error:
        raise TypeError(f"@collector_mesh.method cannot mark {kind_of(function)}: {error}") from error
    return function


def _is_function(value: object) -> bool:
    """Whether something can be called, or can be once it belongs to an instance."""
    return callable(value) or hasattr(type(value), "__get__")


def _within(function: Any) -> Any:
    """The function of a static method, a class method, or a partial one."""
    if is_a(function, functools.partialmethod):
        return function.func
    return function.__func__ if is_a(function, staticmethod, classmethod) else function
