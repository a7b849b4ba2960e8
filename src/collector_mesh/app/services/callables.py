"""Callables of any kind: whether they are async, what they take, and where they come from."""

import asyncio
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

from collector_mesh.app.services.hints import NO_HINT
from collector_mesh.domain.model.errors import attribute_of, is_a, text_of

ALLOWED = (
    "a handler takes (request), (request, context), (context) or nothing; the request is annotated with a"
    " protobuf message class, Payload or plain data (dict, list, str, int, float, bool), or not at all; and the"
    " context with CallContext, or is called context"
)

_FIRST_OF_METHODS = frozenset({"self", "cls"})
BY_POSITION = frozenset({inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD})
"""Kinds of parameters."""

_ANY_NUMBER = inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)

_MOST_WRAPPERS = 64
"""How many functions may be around each other."""

_ROUTINES = (types.FunctionType, types.MethodType, types.BuiltinFunctionType)

_ASYNC_MARKS = tuple(
    (name, mark)
    for module, name in ((asyncio.coroutines, "_is_coroutine"), (inspect, "_is_coroutine_mark"))
    if (mark := getattr(module, name, None)) is not None
)
"""What mocks, asyncio, and from Python 3.12 on `inspect`, mark callables with that are async: attribute and value."""


def innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a partial is of, or a static method; anything else is itself."""
    inner: Any = function
    # Not whatever has a `func`, or says that it is a partial: a mock does both, and what it has does too.
    while is_a(inner, functools.partial, staticmethod):
        inner = inner.func if is_a(inner, functools.partial) else inner.__func__
    found: Callable[..., Any] = inner
    return found


def _is_routine(inner: object) -> bool:
    """Whether something is a function of any kind, and not an object that says so."""
    kind = type(inner)
    return issubclass(kind, _ROUTINES) or hasattr(kind, "__get__")


def code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """What holds the code that is run when something is called."""
    inner = innermost(function)
    if _is_routine(inner):
        return inner
    if is_a(inner, type):
        return inner.__init__
    return type(inner).__call__


def _has_code(code: Callable[..., Any]) -> bool:
    return is_a(code, types.FunctionType, types.MethodType)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether something gives a coroutine by its own account; whatever else gives one says so only when it is called."""
    inner = innermost(function)
    if any(attribute_of(inner, name) is mark for name, mark in _ASYNC_MARKS):
        return True
    # Asked of what is a function itself: what only says so may answer anything.
    return _has_code(code := code_of(inner)) and inspect.iscoroutinefunction(code)


def is_generator(function: Callable[..., Any]) -> bool:
    """Whether something gives several results."""
    code = code_of(function)
    return _has_code(code) and (inspect.isasyncgenfunction(code) or inspect.isgeneratorfunction(code))


def check_has_self(what: str, function: Callable[..., Any], where: types.FrameType) -> None:
    """See that a function is not one of a class, which would lack its first argument.

    Args:
        what: the handler, as errors name it.
        function: the handler.
        where: the frame that defines it.

    Raises:
        TypeError: it is.
    """
    if not is_a(function, types.FunctionType):
        return
    around, _, name = function.__qualname__.rpartition(".")
    if not around or around.endswith("<locals>"):
        return
    is_in_body = (
        where.f_locals.get("__qualname__") == around
        and where.f_locals.get("__module__") == function.__module__
    )
    inner = unwrapped(function)
    if is_a(inner, types.MethodType) and not is_in_body:
        return  # what it is around has its instance
    code = getattr(inner, "__code__", None) or function.__code__
    first = next(iter(code.co_varnames[: code.co_argcount]), "")
    if is_in_body or first in _FIRST_OF_METHODS:
        owner = around.rpartition(".")[2]
        raise TypeError(
            f"{what} is a function of the class {owner}, and would be called without an instance: mark it with"
            f" @collector_mesh.method and serve the class, or give the method of an instance, {owner}().{name}"
        )


def parameters_of(what: str, function: Callable[..., Any]) -> tuple[list[inspect.Parameter], Any]:
    """The parameters of a callable, and the annotation of its result.

    Raises:
        TypeError: nobody can say what it takes.
    """
    inner = innermost(function)
    if is_a(function, staticmethod):
        function = inner
    try:
        signature = _signature(function)
    except Exception as error:
        if is_a(inner, type) or _is_routine(inner):
            if is_a(error, ValueError):
                # Written in C, and says nothing: it is given what every handler is.
                return [_ANY_NUMBER], NO_HINT
            raise TypeError(f"{what} has no signature: {text_of(error)}; {ALLOWED}") from error
        # An object that has something else in the place of one; its class knows better.
        try:
            signature = inspect.signature(types.MethodType(type(inner).__call__, inner))
        except Exception as its_error:
            raise TypeError(f"{what} has no signature: {text_of(error)}; {ALLOWED}") from its_error
    return list(signature.parameters.values()), signature.return_annotation


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """How something can be called: what is around a function and takes anything takes what the function takes."""
    call = vars(type(function)).get("__call__")
    if is_a(call, staticmethod, classmethod):
        # `inspect` takes these for methods, and leaves the first parameter out.
        function = call.__get__(function, type(function))
    for _ in range(_MOST_WRAPPERS):
        if not _has_code(function):
            break
        own = inspect.signature(function, follow_wrapped=False)
        around = getattr(function, "__wrapped__", None)
        if around is None or not any(
            each.kind in {each.VAR_POSITIONAL, each.VAR_KEYWORD} for each in own.parameters.values()
        ):
            return own
        owner = function.__self__ if is_a(function, types.MethodType) else None  # type: ignore[attr-defined]  # just looked
        function = around if owner is None else types.MethodType(around, owner)
    return inspect.signature(function)


def unwrapped(code: Callable[..., Any]) -> Callable[..., Any]:
    """What a decorated function is around: its annotations are those that count."""
    try:
        found: Callable[..., Any] = inspect.unwrap(code)
    except Exception:  # noqa: BLE001  # what it says that it is around may be anything
        return code
    return found
