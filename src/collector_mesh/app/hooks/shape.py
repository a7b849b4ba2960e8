"""What a user gives for a hook is looked at when it is given: an object, with plain methods where none is awaited."""

import inspect
from collections.abc import Awaitable, Coroutine
from functools import partial
from typing import Any, get_origin

from collector_mesh.domain.model.errors import kind_of

_TRANSPORT = ("open", "is_local", "check_address", "listen", "dial")
"""What every transport has; `unary` is for those that have streams without links."""


def check_authorizer(authorizer: object) -> None:
    """See that something can be asked who may use what.

    Raises:
        TypeError: it cannot; the text says why.
    """
    check_hook("authorizer", authorizer, "may_use")
    if getattr(authorizer, "may_serve", None) is not None:
        check_hook("authorizer", authorizer, "may_serve")


def check_observer(observer: object) -> None:
    """See that something can be told of events.

    Raises:
        TypeError: it cannot; the text says why.
    """
    check_hook("observer", observer, "tell")


def check_tracer(tracer: object) -> None:
    """See that something takes spans.

    Raises:
        TypeError: it does not; the text says why.
    """
    for name in ("ended", "current", "enter"):
        check_hook("tracer", tracer, name)
    method_of("tracer", tracer, "flush")


def check_transport(transport: object) -> None:
    """See that something has what a transport has.

    Raises:
        TypeError: it has not; the text says what is missing.
    """
    if isinstance(transport, type):
        raise TypeError(f"transport must be an object, got {kind_of(transport)}; an instance is needed")
    if missing := [name for name in _TRANSPORT if not callable(getattr(transport, name, None))]:
        raise TypeError(
            f"transport must have the methods {', '.join(_TRANSPORT)}: {kind_of(transport)} lacks"
            f" {', '.join(missing)}"
        )


def check_hook(name: str, hook: object, method: str) -> None:
    """See that an object has a plain method.

    Raises:
        TypeError: it has none, it is a class, or the method would have to be awaited.
    """
    found = method_of(name, hook, method)
    if is_async(found):
        raise TypeError(
            f"{name} must have a plain method {method}, and that of {kind_of(hook)} is async: it is never awaited"
        )


def method_of(name: str, hook: object, method: str) -> Any:
    """A method of an object that a user has given.

    Raises:
        TypeError: it has none, or it is a class.
    """
    found = None if isinstance(hook, type) else getattr(hook, method, None)
    if not callable(found):
        is_class = "; an instance is needed" if isinstance(hook, type) else ""
        raise TypeError(f"{name} must be an object with a method {method}, got {kind_of(hook)}{is_class}")
    return found


def is_async(function: Any) -> bool:
    """Whether what a function gives has to be awaited, as far as that can be seen without calling it."""
    inner = function
    # Not whatever has a `func`: a mock has one that has one.
    while isinstance(inner, partial):
        inner = inner.func
    for found in (inner, getattr(type(inner), "__call__", None)):  # noqa: B004  # the method itself is wanted
        if inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found):
            return True
    returned = getattr(inner, "__annotations__", {}).get("return")
    return (get_origin(returned) or returned) in (Awaitable, Coroutine)
