"""The form of a contract's class: what can be told of it when it is defined, before any type is known."""

import inspect
import types
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from collector_mesh.app.contracts.calling import OPTIONS, OWN_NAMES
from collector_mesh.app.contracts.declaration import Member
from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.hints import signature_of
from collector_mesh.app.services.hints import names_context
from collector_mesh.app.services.marks import mark_of
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import InvalidCallError, is_a
from collector_mesh.domain.model.names import check_identifiers, check_name

_CODE = frozenset({"__init__", "__new__", "__call__", "__getattr__", "__getattribute__"})
"""Special methods that a contract cannot have: it runs nothing."""

_OTHERS = (staticmethod, classmethod, property)


def names_argument(kind: type, namespace: object, service: object) -> tuple[str, str]:
    """The namespace and the full name of the service of a contract.

    Raises:
        ContractError: one of them is missing, or malformed.
    """
    title = kind.__qualname__
    if namespace is None:
        raise ContractError(
            f"{title} has to say its namespace, as in 'class {kind.__name__}(Contract, namespace=\"...\")'"
        )
    try:
        check_name("namespace", namespace)  # type: ignore[arg-type]  # what is no text raises
        check_identifiers("service", service)  # type: ignore[arg-type]  # the same
    except (InvalidCallError, TypeError) as error:
        raise ContractError(f"{title}: {error}") from error
    return str(namespace), str(service)


def type_names_argument(kind: type, names: object) -> dict[Any, str]:
    """The names that a contract gives to types.

    Raises:
        ContractError: it is no mapping of types to texts.
    """
    if names is None:
        return {}
    if not is_a(names, dict) or not all(type(name) is str for name in names.values()):  # type: ignore[attr-defined]  # just looked
        raise ContractError(
            f"{kind.__qualname__}: names must be a dict of classes and their names, as"
            ' names={Shipment.Status: "ShipmentStatus"}'
        )
    return dict(names)  # type: ignore[call-overload,no-any-return]  # the same


def members_in(kind: type, taken: Collection[str]) -> dict[str, Member]:
    """The methods that stand in the body of a contract, by their names.

    Args:
        kind: the class.
        taken: names that a client has for something else.

    Raises:
        ContractError: something cannot be a method; the text names all of it.
    """
    members: dict[str, Member] = {}
    problems: list[str] = []
    title = kind.__qualname__
    for attribute, value in list(vars(kind).items()):
        if is_a(value, *_OTHERS) and not _is_special(attribute):
            kinds = {staticmethod: "a static method", classmethod: "a class method", property: "a property"}
            what = next(text for each, text in kinds.items() if is_a(value, each))
            problems.append(f"{attribute} is {what}, and only methods can be called")
        elif is_a(value, types.FunctionType):
            found = list(_problems(attribute, value, taken))
            problems += [f"{attribute} {problem}" for problem in found]
            if not found and not _is_special(attribute):
                mark = mark_of(value)
                name, idempotent = (attribute, False) if mark is None else (mark.name, mark.idempotent)
                own = tuple(OWN_NAMES.intersection(signature_of(value).parameters))
                members[attribute] = Member(title, attribute, name, idempotent, value, fields=own)
    if problems:
        raise ContractError(f"{title} cannot be a contract: {'; '.join(problems)}")
    return members


def check_members(title: str, members: Mapping[str, Member]) -> None:
    """See that a contract has methods, each of a name of its own.

    Raises:
        ContractError: it has none, or two of the same name.
    """
    if not members:
        raise ContractError(f"{title} cannot be a contract: it has no methods")
    named: dict[str, str] = {}
    for member in members.values():
        if member.name in named:
            raise ContractError(
                f"{title} cannot be a contract: {named[member.name]} and {member.attribute} are both called"
                f" {member.name}"
            )
        named[member.name] = member.attribute


def is_options(parameter: inspect.Parameter) -> bool:
    """Whether a parameter is `**options: Unpack[CallOptions]`, which tells type checkers of the options of a call."""
    return parameter.kind is parameter.VAR_KEYWORD and "CallOptions" in str(parameter.annotation)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _problems(attribute: str, function: Any, taken: Collection[str]) -> Iterator[str]:
    """What is wrong with a function, as a method of a contract."""
    if _is_special(attribute):
        if attribute in _CODE:
            yield "cannot be there: a contract runs nothing"
        return
    if attribute.startswith("_"):
        yield "is private, and all that a contract has can be called"
        return
    if attribute in taken:
        yield "is a name that clients have for something else"
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        yield "is a generator; methods with streams do not exist yet"
        return
    signature = signature_of(function)
    parameters = list(signature.parameters.values())
    if not parameters or parameters[0].kind not in {
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    }:
        yield "takes no self"
    for parameter in parameters[1:]:
        yield from _flaws(parameter)
    if signature.return_annotation is signature.empty:
        yield "does not say what it returns: annotate it, with None for nothing"


def _flaws(parameter: inspect.Parameter) -> Iterator[str]:
    """What is wrong with a parameter."""
    name = parameter.name
    if is_options(parameter):
        return
    if parameter.kind is parameter.VAR_POSITIONAL:
        yield f"takes *{name}; parameters of a contract are named one by one"
    elif parameter.kind is parameter.VAR_KEYWORD:
        yield f"takes **{name}; there may be **options: Unpack[CallOptions], and else parameters are named one by one"
    elif parameter.kind is parameter.POSITIONAL_ONLY:
        yield f"takes {name} by position only; each parameter has a name by which it travels"
    elif name in OPTIONS and name not in OWN_NAMES:
        yield f"takes {name}, which is an option of each call; name it otherwise"
    elif parameter.annotation is parameter.empty:
        yield f"does not say of which type {name} is"
    elif parameter.annotation is CallContext or names_context(parameter.annotation):
        yield f"takes {name}, a CallContext; that is for what implements the contract"
