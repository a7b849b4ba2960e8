"""How values of the types of a contract travel: what is found out of annotations, before anything of protobuf is loaded."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal

import attrs

from collector_mesh.app.contracts.types.interface import MethodTypes, ServiceTypes
from collector_mesh.app.contracts.types.scalars import Scalar

NOTHING: Any = object()
"""In place of a default that is not there, or is made anew each time."""

Many = Literal["one", "list", "tuple", "sequence", "dict"]


@attrs.define(eq=False, slots=True)
class EnumKind:
    """An enum.

    Attributes:
        name: its full name in protobuf.
        kind: the class.
        values: the names of its values in protobuf, with their members; the first one stands for none, and may have no
            member.
        numbers: by the names of the values.
    """

    name: str
    kind: type[Enum]
    values: tuple[tuple[str, Enum | None], ...] = ()
    numbers: Mapping[str, int] = attrs.Factory(dict)


@attrs.define(eq=False, slots=True)
class Model:
    """A class whose values travel as a message, or the arguments of a method.

    Attributes:
        name: the full name of the message.
        shown: as errors name it.
        path: where it was found first, for errors.
        kind: the class; None for the arguments of a method, which are a tuple.
        slots: its fields.
        make: makes a value of arguments by name.
        by_mapping: whether `make` takes them as one mapping.
        numbers: of the fields, by their names.
    """

    name: str
    shown: str
    path: str
    kind: type | None = None
    slots: tuple["Slot", ...] = ()
    make: Callable[..., Any] = tuple
    by_mapping: bool = False
    numbers: Mapping[str, int] = attrs.Factory(dict)


Kind = Scalar | EnumKind | Model


@attrs.frozen(eq=False)
class Hinted:
    """What an annotation of a field says.

    Attributes:
        kind: of the value, or of each of them.
        many: whether there is one, and what there are several in.
        key: of a dict.
        may_be_none: whether None is allowed.
    """

    kind: Kind
    many: Many = "one"
    key: Scalar | None = None
    may_be_none: bool = False


@attrs.frozen(eq=False)
class Slot:
    """A field of a message.

    Attributes:
        name: in protobuf, and in errors.
        attribute: the name under which a value has it.
        argument: the name by which the class takes it.
        hinted: what it holds.
        has_default: whether the class can be made without it.
        default: what it is then; `NOTHING` if the class itself must make it.
        json_name: empty for the one that protoc makes of the name.
    """

    name: str
    attribute: str
    argument: str
    hinted: Hinted
    has_default: bool = False
    default: Any = NOTHING
    json_name: str = ""

    @property
    def is_message(self) -> bool:
        """Whether a value of it is a message."""
        kind = self.hinted.kind
        return isinstance(kind, Model) or (isinstance(kind, Scalar) and kind.type == "message")

    @property
    def has_presence(self) -> bool:
        """Whether one that is absent is told from one that is zero."""
        return self.hinted.many == "one" and (self.is_message or self.is_optional)

    @property
    def is_required(self) -> bool:
        """Whether a message without it cannot be read: it has no default, and nothing stands for an absent one."""
        kind = self.hinted.kind
        if self.hinted.many != "one" or self.is_optional:
            return False
        if isinstance(kind, EnumKind):
            return kind.values[0][1] is None
        return isinstance(kind, Model) or not (kind.is_plain or kind.name == "bool")

    @property
    def is_optional(self) -> bool:
        """Whether it may be absent."""
        return self.hinted.many == "one" and (self.hinted.may_be_none or self.has_default)


@attrs.frozen(eq=False)
class MethodPlan:
    """What a method takes and gives.

    Attributes:
        types: as the contract says it.
        request: the message of its arguments; None where there are none.
        takes_model: whether the one argument is that message itself.
        response: the message of its result; None where there is none.
        gives_model: whether the result is that message itself.
    """

    types: MethodTypes
    request: Model | None
    takes_model: bool
    response: Model | None
    gives_model: bool


@attrs.frozen(eq=False)
class Plan:
    """All that a contract names, in the order in which it is found."""

    service: ServiceTypes
    package: str
    methods: tuple[MethodPlan, ...]
    models: tuple[Model, ...]
    enums: tuple[EnumKind, ...]
