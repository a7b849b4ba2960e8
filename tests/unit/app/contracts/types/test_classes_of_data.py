"""Classes of data, as people write them: how they are described, and how their values are made again."""

import enum
import sys
from dataclasses import InitVar, dataclass, field, make_dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Generic, NamedTuple, Self, TypeVar
from uuid import UUID, uuid4

import attrs
import pydantic
import pydantic.dataclasses
import pytest
from tests.unit.app.contracts.types.echo import codec_of, described_of, there_and_back

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.numbers import Numbered, Numbers
from collector_mesh.app.contracts.types.described import described
from collector_mesh.app.contracts.types.interface import MethodTypes, Parameter, ServiceTypes
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.registry.schema import Field, File, Message, Reserved

T = TypeVar("T")


def message_in(file: File, name: str) -> Message:
    return next(message for message in file.messages if message.name == f"test.v1.{name}")


def fields_of(hint: Any, name: str) -> list[tuple[str, str, str]]:
    fields = message_in(described_of(hint).file, name).fields
    return [(field.name, field.type, field.cardinality) for field in fields]


@dataclass
class Base:
    id: int
    kind: ClassVar[str] = "base"


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    name: str
    made: int = field(init=False, default=7)
    seen: frozenset[int] = field(init=False, default=frozenset())


@dataclass
class Derived(Base):
    note: str = ""
    scale: InitVar[int] = 2
    doubled: int = field(init=False)

    def __post_init__(self, scale: int) -> None:
        self.doubled = self.id * scale
        if self.id < 0:
            raise ValueError("id must not be negative")


@dataclass
class Fresh:
    key: UUID = field(default_factory=uuid4)
    tags: list[str] = field(default_factory=lambda: ["new"])


@dataclass
class Linked:
    value: Final[int]
    next: Self | None = None


@dataclass
class Page(Generic[T]):
    items: list[T]
    first: T | None = None


@dataclass
class NamedPage(Page[Base]):
    title: str = ""


@dataclass
class Quoted:
    value: "Final[int]"
    again: "list[Quoted]" = field(default_factory=list)


@attrs.frozen
class Box(Generic[T]):
    _content: T
    size: int = attrs.field(default=1, converter=int)


@attrs.define
class Guarded:
    count: int = attrs.field(validator=attrs.validators.ge(1))


class Item(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)
    sku: Annotated[str, pydantic.Field(min_length=2, alias="item-sku")]
    amount: pydantic.PositiveInt = 1
    at: pydantic.AwareDatetime | None = None
    secret: str = pydantic.Field("hidden", exclude=True)

    @pydantic.computed_field  # type: ignore[prop-decorator]  # as pydantic's own pages have it
    @property
    def total(self) -> int:
        return self.amount * 2


class Basket(pydantic.BaseModel, Generic[T]):
    model_config = pydantic.ConfigDict(extra="forbid", populate_by_name=True)
    items: list[T]
    other: "Basket[T] | None" = None
    by_sku: dict[str, T] = pydantic.Field(default_factory=dict, alias="bySku")

    @pydantic.model_validator(mode="after")
    def _few(self) -> "Basket[T]":
        if len(self.items) > 3:
            raise ValueError("at most 3 items")
        return self


class Mixed(pydantic.BaseModel):
    base: Base


@pydantic.dataclasses.dataclass
class Parcel:
    weight: int = pydantic.Field(gt=0)
    label: str = pydantic.Field(default="x", alias="theLabel")
    tags: list[str] = pydantic.Field(default_factory=list)


@dataclass
class Leaving:
    code: int = 0

    def __post_init__(self) -> None:
        if self.code:
            raise SystemExit(self.code)


class Spot(NamedTuple):
    x: int
    label: str = "here"


def test_what_a_class_makes_itself_does_not_travel() -> None:
    value = Derived(4, "n")

    assert fields_of(Derived, "Derived") == [("id", "int64", "implicit"), ("note", "string", "optional")]
    assert there_and_back(Derived, value) == value


def test_a_frozen_class_with_slots_is_made_by_names() -> None:
    assert there_and_back(Frozen, Frozen(name="a")) == Frozen(name="a")


def test_a_fresh_default_is_made_by_the_class_and_no_list_is_an_empty_one() -> None:
    codec = codec_of(Fresh)

    (one,), (other,) = codec.read_request(b""), codec.read_request(b"")

    assert one.key != other.key
    assert one.tags == []
    assert there_and_back(Fresh, Fresh(tags=[])).tags == []


def test_a_class_may_name_itself() -> None:
    assert there_and_back(Linked, Linked(1, Linked(2))) == Linked(1, Linked(2))


@pytest.mark.parametrize(
    ("hint", "name", "fields"),
    [
        (Page[Base], "PageOfBase", [("items", "message", "repeated"), ("first", "message", "optional")]),
        (Page[int], "PageOfInt", [("items", "int64", "repeated"), ("first", "int64", "optional")]),
        (
            NamedPage,
            "NamedPage",
            [
                ("items", "message", "repeated"),
                ("first", "message", "optional"),
                ("title", "string", "optional"),
            ],
        ),
        (Box[datetime], "BoxOfDatetime", [("content", "message", "implicit"), ("size", "int64", "optional")]),
        (
            Basket[Item],
            "BasketOfItem",
            [
                ("items", "message", "repeated"),
                ("other", "message", "optional"),
                ("by_sku", "message", "map"),
            ],
        ),
        (Spot, "Spot", [("x", "int64", "implicit"), ("label", "string", "optional")]),
        (
            Item,
            "Item",
            [("sku", "string", "implicit"), ("amount", "int64", "optional"), ("at", "message", "optional")],
        ),
    ],
)
def test_generic_classes_have_a_name_for_each_use(
    hint: Any, name: str, fields: list[tuple[str, str, str]]
) -> None:
    assert fields_of(hint, name) == fields


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Page[Base], Page([Base(1)], Base(2))),
        (Page[int], Page([1, 2])),
        (NamedPage, NamedPage([Base(1)], None, "t")),
        (Box[datetime], Box(datetime(2024, 1, 1, tzinfo=UTC), 3)),
        (Basket[Item], Basket[Item](items=[Item.model_validate({"item-sku": "ab"})])),
        (Mixed, Mixed(base=Base(1))),
        (Spot, Spot(1)),
        (Quoted, Quoted(1, [Quoted(2)])),
        (Parcel, Parcel(weight=3, theLabel="y")),
    ],
)
def test_values_of_such_classes_come_back(hint: Any, value: Any) -> None:
    assert there_and_back(hint, value) == value


def test_an_alias_is_the_name_in_json() -> None:
    fields = message_in(described_of(Item).file, "Item").fields

    assert [field.json_name for field in fields] == ["item-sku", "amount", "at"]


def test_names_in_json_are_those_that_protoc_makes() -> None:
    kind = make_dataclass("Names", [(name, int) for name in ("a_b", "_x", "a__b2", "foo_1", "Big_Small")])

    fields = message_in(described_of(kind).file, "Names").fields

    # As protoc 6.33 makes them.
    assert [field.json_name for field in fields] == ["aB", "X", "aB2", "foo1", "BigSmall"]


def test_a_field_may_be_called_like_anything_in_python() -> None:
    names = [
        "DESCRIPTOR",
        "SerializeToString",
        "FromString",
        "HasField",
        "Clear",
        "self",
        "m",
        "v",
        "d",
        "a",
        "k",
        "x0",
    ]
    kind = make_dataclass("Odd", [(name, int) for name in names])
    value = kind(*range(len(names)))

    assert there_and_back(kind, value) == value


def test_what_the_class_does_not_accept_is_an_invalid_call() -> None:
    codec = codec_of(Derived)

    with pytest.raises(InvalidCallError) as caught:
        codec.read_request(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")

    assert str(caught.value) == "value: id must not be negative"


def test_what_a_validator_of_attrs_does_not_accept_is_an_invalid_call() -> None:
    with pytest.raises(InvalidCallError, match=r"^value: 'count' must be >= 1: 0"):
        codec_of(Guarded).read_request(b"")


def test_each_field_that_pydantic_does_not_accept_is_named() -> None:
    codec = codec_of(Item)

    with pytest.raises(InvalidCallError) as caught:
        codec.read_request(b"\x0a\x01x\x10\x00")

    assert str(caught.value) == (
        "value.item-sku: String should have at least 2 characters; "
        "value.amount: Input should be greater than 0"
    )


def test_a_dataclass_of_pydantic_is_one_of_its_models() -> None:
    described = described_of(Parcel)

    assert [
        (field.name, field.cardinality, field.json_name)
        for field in message_in(described.file, "Parcel").fields
    ] == [
        ("weight", "implicit", "weight"),
        ("label", "optional", "theLabel"),
        ("tags", "repeated", "tags"),
    ]
    with pytest.raises(InvalidCallError, match=r"^value\.weight: Input should be greater than 0$"):
        described.codec("echo").read_request(b"")


def test_a_class_that_wants_to_end_the_program_only_refuses_the_value() -> None:
    with pytest.raises(InvalidCallError, match=r"^value: SystemExit: 3$"):
        codec_of(Leaving).read_request(b"\x08\x03")


def test_a_validator_of_a_whole_model_is_named_by_its_path() -> None:
    item = Item.model_validate({"item-sku": "ab"})
    several = Basket[Item].model_construct(items=[item] * 4, other=None, by_sku={})
    around = Page([several])
    codec = codec_of(Page[Basket[Item]])

    with pytest.raises(InvalidCallError) as caught:
        codec.read_request(codec.write_request((around,), {}))

    assert str(caught.value) == "value.items[0]: Value error, at most 3 items"


def test_a_default_of_pydantic_is_left_to_it() -> None:
    (item,) = codec_of(Item).read_request(b"\x0a\x02ab")

    assert item.model_fields_set == {"sku"}
    assert item.secret == "hidden"


def test_classes_in_a_function_find_each_other_by_the_names_of_the_contract() -> None:
    @dataclass
    class Parent:
        children: "list[Child]"

    @dataclass
    class Child:
        parent: "Parent | None" = None

    described = described_of(Parent, Child=Child)
    codec = described.codec("echo")

    assert codec.read_request(codec.write_request((Parent([Child()]),), {})) == (Parent([Child()]),)


def test_an_alias_of_an_enum_member_is_that_member() -> None:
    class Level(enum.Enum):
        LOW = 1
        LEAST = 1  # noqa: PIE796  # an alias
        HIGH = 2

    file = described_of(Level).file

    assert [(value.name, value.number) for value in file.enums[0].values] == [
        ("LEVEL_UNSPECIFIED", 0),
        ("LEVEL_LOW", 1),
        ("LEVEL_HIGH", 2),
    ]
    assert there_and_back(Level, Level.LEAST) is Level.LOW


def test_numbers_come_from_the_lock_and_new_members_get_those_that_are_free() -> None:
    kind = make_dataclass("Order", [("new", int), ("count", int), ("item", str)])
    numbers = Numbers(
        messages={"Order": Numbered({"item": 1, "count": 4, "gone": 2}, Reserved(((3, 3),), ("old",)))}
    )
    method = MethodTypes("echo", (Parameter("order", kind),))

    made = described(ServiceTypes("Echo", (method,)), numbers)

    message = made.file.messages[0]
    assert [(field.name, field.number) for field in message.fields] == [("new", 5), ("count", 4), ("item", 1)]
    assert message.reserved == Reserved(((2, 3),), ("gone", "old"))
    assert made.codec("echo").write_request((kind(9, 8, "a"),), {}) == b"\x0a\x01a\x20\x08\x28\x09"


def test_several_parameters_are_one_message() -> None:
    method = MethodTypes(
        "place_order",
        (Parameter("order", Base), Parameter("fast", bool, default=False)),
        int,
        idempotent=True,
    )

    file = described(ServiceTypes("acme.shop.v1.Shop", (method,))).file

    (service,) = file.services
    assert file.name == "acme/shop/v1/shop.proto"
    assert (service.methods[0].takes, service.methods[0].gives, service.methods[0].idempotency) == (
        "acme.shop.v1.PlaceOrderRequest",
        "acme.shop.v1.PlaceOrderReply",
        "idempotent",
    )
    request = next(message for message in file.messages if message.name.endswith("Request"))
    assert request.fields == (
        Field("order", 1, "message", "acme.shop.v1.Base", json_name="order"),
        Field("fast", 2, "bool", cardinality="optional", json_name="fast"),
    )


def test_a_thousand_fields_and_types_a_thousand_deep_are_no_trouble() -> None:
    wide = make_dataclass("Wide", [(f"f{at}", int, field(default=at)) for at in range(1_500)])
    deep = make_dataclass("D0", [("x", int, field(default=0))])
    for at in range(1, 1_000):
        deep = make_dataclass(f"D{at}", [("x", deep | None, field(default=None))])

    assert there_and_back(wide, wide()) == wide()
    assert there_and_back(deep, deep()) == deep()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="has no such syntax")
def test_aliases_and_classes_with_type_parameters_are_what_they_stand_for() -> None:
    names: dict[str, Any] = {}
    exec(NEW_SYNTAX, names)  # what follows is no Python to older ones
    page, order = names["Page"], names["Order"]
    value = page([order(["a"])], page([]))

    assert fields_of(page[order], "PageOfOrder") == [
        ("items", "message", "repeated"),
        ("next", "message", "optional"),
    ]
    assert there_and_back(page[order], value) == value
    with pytest.raises(ContractError, match="an alias that contains itself cannot travel"):
        described_of(names["Loop"])
    with pytest.raises(ContractError, match="an alias that contains itself cannot travel"):
        described_of(names["Knot"])


NEW_SYNTAX = """
from dataclasses import dataclass, field

type Several[T] = list[T]
type Loop = list[Loop]
type Knot = Knot | int

@dataclass
class Order:
    tags: Several[str]

@dataclass
class Page[T]:
    items: list[T]
    next: "Page[T] | None" = None
"""
