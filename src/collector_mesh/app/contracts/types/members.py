"""What classes of data consist of: dataclasses, attrs classes, pydantic models, and tuples with names."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from collector_mesh.app.contracts.types import pydantic_models
from collector_mesh.app.contracts.types.hint_texts import hints_of
from collector_mesh.app.contracts.types.plan import NOTHING
from collector_mesh.domain.model.errors import attribute_of, is_a, text_of

_FACTORY: type = attrs.Factory  # type: ignore[assignment]  # it is a class

_UNRESOLVED = " where the class is defined (what is imported under TYPE_CHECKING is not there when it runs)"

_POSITIONS = frozenset({inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


@attrs.frozen
class Member:
    """A part of a value of a class.

    Attributes:
        name: as others know it.
        attribute: where a value has it.
        argument: as the class takes it.
        hint: its annotation.
        has_default: whether the class can be made without it.
        default: it, where it is known and always the same; else `NOTHING`.
        json_name: the name that it has in JSON; empty if the class does not say.
    """

    name: str
    attribute: str
    argument: str
    hint: Any
    has_default: bool = False
    default: Any = NOTHING
    json_name: str = ""


@attrs.frozen(eq=False)
class Members:
    """What a class consists of.

    Attributes:
        members: in order.
        make: makes a value, of arguments by name.
        by_mapping: whether `make` takes them as one mapping.
        flaws: why the class cannot be used, each with the name of the member that it is about, or without one.
    """

    members: tuple[Member, ...]
    make: Callable[..., Any]
    by_mapping: bool = False
    flaws: tuple[tuple[str, str], ...] = ()


def is_model(kind: type) -> bool:
    """Whether a class is one of data."""
    return (
        dataclasses.is_dataclass(kind)
        or attrs.has(kind)
        or pydantic_models.is_model(kind)
        or _is_named_tuple(kind)
    )


def members_of(kind: type, arguments: tuple[Any, ...], names: Mapping[str, Any]) -> Members:
    """What a class of data consists of.

    Args:
        kind: the class.
        arguments: what stands for its type variables.
        names: the names that count where it is used, besides those of its module.
    """
    if pydantic_models.is_model(kind):
        told = pydantic_models.told_by(kind)
        members = tuple(
            Member(each.name, each.name, each.argument, each.hint, each.has_default, NOTHING, each.json_name)
            for each in told.fields
        )
        return Members(members, told.make, by_mapping=True, flaws=told.flaws)
    if _is_named_tuple(kind):
        names_in_order: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]  # just looked
        defaults: Mapping[str, Any] = kind._field_defaults  # type: ignore[attr-defined]  # the same
        given = [Member(name, name, name, None, name in defaults) for name in names_in_order]
    elif attrs.has(kind):
        given = _of_attrs(kind)
    else:
        given = _of_dataclass(kind)
    hints = hints_of(kind, arguments, names, {member.attribute for member in given})
    found: list[Member] = []
    flaws: list[tuple[str, str]] = []
    for member in given:
        hint = hints.get(member.attribute, NOTHING)
        if is_a(hint, TypeError):
            flaws.append((member.name, f"its annotation cannot be resolved: {text_of(hint)}{_UNRESOLVED}"))
        elif hint is NOTHING and member.hint is None:
            flaws.append((member.name, "has no annotation"))
        else:
            found.append(attrs.evolve(member, hint=member.hint if hint is NOTHING else hint))
    flaws += _flaws_of_arguments(kind, given)
    return Members(tuple(found), kind, flaws=tuple(flaws))


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and type(attribute_of(kind, "_fields")) is tuple


def _of_dataclass(kind: type) -> list[Member]:
    # A field that the class makes itself is made again where the value is read.
    own = pydantic_models.dataclass_fields(kind)
    return [
        _of_pydantic(field.name, own[field.name])
        if field.name in own
        else Member(
            field.name,
            field.name,
            field.name,
            None,
            has_default=not (
                field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            ),
            default=NOTHING if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(kind)
        if field.init
    ]


def _of_pydantic(name: str, told: pydantic_models.PydanticField | None) -> Member:
    """A field of a dataclass of pydantic's; one that cannot be read by a name is not taken by the class."""
    if told is None:
        return Member(name, name, "", None)
    return Member(name, name, told.argument, None, told.has_default, NOTHING, told.json_name)


def _of_attrs(kind: type) -> list[Member]:
    return [
        Member(
            field.alias or field.name,
            field.name,
            field.alias or field.name,
            None if isinstance(field.type, str) else field.type,
            has_default=field.default is not attrs.NOTHING,
            default=NOTHING
            if field.default is attrs.NOTHING or is_a(field.default, _FACTORY)
            else field.default,
        )
        for field in attrs.fields(kind)
        if field.init
    ]


def _flaws_of_arguments(kind: type, members: list[Member]) -> list[tuple[str, str]]:
    """What the class must be given and does not keep, and what it keeps and does not take."""
    try:
        parameters = inspect.signature(kind).parameters
    except (TypeError, ValueError):
        return [("", "cannot be asked what it is made from")]
    taken = {member.argument for member in members}
    flaws = [
        (name, "must be given to the class, which does not keep it")
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in taken and parameter.kind not in _POSITIONS
    ]
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        flaws += [
            (member.name, "is not taken by the class by this name")
            for member in members
            if member.argument not in parameters
            or parameters[member.argument].kind is inspect.Parameter.POSITIONAL_ONLY
        ]
    return flaws
