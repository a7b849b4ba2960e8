"""Types that cannot travel are refused where a contract is described, each by its path, with what to write instead."""

import dataclasses
import enum
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, Generic, Literal, TypedDict, TypeVar

import pydantic
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.unit.app.contracts.types.echo import described_of

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.types.described import described
from collector_mesh.app.contracts.types.interface import MethodTypes, Parameter, ServiceTypes

T = TypeVar("T")


class Rights(enum.Flag):
    READ = 1


class Nothing(enum.Enum):
    pass


class Twice(enum.Enum):
    red = 1
    RED = 2


class Code(str):
    __slots__ = ()


class Plain:
    pass


class Keyed(TypedDict):
    a: int


@dataclass
class Inner:
    price: int | str
    tags: list[str] | None = None


@dataclass
class Outer:
    lines: list[Inner]
    note: Any = ""


@dataclass
class Endless:
    again: "Endless"


@dataclass
class Left:
    right: "Right"


@dataclass
class Right:
    left: Left


@dataclass
class Given:
    value: int
    secret: InitVar[int]


@dataclass
class Camel:
    foo_bar: int
    fooBar: int  # noqa: N815


@dataclass
class Accented:
    é: int  # noqa: PLC2401


@dataclass
class Page(Generic[T]):
    items: list[T] = field(default_factory=list)


@dataclass
class Unknown:
    other: "NotThere"  # type: ignore[name-defined]  # noqa: F821


@dataclass
class NoneByDefault:
    count: int = None  # type: ignore[assignment]


@dataclass
class MayBeNone:
    count: int | None = 3


class Extra(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int


class Root(pydantic.RootModel[int]):
    pass


class Excluded(pydantic.BaseModel):
    a: int = pydantic.Field(exclude=True)


class Valued(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(use_enum_values=True)
    rights: list[Twice] = []


class ByPath(pydantic.BaseModel):
    a: int = pydantic.Field(validation_alias=pydantic.AliasPath("x", 0))


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (int | str, "echo(value): a union of int and str cannot travel: use one of them"),
        (Any, "says nothing of the type"),
        (object, "says nothing of the type"),
        (list, "does not say what it holds: use list[T]"),
        (dict, "does not say what it holds: use dict[str, T]"),
        (list[list[int]], "put it into a field of a class of its own"),
        (list[int | None], "what a list holds may be None"),
        (dict[str, list[int]], "a value of a dict is a list"),
        (dict[float, int], "keys of a dict are str, int or bool, not float"),
        (list[int] | None, "an empty one stands for nothing"),
        (set[int], "a set cannot travel: use list[T]"),
        (frozenset[int], "a set cannot travel: use list[T]"),
        (tuple[int, str], "a tuple of several types cannot travel"),
        (Literal["a"], "a Literal cannot travel: use an Enum"),
        (Callable[[], int], "cannot travel"),
        (Rights, "is a Flag"),
        (Nothing, "Nothing has no members"),
        (Twice, "two members of Twice would be 'TWICE_RED'"),
        (Plain, "Plain cannot travel: make it a dataclass"),
        (Keyed, "Keyed is a TypedDict: make it a dataclass"),
        (complex, "complex cannot travel"),
        (Code, "Code cannot travel: use str, or a NewType of it"),
        (OrderedDict[str, int], "cannot travel: use dict[K, T]"),
        (deque[int], "cannot travel: use list[T]"),
        (deque, "deque cannot travel: use list[T]"),
        (Timestamp, "is a class of protobuf messages"),
        (Endless, "Endless: a value of it needs another one, without end"),
        (Left, "a value of it needs another one, without end"),
        (Given, "Given.secret: must be given to the class, which does not keep it"),
        (Camel, "Camel.fooBar: is 'fooBar' in JSON, as 'foo_bar' is"),
        (Accented, "ASCII letters, digits and underscores"),
        (Page, "Page has type variables: say for which types"),
        (list[T], "the type variable T has no type here"),  # type: ignore[valid-type]
        (
            Unknown,
            "Unknown.other: its annotation cannot be resolved: name 'NotThere' is not defined where the class is defined",
        ),
        (NoneByDefault, "has None as its default, and a type without it"),
        (MayBeNone, "has a default and may be None"),
        (Extra, "allows extra fields"),
        (Root, "is a RootModel"),
        (Excluded, "Excluded.a: is excluded from what the model writes"),
        (ByPath, "ByPath.a: is read by a path"),
        (Valued, "Valued.rights: is an enum whose members become their values (use_enum_values)"),
        (None, ""),
    ],
)
def test_the_error_says_what_cannot_travel_and_what_to_use(hint: Any, text: str) -> None:
    method = MethodTypes("echo", (Parameter("value", hint),))

    with pytest.raises(ContractError) as caught:
        described(ServiceTypes("Echo", (method,)))

    assert text in str(caught.value)
    assert "What travels: bool, int, float, str" in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ContractError) as caught:
        described_of(Outer)

    assert "Outer.note: Any says nothing" in str(caught.value)
    assert "Outer.lines.price: a union of int and str cannot travel" in str(caught.value)
    assert "Outer.lines.tags: a list that may be None cannot travel" in str(caught.value)


def test_not_more_is_told_than_can_be_read() -> None:
    wide = dataclasses.make_dataclass("Wide", [(f"f{at}", set) for at in range(500)])

    with pytest.raises(ContractError, match="and 480 more") as caught:
        described_of(wide)

    assert len(str(caught.value)) < 4_000


def test_two_classes_of_one_name_are_both_named() -> None:
    one = dataclasses.make_dataclass("Order", [("a", int)])
    other = dataclasses.make_dataclass("Order", [("b", int)])
    one.__module__, other.__module__ = "shop.one", "shop.two"
    both = dataclasses.make_dataclass("Both", [("a", one), ("b", other)])

    with pytest.raises(
        ContractError, match=r"shop\.two\.Order and shop\.one\.Order would both be 'test\.v1\.Order'"
    ):
        described_of(both)


def test_two_classes_that_look_the_same_are_two() -> None:
    one = dataclasses.make_dataclass("Order", [("a", int)])
    other = dataclasses.make_dataclass("Order", [("a", int)])
    one.__module__ = other.__module__ = "shop"
    both = dataclasses.make_dataclass("Both", [("a", one), ("b", other)])

    with pytest.raises(ContractError, match=r"two classes shop\.Order would both be 'test\.v1\.Order'"):
        described_of(both)


def test_a_class_cannot_have_the_name_of_the_service() -> None:
    echo = dataclasses.make_dataclass("Echo", [("a", int)])

    with pytest.raises(ContractError, match="the service itself"):
        described_of(echo)


@pytest.mark.parametrize("name", ["string", "message", "x" * 201])
def test_a_class_cannot_be_called_like_a_word_of_protobuf(name: str) -> None:
    with pytest.raises(ContractError):
        described_of(dataclasses.make_dataclass(name, [("a", int)]))


def test_values_of_two_enums_may_not_have_one_name() -> None:
    class AB(enum.Enum):
        C_D = 1

    class AB_C(enum.Enum):  # noqa: N801
        D = 1

    both = dataclasses.make_dataclass("Both", [("a", AB), ("b", AB_C)])

    with pytest.raises(ContractError, match=r"test\.v1\.AB_C_D"):
        described_of(both)


def test_a_value_that_must_be_deeper_than_can_be_read_is_refused() -> None:
    kind = dataclasses.make_dataclass("D0", [("x", int)])
    for at in range(1, 101):
        kind = dataclasses.make_dataclass(f"D{at}", [("x", kind)])

    with pytest.raises(ContractError, match="more than 100 messages deep"):
        described_of(kind)
