"""Annotations as objects, whatever they were written as."""

import inspect
import sys
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import attribute_of, is_a, text_of
from collector_mesh.domain.model.shapes import plain_hint

NO_HINT: Any = inspect.Parameter.empty
"""In place of an annotation that was left out."""

_MOST_SHOWN = 200
"""Longest text of an annotation in an error."""


class UnresolvedHintError(TypeError):
    """An annotation is a text that means nothing where the handler is defined."""


def resolved(
    hint: Any, names: Mapping[str, Any], local_names: Mapping[str, Any], *, is_of_class: bool = False
) -> Any:
    """An annotation as an object, also where it, or a part of it, is written as a text.

    Args:
        hint: the annotation.
        names: the global names where it stands.
        local_names: those of whoever defines it; they count where the others do not suffice.
        is_of_class: whether it stands in the body of a class, where it may be `Final`.

    Raises:
        UnresolvedHintError: it cannot be resolved.
    """
    if hint is NO_HINT or is_a(hint, type):
        return hint
    if type(hint).__name__ == "TypeAliasType":  # from Python 3.12 on
        try:
            _ = hint.__value__
        except Exception as error:
            raise UnresolvedHintError(text_of(error)) from error
    holder: Any = types.SimpleNamespace(__annotations__={"it": hint})
    if is_of_class:
        holder = type("Holder", (), {"__annotations__": {"it": hint}})
    try:
        try:
            return typing.get_type_hints(holder, dict(names))["it"]
        except NameError:
            return typing.get_type_hints(holder, {**names, **local_names})["it"]
    except Exception as error:
        if names_context(hint):
            # Whoever imports it for the type checker only still means this one.
            return CallContext
        raise UnresolvedHintError(text_of(error)) from error


def names_of(code: Callable[..., Any]) -> dict[str, Any]:
    """The names that a function sees: global ones, and those of the functions around it that it uses."""
    # What stands in for a function, as an autospec does, has no names of its own, and says from where it is.
    module = sys.modules.get(str(attribute_of(code, "__module__")))
    names = {**(vars(module) if module else {}), **(getattr(code, "__globals__", None) or {})}
    cells = zip(
        getattr(getattr(code, "__code__", None), "co_freevars", ()),
        getattr(code, "__closure__", None) or (),
        strict=False,
    )
    for name, cell in cells:
        try:
            names[name] = cell.cell_contents
        except ValueError:
            continue  # it has no value yet
    return names


def says_nothing(hint: Any) -> bool:
    """Whether an annotation leaves the type open."""
    hint = plain_hint(hint)
    return hint is NO_HINT or hint is Any or hint is object


def is_union(hint: Any) -> bool:
    """Whether an annotation names several types."""
    return typing.get_origin(hint) in {typing.Union, types.UnionType}


def is_context(hint: Any) -> bool:
    """Whether an annotation stands for the context of a call."""
    hint = plain_hint(hint)
    return hint is CallContext or (
        is_union(hint) and any(each is CallContext for each in typing.get_args(hint))
    )


def names_context(hint: Any) -> bool:
    """Whether an annotation that nobody has resolved is a text that names the context of a call."""
    return is_a(hint, str) and hint.strip("'\" ").rpartition(".")[2] == CallContext.__name__


def awaited(hint: Any) -> Any:
    """The annotation of what comes of a result, where that is annotated as something to await."""
    origin = typing.get_origin(plain_hint(hint))
    if origin is Awaitable or origin is Coroutine:
        return typing.get_args(plain_hint(hint))[-1]
    return NO_HINT if hint is Awaitable or hint is Coroutine else hint


def shown_hint(hint: Any) -> str:
    """An annotation, as errors name it."""
    if hint is NO_HINT:
        return "nothing"
    if is_a(hint, type) and typing.get_origin(hint) is None:
        return str(hint.__qualname__)
    try:
        return repr(hint)[:_MOST_SHOWN]
    except Exception:  # noqa: BLE001  # it may be anything
        return type(hint).__name__
