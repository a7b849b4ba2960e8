"""The annotations of a class as objects, those that it inherits too, with types in the place of type variables."""

import inspect
import sys
import typing
from collections.abc import Collection, Mapping
from typing import Any

from collector_mesh.app.services.hints import UnresolvedHintError, is_union, resolved


def hints_of(
    kind: type, arguments: tuple[Any, ...], names: Mapping[str, Any], wanted: Collection[str]
) -> dict[str, Any]:
    """The annotations of a class, by the names of what is annotated; a TypeError for each that cannot be resolved.

    Args:
        kind: the class.
        arguments: what stands for its type variables.
        names: the names that count besides those where the class is defined.
        wanted: which ones; others may be anything.
    """
    variables = _variables_of(kind, arguments)
    itself = kind[arguments] if arguments else kind  # type: ignore[index]  # then it is generic
    found: dict[str, Any] = {}
    for owner in reversed(kind.__mro__):
        module = sys.modules.get(owner.__module__)
        own = {each.__name__: each for each in getattr(owner, "__type_params__", ())}  # from Python 3.12 on
        known = {**(vars(module) if module else {}), owner.__name__: owner, **own}
        local = {**names, kind.__name__: kind}
        for name, hint in _annotations_of(owner).items():
            if name not in wanted:
                continue
            try:
                found[name] = _with_self(
                    bound(resolved(hint, known, local, is_of_class=True), variables.get(owner, {})), itself
                )
            except UnresolvedHintError as error:
                found[name] = error
    return found


def _annotations_of(owner: type) -> dict[str, Any]:
    return (
        inspect.get_annotations(owner)
        if "__annotations__" in vars(owner) or sys.version_info >= (3, 14)
        else {}
    )


def bound(hint: Any, variables: Mapping[Any, Any]) -> Any:
    """An annotation with types in the place of type variables."""
    if is_variable(hint):
        return variables.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        return hint
    if not parameters or not any(each in variables for each in parameters):
        return hint
    try:
        return hint[tuple(variables.get(each, each) for each in parameters)]
    except TypeError as error:
        raise UnresolvedHintError(str(error)) from error


def _with_self(hint: Any, itself: Any) -> Any:
    """An annotation with a class in the place of `Self`."""
    if hint is typing.Self:
        return itself
    arguments = typing.get_args(hint)
    replaced = tuple(_with_self(each, itself) for each in arguments)
    if all(new is old for new, old in zip(replaced, arguments, strict=True)):
        return hint
    if is_union(hint):
        return typing.Union[replaced]  # noqa: UP007  # of as many as there are
    origin: Any = typing.get_origin(hint)
    return origin[replaced]


def is_variable(hint: Any) -> bool:
    """Whether an annotation is a type variable."""
    return isinstance(hint, typing.TypeVar)


def _variables_of(kind: type, arguments: tuple[Any, ...]) -> dict[type, dict[Any, Any]]:
    """What stands for the type variables of a class and of its bases, by the classes."""
    parameters: tuple[Any, ...] = getattr(kind, "__parameters__", ())
    found: dict[type, dict[Any, Any]] = {kind: dict(zip(parameters, arguments, strict=False))}
    waiting = [kind]
    while waiting:
        owner = waiting.pop()
        given = vars(owner).get("__orig_bases__", ())
        for base in (*given, *owner.__bases__):
            origin = typing.get_origin(base) or base
            if origin in found or not isinstance(origin, type):
                continue
            inner = [bound(each, found[owner]) for each in typing.get_args(base)]
            found[origin] = dict(zip(getattr(origin, "__parameters__", ()), inner, strict=False))
            waiting.append(origin)
    return found
