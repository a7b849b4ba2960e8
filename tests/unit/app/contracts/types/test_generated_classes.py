"""Classes that nobody has written: whatever a value is made of, it comes back, in the bytes that protobuf itself would write."""

import dataclasses
import itertools
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import pydantic
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.app.contracts.types.echo import described_of


class Color(Enum):
    RED = "r"
    GREEN = "g"


class Typed(NamedTuple):
    """A type, and values of it."""

    hint: Any
    values: st.SearchStrategy[Any]


OFFSETS = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS)  # noqa: DTZ001  # bounds have no zone
LONGEST = timedelta(seconds=315_576_000_000)
INTS = st.integers(-(1 << 63), (1 << 63) - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

SINGLE = [
    Typed(int, INTS),
    Typed(float, st.floats(allow_nan=False)),
    Typed(str, TEXTS),
    Typed(bytes, st.binary(max_size=8)),
    Typed(bool, st.booleans()),
    Typed(datetime, MOMENTS),
    Typed(timedelta, st.timedeltas(-LONGEST, LONGEST)),
    Typed(date, st.dates()),
    Typed(Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    Typed(UUID, st.uuids()),
    Typed(Color, st.sampled_from(Color)),
]
KEYS = [Typed(str, TEXTS), Typed(int, INTS), Typed(bool, st.booleans())]

NAMES = ["a", "b_c", "d1", "f1", "k", "m"]
NUMBERS = itertools.count()


def of_dataclass(name: str, fields: dict[str, Any]) -> type:
    return dataclasses.make_dataclass(name, list(fields.items()))


def of_attrs(name: str, fields: dict[str, Any]) -> type:
    return attrs.make_class(name, {each: attrs.field(type=hint) for each, hint in fields.items()}, slots=True)


def of_pydantic(name: str, fields: dict[str, Any]) -> type:
    config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    given: dict[str, Any] = {each: (hint, ...) for each, hint in fields.items()}
    made: type = pydantic.create_model(name, __config__=config, **given)
    return made


MAKERS: list[Callable[[str, dict[str, Any]], type]] = [of_dataclass, of_attrs, of_pydantic]


@st.composite
def classes(draw: st.DrawFn, depth: int = 2) -> Typed:
    """A class of data, with others in it."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    maker = draw(st.sampled_from(MAKERS))
    fields = {name: draw(typed(depth)) for name in names}
    # Names of classes are unique in a contract.
    kind = maker(f"Made{next(NUMBERS)}", {name: each.hint for name, each in fields.items()})
    values = {name: each.values for name, each in fields.items()}
    return Typed(kind, st.fixed_dictionaries(values).map(lambda found: kind(**found)))


@st.composite
def typed(draw: st.DrawFn, depth: int) -> Typed:
    """What a field may be annotated as."""
    one: Typed = draw(st.sampled_from(SINGLE))
    if depth and draw(st.booleans()):
        one = draw(classes(depth - 1))
    form = draw(st.sampled_from(["one", "one", "none", "list", "tuple", "dict"]))
    if form == "none":
        return Typed(one.hint | None, st.none() | one.values)
    if form == "list":
        return Typed(list[one.hint], st.lists(one.values, max_size=3))  # type: ignore[name-defined]  # made here
    if form == "tuple":
        return Typed(tuple[one.hint, ...], st.lists(one.values, max_size=3).map(tuple))  # type: ignore[name-defined]  # the same
    if form == "dict":
        key = draw(st.sampled_from(KEYS))
        return Typed(dict[key.hint, one.hint], st.dictionaries(key.values, one.values, max_size=3))  # type: ignore[name-defined]  # the same
    return one


def filled(message: Any, value: Any) -> Any:
    """A message of protobuf's own class with what a value has, put in by its public names."""
    for field in message.DESCRIPTOR.fields:
        part = getattr(value, field.name)
        if part is None:
            continue
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            for key, each in part.items():
                put(getattr(message, field.name), entry.fields_by_name["value"], each, key)
        elif field.is_repeated:
            for each in part:
                add(getattr(message, field.name), field, each)
        elif entry is not None:
            filled_one(getattr(message, field.name), part)
        else:
            setattr(message, field.name, plain(field, part))
    return message


def put(target: Any, field: FieldDescriptor, value: Any, key: Any) -> None:
    if field.message_type is None:
        target[key] = plain(field, value)
    else:
        filled_one(target[key], value)


def add(target: Any, field: FieldDescriptor, value: Any) -> None:
    if field.message_type is None:
        target.append(plain(field, value))
    else:
        filled_one(target.add(), value)


def filled_one(message: Any, value: Any) -> None:
    message.SetInParent()
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        message.FromDatetime(value)
    elif name == "google.protobuf.Duration":
        message.FromTimedelta(value)
    else:
        filled(message, value)


def plain(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values_by_name[f"COLOR_{value.name}"].number
    return str(value) if isinstance(value, (date, Decimal, UUID)) else value


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_comes_back_and_is_the_same_to_protobuf(data: st.DataObject) -> None:
    made = data.draw(classes())
    value = data.draw(made.values)
    described = described_of(made.hint)
    codec = described.codec("echo")

    written = codec.write_request((value,), {})

    assert codec.read_request(written) == (value,)
    own = message_factory.GetMessageClass(described.service_descriptor.methods_by_name["echo"].input_type)
    # Of maps the order is not the same each time.
    assert own.FromString(written).SerializeToString(deterministic=True) == filled(
        own(), value
    ).SerializeToString(deterministic=True)
