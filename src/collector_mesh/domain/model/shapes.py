"""What plain data is annotated as: `dict`, `list[int]`, `dict[str, float] | None` and the like."""

import types
import typing
from collections.abc import Callable
from typing import Any

import attrs

from collector_mesh.domain.model.errors import is_a, kind_of
from collector_mesh.domain.model.plain_flaws import LARGEST, at_key, shown_path

_MOST_NAMES = 32
"""How many names an annotation may have for the same type, one for the other."""

_MOST_SHOWN = 200
"""Longest text of an annotation in an error."""


class MismatchError(Exception):
    """Plain data is of another shape than annotated; the path leads to where, from the inside."""

    def __init__(self, value: object, wanted: str) -> None:
        super().__init__()
        self.path: list[str] = []
        self._found = "None" if value is None else kind_of(value)
        self._wanted = wanted

    def __str__(self) -> str:
        where = shown_path(self.path[::-1])
        found = f"{where} is {self._found}" if where else f"is {self._found}"
        return f"{found}, expected {self._wanted}"


@attrs.frozen
class Shape:
    """A type of plain data.

    Attributes:
        name: as errors name it.
        fits: whether a value is of it, without a look at what it holds.
        checked: gives a value as the type has it (a whole number as a float, say), without a change of the value
            itself; raises MismatchError.
        kinds: the types of the values, None's included.
    """

    name: str
    fits: Callable[[object], bool]
    checked: Callable[[object], object]
    kinds: frozenset[type]


def plain_hint(hint: Any) -> Any:
    """An annotation without what says nothing of the type: remarks, and names that stand for it."""
    for _ in range(_MOST_NAMES):
        if typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif type(hint).__name__ == "TypeAliasType":  # from Python 3.12 on
            try:
                hint = hint.__value__
            except Exception:  # noqa: BLE001  # it is looked up only now, and may not be there
                break
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        else:
            break
    return hint


def shape_of(hint: Any, depth: int = 0) -> Shape | None:
    """The shape that an annotation stands for, None where it is none of plain data."""
    hint = plain_hint(hint)
    try:
        known = _SIMPLE.get(hint)
    except TypeError:  # it cannot be hashed
        return None
    if known is not None or depth > _MOST_NAMES:
        return known
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        shapes = [shape_of(argument, depth + 1) for argument in arguments]
        return _one_of([shape for shape in shapes if shape is not None]) if all(shapes) else None
    if origin is dict and len(arguments) == 2 and plain_hint(arguments[0]) is str:
        inner = _of_part(arguments[1], depth)
        return None if inner is None else _dict_of(inner)
    if origin is list and len(arguments) == 1:
        inner = _of_part(arguments[0], depth)
        return None if inner is None else _list_of(inner)
    return None


def _of_part(hint: Any, depth: int) -> Shape | None:
    """The shape of what a dict or a list holds, which may be anything."""
    hint = plain_hint(hint)
    if hint is Any or hint is object:
        return _ANYTHING
    return shape_of(hint, depth + 1)


def _kind(kind: type, name: str = "") -> Shape:
    name = name or kind.__name__

    def fits(value: object) -> bool:
        return type(value) is kind or is_a(value, kind)

    def checked(value: object) -> object:
        if not fits(value):
            raise MismatchError(value, name)
        return value

    return Shape(name, fits, checked, frozenset({kind}))


def _is_int(value: object) -> bool:
    return type(value) is int or (is_a(value, int) and type(value) is not bool)


def _int(value: object) -> object:
    if not _is_int(value):
        raise MismatchError(value, "int")
    return value


def _is_float(value: object) -> bool:
    return _is_int(value) or is_a(value, float)


def _float(value: object) -> object:
    if type(value) is float:
        return value
    if not _is_float(value):
        raise MismatchError(value, "float")
    # Not by what a subclass makes of itself.
    if is_a(value, float):
        return float.__add__(value, 0.0)  # type: ignore[operator]  # just looked
    whole = int.__add__(value, 0)  # type: ignore[operator]  # the same
    # An int that no float is equal to stays one: it cannot be sent, and whoever writes it says so.
    return float(whole) if -LARGEST <= whole <= LARGEST else value


def _none(value: object) -> object:
    if value is not None:
        raise MismatchError(value, "None")
    return value


_ANYTHING = Shape("Any", lambda _value: True, lambda value: value, frozenset())

_NONE = Shape("None", lambda value: value is None, _none, frozenset({type(None)}))

_SIMPLE: dict[Any, Shape] = {
    **{kind: _kind(kind) for kind in (dict, list, str, bool)},
    int: Shape("int", _is_int, _int, frozenset({int})),
    float: Shape("float", _is_float, _float, frozenset({float, int})),
    typing.Dict: _kind(dict),  # noqa: UP006  # as others may write it
    typing.List: _kind(list),  # noqa: UP006  # the same
    None: _NONE,
    type(None): _NONE,
}


def _dict_of(inner: Shape) -> Shape:
    check = inner.checked
    name = f"dict[str, {inner.name}]"
    if inner is _ANYTHING:
        return _kind(dict, name)

    def checked(value: Any) -> object:
        if not is_a(value, dict):
            raise MismatchError(value, name)
        changed: dict[Any, object] = {}
        for key, part in dict.items(value):
            try:
                new = check(part)
            except MismatchError as error:
                error.path.append(at_key(key) if type(key) is str else "[...]")
                raise
            if new is not part:
                changed[key] = new
        return {**dict(dict.items(value)), **changed} if changed else value

    return Shape(name, lambda value: is_a(value, dict), checked, frozenset({dict}))


def _list_of(inner: Shape) -> Shape:
    check = inner.checked
    name = f"list[{inner.name}]"
    if inner is _ANYTHING:
        return _kind(list, name)

    def checked(value: Any) -> object:
        if not is_a(value, list):
            raise MismatchError(value, name)
        changed: dict[int, object] = {}
        for number, part in enumerate(list.__iter__(value)):
            try:
                new = check(part)
            except MismatchError as error:
                error.path.append(f"[{number}]")
                raise
            if new is not part:
                changed[number] = new
        return (
            [changed.get(number, part) for number, part in enumerate(list.__iter__(value))]
            if changed
            else value
        )

    return Shape(name, lambda value: is_a(value, list), checked, frozenset({list}))


def _one_of(shapes: list[Shape]) -> Shape:
    name = " | ".join(shape.name for shape in shapes)[:_MOST_SHOWN]

    def checked(value: object) -> object:
        fitting = [shape for shape in shapes if shape.fits(value)]
        # Of an int both `int` and `float` make something; the first that makes nothing else of it counts.
        failed: MismatchError | None = None
        made: list[object] = []
        for shape in fitting:
            try:
                new = shape.checked(value)
            except MismatchError as error:
                failed = failed or error
                continue
            if type(new) is type(value):
                return new
            made.append(new)
        if made:
            return made[0]
        raise failed or MismatchError(value, name)

    return Shape(
        name,
        lambda value: any(shape.fits(value) for shape in shapes),
        checked,
        frozenset().union(*(shape.kinds for shape in shapes)),
    )
