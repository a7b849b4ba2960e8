"""What an annotation says: how many values, of which class, and whether there may be none."""

import collections.abc
import typing
from collections.abc import Mapping
from typing import Any

import attrs

from collector_mesh.app.contracts.types import pydantic_models
from collector_mesh.app.contracts.types.hint_texts import bound
from collector_mesh.app.contracts.types.members import is_model
from collector_mesh.app.contracts.types.plan import Many
from collector_mesh.app.contracts.types.refusals import refusal_of
from collector_mesh.app.services.hints import is_union, shown_hint
from collector_mesh.domain.model.shapes import plain_hint
from collector_mesh.domain.registry.naming import camel

_DEEPEST = 32
"""Annotations in each other."""

_MOST_LOOKED_AT = 1_000
"""Parts of a union, and of unions in it."""

_MANY: dict[Any, Many] = {
    list: "list",
    tuple: "tuple",
    collections.abc.Sequence: "sequence",
    dict: "dict",
    collections.abc.Mapping: "dict",
}


@attrs.frozen(eq=False)
class Spelled:
    """What an annotation says.

    Attributes:
        kind: the class of the value, or of each of them; of a generic one, without its arguments.
        arguments: of a generic class.
        many: whether there is one value, and what there are several in.
        key: the annotation of the keys of a dict.
        may_be_none: whether None is allowed.
        flaw: why it cannot travel; empty if nothing is known so far.
        name: of the class, with those of its arguments.
        flaw_of_name: why it cannot have one.
        value_kind: the class that values are instances of.
    """

    kind: Any
    arguments: tuple[Any, ...] = ()
    many: Many = "one"
    key: Any = None
    may_be_none: bool = False
    flaw: str = ""
    name: str = ""
    flaw_of_name: str = ""
    value_kind: Any = None

    @property
    def type_key(self) -> tuple[Any, ...]:
        """The class, and the arguments of a generic one."""
        return (self.kind, *self.arguments)


def spelled(hint: Any, depth: int = 0) -> Spelled:
    """What an annotation says; `depth` is how many others it stands in."""
    if depth > _DEEPEST:
        return Spelled(hint, flaw="an alias that contains itself cannot travel: use a class")
    hint = _unaliased(plain_hint(hint))
    if is_union(hint):
        return _optional(hint, depth)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    many = _MANY.get(origin)
    if many is None:
        if origin in {set, frozenset, collections.abc.Set}:
            return Spelled(hint, flaw="a set cannot travel: use list[T]")
        return _one(hint)
    if many == "tuple" and (len(arguments) != 2 or arguments[1] is not Ellipsis):
        return Spelled(hint, flaw=refusal_of(tuple) if not arguments else refusal_of(_Fixed))
    inner = spelled(arguments[1] if many == "dict" else arguments[0], depth + 1)
    if inner.flaw:
        return inner
    if inner.many != "one" or inner.may_be_none:
        what = "may be None" if inner.many == "one" else f"is a {inner.many}"
        where = "a value of a dict" if many == "dict" else f"what a {many} holds"
        return Spelled(
            hint, flaw=f"{where} {what}, which cannot travel: put it into a field of a class of its own"
        )
    return attrs.evolve(inner, many=many, key=plain_hint(arguments[0]) if many == "dict" else None)


def names_by_key(names: Mapping[Any, str]) -> dict[tuple[Any, ...], str]:
    """The names that are given to types, by the `type_key` of each."""
    return {spelled(hint).type_key: name for hint, name in names.items()}


class _Fixed(tuple[Any, ...]):  # noqa: SLOT001  # only its being a tuple counts
    """A tuple of as many types as values."""


def _unaliased(hint: Any) -> Any:
    """What an alias with type variables stands for, as `type Several[T] = list[T]` of Python 3.12, and `Final`."""
    origin: Any = typing.get_origin(hint)
    if origin is typing.Final:
        return plain_hint(typing.get_args(hint)[0])
    if type(origin).__name__ != "TypeAliasType":
        return hint
    variables = dict(zip(origin.__type_params__, typing.get_args(hint), strict=False))
    return plain_hint(bound(origin.__value__, variables))


def _optional(hint: Any, depth: int) -> Spelled:
    waiting = list(typing.get_args(hint))
    found: list[Any] = []
    for _ in range(_MOST_LOOKED_AT):
        if not waiting:
            break
        each = _unaliased(plain_hint(waiting.pop(0)))
        if is_union(each):
            waiting = [*typing.get_args(each), *waiting]
        else:
            found.append(each)
    if waiting:
        return Spelled(hint, flaw="an alias that contains itself cannot travel: use a class")
    others = list(dict.fromkeys(each for each in found if each is not None and each is not type(None)))
    if len(others) != 1:
        names = [shown_hint(each) for each in others[:_DEEPEST]]
        listed = f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"
        fields = "or a class with an optional field for each"
        return Spelled(hint, flaw=f"a union of {listed} cannot travel: use one of them, {fields}")
    inner = spelled(others[0], depth + 1)
    if inner.flaw:
        return inner
    if inner.many != "one":
        return Spelled(
            hint,
            flaw=f"a {inner.many} that may be None cannot travel: an empty one stands for nothing, leave None out",
        )
    return attrs.evolve(inner, may_be_none=True)


def _one(hint: Any) -> Spelled:
    origin = typing.get_origin(hint)
    if isinstance(origin, type) and is_model(origin):
        arguments = tuple(plain_hint(each) for each in typing.get_args(hint))
        return _generic(origin, arguments, origin)
    if isinstance(hint, type) and origin is None and is_model(hint):
        generic = pydantic_models.generic_of(hint) if pydantic_models.is_model(hint) else None
        if generic is not None:
            named = _generic(generic[0], tuple(plain_hint(each) for each in generic[1]), hint)
            # It knows its own types.
            return attrs.evolve(named, kind=hint, arguments=())
        return Spelled(hint, name=hint.__name__, value_kind=hint)
    return Spelled(hint)


def _generic(origin: type, arguments: tuple[Any, ...], value_kind: Any) -> Spelled:
    """A generic class for some types, as `Page[Order]`, which is named `PageOfOrder`."""
    flaw = ""
    names = []
    for each in arguments:
        inner = spelled(each)
        if inner.flaw or inner.many == "dict" or not isinstance(inner.kind, type):
            flaw = f"cannot have a name: {inner.flaw or shown_hint(each)}"
            continue
        of = inner.name or camel(inner.kind.__name__)
        names.append(
            ("ListOf" if inner.many != "one" else "") + ("Optional" if inner.may_be_none else "") + of
        )
    return Spelled(
        origin,
        arguments,
        name=f"{origin.__name__}Of{'And'.join(names)}",
        flaw_of_name=flaw,
        value_kind=value_kind,
    )
