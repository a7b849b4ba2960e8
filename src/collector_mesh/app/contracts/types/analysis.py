"""From annotations to what travels: every type that a contract names, and all that is wrong with them, told at once."""

from enum import Enum, Flag
from typing import Any

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.types import pydantic_models
from collector_mesh.app.contracts.types.endless import endless_in
from collector_mesh.app.contracts.types.interface import NO_DEFAULT, MethodTypes, ServiceTypes
from collector_mesh.app.contracts.types.members import Member, is_model, members_of
from collector_mesh.app.contracts.types.naming import (
    flaw_of_full_name,
    flaw_of_json_name,
    flaw_of_name,
    flaw_of_type_name,
    snake,
)
from collector_mesh.app.contracts.types.plan import (
    NOTHING,
    EnumKind,
    Hinted,
    Kind,
    MethodPlan,
    Model,
    Plan,
    Slot,
)
from collector_mesh.app.contracts.types.refusals import ALLOWED, refusal_of
from collector_mesh.app.contracts.types.scalars import KEYS, SCALARS, Scalar
from collector_mesh.app.contracts.types.spelling import Spelled, names_by_key, spelled
from collector_mesh.app.services.hints import shown_hint
from collector_mesh.domain.registry.naming import camel, entry_name_of, json_name_of

_MOST_TOLD = 20
"""What is wrong, as one error tells it."""

_LONGEST_PATH = 200


def planned(service: ServiceTypes) -> Plan:
    """Find out how the values of a contract travel.

    Raises:
        ContractError: some cannot; the text names each, and what is allowed.
    """
    return _Analysis(service).plan()


class _Analysis:
    def __init__(self, service: ServiceTypes) -> None:
        self._service = service
        self._package = service.full_name.rpartition(".")[0]
        self._names = names_by_key(service.type_names)
        self._models: dict[Any, Model] = {}
        self._enums: dict[type, EnumKind] = {}
        self._symbols: dict[str, tuple[object, str]] = {}
        self._waiting: list[tuple[Model, Spelled]] = []
        self._all: list[Model] = []
        self._flaws: list[str] = []

    def plan(self) -> Plan:
        service = self._service
        if flaw := flaw_of_full_name(service.full_name):
            raise ContractError(f"service {shown_hint(service.full_name)} {flaw}")
        self._symbols[service.full_name] = (service, "the service itself")
        seen: set[str] = set()
        methods = []
        for method in service.methods:
            if (flaw := flaw_of_name(method.name)) or method.name in seen:
                self._flaw(f"method {method.name!r}", flaw or "is there twice")
                continue
            seen.add(method.name)
            methods.append(self._method(method))
        while self._waiting:
            self._fill(*self._waiting.pop(0))
        if not self._flaws:
            self._flaws += endless_in(self._all)
        if self._flaws:
            more = len(self._flaws) - _MOST_TOLD
            told = "; ".join(self._flaws[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
            raise ContractError(f"contract {service.full_name} cannot be used: {told}. {ALLOWED}")
        return Plan(service, self._package, tuple(methods), tuple(self._all), tuple(self._enums.values()))

    def _flaw(self, path: str, text: str) -> None:
        self._flaws.append(f"{path[:_LONGEST_PATH]}: {text}")

    def _full(self, name: str) -> str:
        return f"{self._package}.{name}" if self._package else name

    def _claim(self, name: str, owner: object, shown: str, path: str) -> None:
        """Have a full name stand for one thing only."""
        other, other_shown = self._symbols.setdefault(name, (owner, shown))
        if other != owner:
            both = f"{shown} and {other_shown}" if shown != other_shown else f"two classes {shown}"
            self._flaw(
                path,
                f"{both} would both be {name!r}: give one of them another name, as names={{...}} of the contract does",
            )

    # ---- methods -------------------------------------------------------------------------------------

    def _method(self, method: MethodTypes) -> MethodPlan:
        request, takes_model = self._request(method)
        hinted = None
        if method.result is not None and method.result is not type(None):
            hinted = self._hinted(method.result, f"result of {method.name}")
        if hinted is None:
            return MethodPlan(method, request, takes_model, None, gives_model=False)
        if isinstance(hinted.kind, Model) and hinted.many == "one" and not hinted.may_be_none:
            return MethodPlan(method, request, takes_model, hinted.kind, gives_model=True)
        slots = (Slot("value", "", "value", hinted),)
        response = self._arguments(method, "Reply", slots)
        return MethodPlan(method, request, takes_model, response, gives_model=False)

    def _request(self, method: MethodTypes) -> tuple[Model | None, bool]:
        slots = []
        for parameter in method.parameters:
            path = f"{method.name}({parameter.name})"
            has_default = parameter.default is not NO_DEFAULT
            member = Member(
                parameter.name,
                "",
                parameter.name,
                parameter.hint,
                has_default,
                parameter.default if has_default else NOTHING,
            )
            slot = self._slot(member, path)
            if slot is not None:
                slots.append(slot)
        if not method.parameters:
            return None, False
        if len(slots) == len(method.parameters) == 1:
            (slot,) = slots
            kind = slot.hinted.kind
            if isinstance(kind, Model) and slot.hinted.many == "one" and not slot.is_optional:
                return kind, True
        return self._arguments(method, "Request", tuple(slots)), False

    def _arguments(self, method: MethodTypes, ending: str, slots: tuple[Slot, ...]) -> Model:
        """The message of what a method takes or gives, where that is no message itself."""
        name = self._full(camel(method.name) + ending)
        what = "the arguments" if ending == "Request" else "the result"
        self._claim(name, (method.name, what), f"{what} of {method.name}", method.name)
        self._check_names(slots, method.name)
        made = Model(name, method.name, method.name, slots=slots)
        self._all.append(made)
        return made

    # ---- classes -------------------------------------------------------------------------------------

    def _fill(self, model: Model, spelling: Spelled) -> None:
        """Find out what the class of a model consists of."""
        assert model.kind is not None  # those without one are filled where they are made
        known = {each.kind.__name__: each.kind for each in self._models.values() if each.kind is not None}
        found = members_of(spelling.kind, spelling.arguments, {**known, **self._service.names})
        for name, text in found.flaws:
            self._flaw(f"{model.path}.{name}" if name else model.path, text)
        slots = [self._slot(member, f"{model.path}.{member.name}") for member in found.members]
        model.slots = tuple(slot for slot in slots if slot is not None)
        model.make, model.by_mapping = found.make, found.by_mapping
        self._check_names(model.slots, model.path)

    def _slot(self, member: Member, path: str) -> Slot | None:
        for flaw in (
            flaw_of_name(member.name),
            flaw_of_json_name(member.json_name) if member.json_name else "",
        ):
            if flaw:
                self._flaw(path, flaw)
                return None
        hinted = self._hinted(member.hint, path)
        if hinted is None:
            return None
        default = member.default
        if default is not NOTHING and hinted.many == "one":
            if hinted.may_be_none and default is not None:
                self._flaw(
                    path,
                    "has a default and may be None, which travels as nothing: let the default be None, or leave None out",
                )
            if default is None and not hinted.may_be_none:
                self._flaw(path, "has None as its default, and a type without it: write it as `T | None`")
        return Slot(
            member.name,
            member.attribute,
            member.argument,
            hinted,
            member.has_default,
            default,
            member.json_name,
        )

    def _check_names(self, slots: tuple[Slot, ...], path: str) -> None:
        """Two fields may not have one name in JSON, nor two maps one name of their entries."""
        seen: dict[str, str] = {}
        for slot in slots:
            for name in {slot.json_name or json_name_of(slot.name), slot.name}:
                other = seen.setdefault(name, slot.name)
                if other != slot.name:
                    self._flaw(f"{path}.{slot.name}", f"is {name!r} in JSON, as {other!r} is")
        entries: dict[str, str] = {}
        for slot in slots:
            if slot.hinted.many == "dict":
                other = entries.setdefault(entry_name_of(slot.name), slot.name)
                if other != slot.name:
                    self._flaw(f"{path}.{slot.name}", f"has entries of the same name as {other!r}")

    # ---- annotations ---------------------------------------------------------------------------------

    def _hinted(self, hint: Any, path: str) -> Hinted | None:
        spelling = spelled(hint)
        if spelling.flaw:
            self._flaw(path, spelling.flaw)
            return None
        kind = self._kind(spelling, path)
        if kind is None:
            return None
        key = None
        if spelling.many == "dict":
            key = KEYS.get(spelling.key)
            if key is None:
                self._flaw(path, f"keys of a dict are str, int or bool, not {shown_hint(spelling.key)}")
                return None
        return Hinted(kind, spelling.many, key, spelling.may_be_none)

    def _kind(self, spelling: Spelled, path: str) -> Kind | None:
        kind: Any = pydantic_models.stands_for(spelling.kind)
        scalar: Scalar | None = SCALARS.get(kind) if isinstance(kind, type) else None
        if scalar is not None:
            return scalar
        if isinstance(kind, type) and issubclass(kind, Enum) and not issubclass(kind, Flag):
            return self._enum(kind, path)
        if isinstance(kind, type) and is_model(kind):
            return self._model(spelling, path)
        for model in self._models.values():
            if pydantic_models.is_meant(kind, model.kind):
                return model
        self._flaw(path, refusal_of(kind))
        return None

    def _model(self, spelling: Spelled, path: str) -> Model | None:
        key = spelling.type_key
        known = self._models.get(key)
        if known is not None:
            return known
        parameters = getattr(spelling.kind, "__parameters__", ())
        if len(parameters) != len(spelling.arguments):
            generic = spelling.kind.__name__
            self._flaw(path, f"{generic} has type variables: say for which types, as {generic}[int]")
            return None
        name = self._names.get(key, spelling.name)
        if flaw := (key not in self._names and spelling.flaw_of_name) or flaw_of_type_name(name):
            self._flaw(path, f"{name!r} {flaw}")
            return None
        full = self._full(name)
        self._claim(full, key, _named(spelling.kind, spelling.arguments), path)
        # Of what is deep inside, the way from its own class tells more.
        below = name if path.count(".") > 8 or "." not in path else path
        made = Model(full, name, below, kind=spelling.value_kind)
        self._models[key] = made
        self._all.append(made)
        self._waiting.append((made, spelling))
        return made

    def _enum(self, kind: type[Enum], path: str) -> EnumKind | None:
        known = self._enums.get(kind)
        if known is not None:
            return known
        short = self._names.get((kind,), kind.__name__)
        if flaw := flaw_of_type_name(short):
            self._flaw(path, f"{short!r} {flaw}")
            return None
        if not len(kind):
            self._flaw(path, f"{kind.__name__} has no members")
            return None
        full = self._full(short)
        self._claim(full, kind, _named(kind), path)
        prefix = snake(short).upper()
        zero = f"{prefix}_UNSPECIFIED"
        values: dict[str, Enum | None] = {zero: None}
        for member in kind:
            name = f"{prefix}_{member.name.upper()}"
            if flaw := flaw_of_name(name):
                self._flaw(path, f"{kind.__name__}.{member.name} {flaw}")
            elif values.get(name) is not None:
                self._flaw(path, f"two members of {kind.__name__} would be {name!r}")
            values[name] = member
        for name in values:
            self._claim(self._full(name), (kind, name), f"a value of {_named(kind)}", path)
        made = EnumKind(full, kind, tuple(values.items()))
        self._enums[kind] = made
        return made


def _named(kind: type, arguments: tuple[Any, ...] = ()) -> str:
    inner = f"[{', '.join(shown_hint(each) for each in arguments)}]" if arguments else ""
    return f"{kind.__module__}.{kind.__qualname__}{inner}"
