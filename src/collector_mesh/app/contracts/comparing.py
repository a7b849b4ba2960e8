"""What a class has otherwise than the contract that it implements."""

import inspect
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from collector_mesh.app.contracts.declaration import Declaration, Member
from collector_mesh.app.contracts.form import is_options
from collector_mesh.app.contracts.hints import hint_in
from collector_mesh.app.contracts.types.interface import MethodTypes
from collector_mesh.app.services.callables import is_generator, parameters_of
from collector_mesh.app.services.hints import (
    UnresolvedHintError,
    awaited,
    is_context,
    is_union,
    says_nothing,
    shown_hint,
)
from collector_mesh.app.services.marks import marks_of
from collector_mesh.domain.model.errors import is_a
from collector_mesh.domain.model.kinds import UNARY
from collector_mesh.domain.model.payload import EMPTY_NAME, is_message
from collector_mesh.domain.model.shapes import plain_hint

_CONTEXT_NAMES = frozenset({"context", "ctx"})


def differences(kind: type, declaration: Declaration, names: Mapping[str, Any]) -> list[str]:
    """What a class has otherwise than a contract, in the order of the contract; nothing where it does what that says.

    Args:
        kind: the class.
        declaration: of the contract.
        names: those that count where the class is defined, beside those of its module.

    Raises:
        ContractError: the contract cannot be used.
    """
    found: list[str] = []
    for member in declaration.members.values():
        if member.kind != UNARY:
            continue
        name = member.found_in(kind)
        if not name:
            found.append(f"{member.attribute} is missing")
        else:
            types = declaration.types(member)
            compared = _Compared(kind, name, member, types, names, has_free_names=declaration.has_free_names)
            found += [f"{name} {difference}" for difference in compared.differences()]
    known = {member.found_in(kind) for member in declaration.members.values()}
    found += [
        f"{name} is marked with @method, and the contract has no such method"
        for name in marks_of(kind)
        if name not in known
    ]
    return found


def context_of(
    parameters: list[inspect.Parameter], hints: Mapping[str, Any], wanted: frozenset[str]
) -> inspect.Parameter | None:
    """The parameter that takes the context of the call: the one annotated so, or the one called so that is none of the contract."""
    for each in parameters:
        if is_context(hints[each.name]):
            return each
    silent = (each for each in parameters if each.name not in wanted and says_nothing(hints[each.name]))
    return next((each for each in silent if each.name.strip("_") in _CONTEXT_NAMES), None)


class _Compared:
    """A method of a class, beside what the contract says of it."""

    def __init__(
        self,
        kind: type,
        name: str,
        member: Member,
        types: MethodTypes,
        names: Mapping[str, Any],
        *,
        has_free_names: bool,
    ) -> None:
        self._static = inspect.getattr_static(kind, name)
        self._function: Any = getattr(kind, name)
        self._what = f"{kind.__qualname__}.{name}"
        self._member = member
        self._types = types
        self._names = names
        self._has_free_names = has_free_names
        self._unresolved: list[str] = []

    def differences(self) -> Iterator[str]:
        if not callable(self._function) or is_a(self._static, property, type):
            yield "is no method"
            return
        if is_generator(self._function):
            yield "is a generator; methods with streams do not exist yet"
            return
        parameters, result = parameters_of(self._what, self._function)
        if not is_a(self._static, staticmethod, classmethod):
            if not parameters:
                yield "takes no self"
                return
            parameters = parameters[1:]
        parameters = [each for each in parameters if not is_options(each)]
        hints = {each.name: self._hint(each.name, each.annotation) for each in parameters}
        gives = awaited(self._hint("the result", result))
        wanted = {each.name: each for each in self._types.parameters}
        names = frozenset() if self._has_free_names else frozenset(wanted)
        context = context_of(parameters, hints, names)
        own = [each for each in parameters if each is not context]
        yield from self._unresolved
        yield from self._odd(own)
        yield from self._free(own, hints) if self._has_free_names else self._named(own, hints)
        if not says_nothing(gives) and not same(gives, self._types.result) and not self._both_empty(gives):
            yield f"returns {shown_type(gives)}, expected {shown_type(self._types.result)}"

    def _hint(self, name: str, annotation: Any) -> Any:
        try:
            return hint_in(self._function, annotation, self._names)
        except UnresolvedHintError as error:
            self._unresolved.append(
                f"has an annotation of {name} that cannot be resolved, {annotation!r}: {error}"
            )
            return Any

    def _odd(self, own: list[inspect.Parameter]) -> Iterator[str]:
        for each in own:
            if each.kind in {each.VAR_POSITIONAL, each.VAR_KEYWORD}:
                yield f"takes {each}, and the contract names each parameter"
            elif each.kind is each.POSITIONAL_ONLY and not self._has_free_names:
                yield f"takes {each.name} by position only"

    def _named(self, own: list[inspect.Parameter], hints: Mapping[str, Any]) -> Iterator[str]:
        """Parameters by their names."""
        wanted = {each.name: each for each in self._types.parameters}
        found = [each.name for each in own if each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}]
        missing = [name for name in wanted if name not in found]
        extra = [name for name in found if name not in wanted]
        for name in missing:
            yield f"does not take {name}"
        for name in extra:
            yield f"takes {name}, which the contract does not have"
        for name in found:
            if name in wanted and not says_nothing(hints[name]) and not same(hints[name], wanted[name].hint):
                yield f"takes {name} as {shown_type(hints[name])}, expected {shown_type(wanted[name].hint)}"
        if not missing and not extra and found != list(wanted):
            yield f"takes ({', '.join(found)}), expected the order ({', '.join(wanted)})"

    def _free(self, own: list[inspect.Parameter], hints: Mapping[str, Any]) -> Iterator[str]:
        """The one message that is the request, under whatever name."""
        hint = self._types.parameters[0].hint
        if len(own) > 1:
            others = ", ".join(each.name for each in own[1:])
            yield f"takes {others} too, expected one {shown_type(hint)} and perhaps a CallContext"
        if not own:
            if hint.DESCRIPTOR.full_name != EMPTY_NAME:
                yield f"takes no request, expected {shown_type(hint)}"
        elif not says_nothing(hints[own[0].name]) and not same(hints[own[0].name], hint):
            yield f"takes {own[0].name} as {shown_type(hints[own[0].name])}, expected {shown_type(hint)}"

    def _both_empty(self, gives: Any) -> bool:
        result = self._types.result
        return (
            gives in (None, type(None)) and is_message(result) and result.DESCRIPTOR.full_name == EMPTY_NAME
        )


def same(one: Any, other: Any) -> bool:
    """Whether two annotations stand for the same type."""
    one, other = (type(None) if plain_hint(hint) is None else plain_hint(hint) for hint in (one, other))
    if is_a(one, type) and is_a(other, type) and is_message(one) and is_message(other):
        # A class of the same message that was made elsewhere is as good.
        return bool(one.DESCRIPTOR.full_name == other.DESCRIPTOR.full_name)
    try:
        if one == other:
            return True
    except Exception:  # noqa: BLE001  # they may be anything
        return False
    # `List[int]` and `list[int]`, and the same types in another order.
    if is_union(one) and is_union(other):
        these, those = typing.get_args(one), typing.get_args(other)
        return len(these) == len(those) and all(any(same(each, its) for its in those) for each in these)
    origin, arguments = typing.get_origin(one), typing.get_args(one)
    others = typing.get_args(other)
    return (
        origin is not None
        and origin is typing.get_origin(other)
        and len(arguments) == len(others)
        and all(each is its is ... or same(each, its) for each, its in zip(arguments, others, strict=True))
    )


def shown_type(hint: Any) -> str:
    """An annotation, as errors name it."""
    return "None" if hint is None or hint is type(None) else shown_hint(hint)
