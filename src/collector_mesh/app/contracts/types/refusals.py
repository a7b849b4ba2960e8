"""What cannot travel, and what to write in its place."""

import collections
import collections.abc
import enum
import typing
from typing import Any

from collector_mesh.app.contracts.types.hint_texts import is_variable
from collector_mesh.app.contracts.types.scalars import SCALARS
from collector_mesh.app.services.hints import NO_HINT, shown_hint
from collector_mesh.domain.model.errors import attribute_of, is_a
from collector_mesh.domain.model.payload import is_message

ALLOWED = (
    "What travels: bool, int, float, str, bytes, datetime, timedelta, date, Decimal, UUID, enums, dataclasses, attrs"
    " classes, pydantic models, NamedTuples; T | None; list[T], tuple[T, ...], Sequence[T], dict[K, T]"
)
"""What errors say at their end."""


def refusal_of(hint: Any) -> str:
    """Why values of an annotation cannot travel."""
    if hint is NO_HINT:
        return "has no annotation"
    if hint is Any or hint is object:
        return f"{shown_hint(hint)} says nothing of the type: name one"
    if hint is None or hint is type(None):
        return "None alone cannot travel: use T | None"
    if is_variable(hint):
        return f"the type variable {hint.__name__} has no type here: name one, as Page[Order]"
    if typing.get_origin(hint) is typing.Literal:
        return "a Literal cannot travel: use an Enum"
    if hint in _BARE:
        return f"{shown_hint(hint)} does not say what it holds: use {_BARE[hint]}"
    origin = typing.get_origin(hint)
    if is_a(origin, type) and (instead := _instead_of(origin)):
        return f"{shown_hint(hint)} cannot travel: use {instead}"
    if is_a(hint, type):
        return _refusal_of_class(hint)
    return f"{shown_hint(hint)} cannot travel"


def _refusal_of_class(kind: type) -> str:
    name = kind.__name__
    if issubclass(kind, enum.Flag):
        return f"{name} is a Flag, whose members are combined: use list[{name}] of an Enum"
    if typing.is_typeddict(kind):
        return f"{name} is a TypedDict: make it a dataclass"
    if is_message(kind):
        return (
            f"{name} is a class of protobuf messages, which other types cannot be mixed with: see contract_of"
        )
    if issubclass(kind, (set, frozenset)):
        return "a set cannot travel: use list[T]"
    if issubclass(kind, tuple):
        return "a tuple of several types cannot travel: use tuple[T, ...], or a NamedTuple"
    if attribute_of(kind, "__fields__") is not None and attribute_of(kind, "__validators__") is not None:
        return f"{name} is a model of pydantic 1, at least version 2.9 is needed"
    return f"{name} cannot travel: {f'use {instead}' if (instead := _instead_of(kind)) else 'make it a dataclass'}"


def _instead_of(kind: type) -> str:
    """What to use in place of a class whose values are much like those of a type that travels; empty if there is none."""
    for several, instead in _SEVERAL.items():
        if issubclass(kind, several):
            return instead
    base = next((each for each in SCALARS if issubclass(kind, each)), None)
    return "" if base is None else f"{base.__name__}, or a NewType of it"


_SEVERAL: dict[type, str] = {
    collections.abc.Mapping: "dict[K, T]",
    collections.abc.Set: "list[T]",
    collections.abc.MutableSequence: "list[T]",
    collections.deque: "list[T]",
}
"""Classes of several values, and what travels in their place."""

_BARE: dict[Any, str] = {
    list: "list[T]",
    dict: "dict[str, T]",
    tuple: "tuple[T, ...]",
    set: "list[T]",
    frozenset: "list[T]",
    typing.List: "list[T]",  # noqa: UP006  # as others may write it
    typing.Dict: "dict[str, T]",  # noqa: UP006  # the same
    typing.Tuple: "tuple[T, ...]",  # noqa: UP006  # the same
    typing.Sequence: "Sequence[T]",
    typing.Mapping: "dict[str, T]",
}
