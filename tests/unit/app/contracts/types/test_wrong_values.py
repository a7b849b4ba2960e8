"""Values that cannot travel: every one is named by its path, and none is shown."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest
from tests.unit.app.contracts.types.echo import codec_of

from collector_mesh.app.contracts.types.described import described
from collector_mesh.app.contracts.types.interface import NO_DEFAULT, MethodTypes, Parameter, ServiceTypes
from collector_mesh.domain.model.errors import HandlerError, InvalidCallError


class Color(Enum):
    RED = 1


class Number(IntEnum):
    ONE = 1


@dataclass
class Line:
    price: Decimal
    name: str = ""


@dataclass
class Order:
    count: Any = 1
    lines: Any = field(default_factory=list)
    by: Any = field(default_factory=dict)


Order.__annotations__ = {"count": int, "lines": list[Line], "by": dict[str, Line]}


@dataclass
class Node:
    next: "Node | None" = None
    many: "list[Node]" = field(default_factory=list)
    at: dict[str, datetime] = field(default_factory=dict)


class Broken(tzinfo):
    def utcoffset(self, _when: datetime | None) -> timedelta:
        raise RuntimeError("secret")

    def dst(self, _when: datetime | None) -> None:
        return None

    def tzname(self, _when: datetime | None) -> None:
        return None


class Bad(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"


@pytest.mark.parametrize(
    ("hint", "value", "text"),
    [
        (int, "5", "value: got str, expected int"),
        (int, True, "value: got bool, expected int"),
        (int, 1.0, "value: got float, expected int"),
        (int, None, "value: got None, expected int"),
        (int, 1 << 63, "value: is out of range: an int travels as int64, from -2^63 to 2^63 - 1"),
        (int, -(1 << 63) - 1, "value: is out of range: an int travels as int64, from -2^63 to 2^63 - 1"),
        (float, "1", "value: got str, expected float"),
        (float, True, "value: got bool, expected float"),
        (float, (1 << 53) + 1, "value: is an int that no float is equal to"),
        (float, 10**400, "value: is an int that no float is equal to"),
        (bool, 1, "value: got int, expected bool"),
        (str, b"a", "value: got bytes, expected str"),
        (str, "a\ud800", "value: has a lone surrogate, which cannot be sent"),
        (bytes, "a", "value: got str, expected bytes"),
        (bytes, bytearray(b"a"), "value: got bytearray, expected bytes"),
        (datetime, date(2024, 1, 1), "value: got date, expected datetime"),
        (datetime, datetime(2024, 1, 1), "value: has no time zone, expected a datetime with one"),  # noqa: DTZ001
        (datetime, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "value: is not in the years 1 to 9999 of UTC"),
        (datetime, datetime(2024, 1, 1, tzinfo=Broken()), "value: has a time zone that cannot be asked for its offset"),
        (date, datetime(2024, 1, 1, tzinfo=UTC), "value: got datetime, expected date"),
        (timedelta, timedelta.max, "value: is longer than 10,000 years, as no Duration is"),
        (timedelta, timedelta(seconds=315_576_000_000, microseconds=1), "value: is longer than 10,000 years, as no Duration is"),
        (Decimal, 1.5, "value: got float, expected Decimal"),
        (Decimal, Decimal("1" * 70_000), "value: has more than 65536 characters"),
        (UUID, "a", "value: got str, expected UUID"),
        (Color, 1, "value: got int, expected Color"),
        (Color, "RED", "value: got str, expected Color"),
        (Number, 1, "value: got int, expected Number"),
        (list[int], (1, 2), "value: got tuple, expected list"),
        (list[int], "12", "value: got str, expected list"),
        (list[int], [1, "2", True], "value[1]: got str, expected int; value[2]: got bool, expected int"),
        (list[str], ["\ud800"], "value[0]: has a lone surrogate, which cannot be sent"),
        (list[int], [0, 1 << 63], "value[1]: is out of range: an int travels as int64, from -2^63 to 2^63 - 1"),
        (list[Color], [None], "value[0]: got None, expected Color"),
        (tuple[int, ...], [1], "value: got list, expected tuple"),
        (dict[str, int], [1], "value: got list, expected dict"),
        (dict[str, int], {1: 1, "a": "b"}, "a key of value: got int, expected str; value[...]: got str, expected int"),
        (dict[int, int], {True: 1}, "a key of value: got bool, expected int"),
        (dict[int, int], {1 << 63: 1}, "a key of value: is out of range: an int travels as int64, from -2^63 to 2^63 - 1"),
        (dict[str, int], {"\udfff": 1}, "a key of value: has a lone surrogate, which cannot be sent"),
        (dict[bool, int], {0: 1}, "a key of value: got int, expected bool"),
        (Line, {"price": 1}, "value: got dict, expected Line"),
        (Line, Line, "value: got the class Line, expected Line"),
        (Line, None, "value: got None, expected Line"),
    ],
)  # fmt: skip
def test_the_error_says_what_is_wrong(hint: Any, value: Any, text: str) -> None:
    codec = codec_of(hint)

    with pytest.raises(InvalidCallError) as request:
        codec.write_request((value,), {})
    with pytest.raises(HandlerError) as result:
        codec.write_result(value)

    assert str(request.value) == text
    assert str(result.value) == text.replace("value", "result")


def test_every_wrong_part_is_named() -> None:
    wrong = Order("x", [Line(Decimal(1)), Line(1, None)], {"secret": Line(Decimal(1), 5)})  # type: ignore[arg-type]

    with pytest.raises(InvalidCallError) as caught:
        codec_of(Order).write_request((wrong,), {})

    assert str(caught.value) == (
        "value.count: got str, expected int; value.lines[1].price: got int, expected Decimal; "
        "value.lines[1].name: got None, expected str; value.by[...].name: got int, expected str"
    )


def test_not_more_is_named_than_can_be_read() -> None:
    with pytest.raises(InvalidCallError, match=r"and more$") as caught:
        codec_of(list[int]).write_request((["secret"] * 100_000,), {})

    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 1_000


def test_a_part_that_is_not_set_is_named() -> None:
    line = Line(Decimal(1))
    del line.price

    with pytest.raises(InvalidCallError, match=r"value\.price: is not set"):
        codec_of(Line).write_request((line,), {})


def test_a_value_within_itself_is_refused() -> None:
    node = Node()
    node.next = node
    node.many = [node, node]

    with pytest.raises(InvalidCallError, match="is more than 100 messages deep"):
        codec_of(Node).write_request((node,), {})


def test_what_is_written_can_be_read_however_deep_it_is() -> None:
    codec = codec_of(Node)
    node = Node(at={"a": datetime(2024, 1, 1, tzinfo=UTC)})
    for _ in range(98):
        node = Node(node)

    assert codec.read_request(codec.write_request((node,), {})) == (node,)
    with pytest.raises(InvalidCallError, match="is more than 100 messages deep"):
        codec.write_request((Node(node),), {})


def test_a_subclass_travels_as_what_it_is_made_of() -> None:
    (found,) = codec_of(str).read_request(codec_of(str).write_request((Bad("mine"),), {}))

    assert found == "mine"
    assert type(found) is str


TWO = described(
    ServiceTypes(
        "Two",
        (
            MethodTypes(
                "add",
                (
                    Parameter("a", int),
                    Parameter("b", int, 5),
                    Parameter("c", str, NO_DEFAULT, keyword_only=True),
                ),
            ),
            MethodTypes("stop"),
        ),
    )
)


@pytest.mark.parametrize(
    ("args", "kwargs", "found"),
    [
        ((1, 2), {"c": ""}, (1, 2, "")),
        ((1,), {"c": "x"}, (1, 5, "x")),
        ((), {"c": "x", "b": 0, "a": -1}, (-1, 0, "x")),
    ],
)
def test_arguments_are_sorted_as_python_does(args: Any, kwargs: Any, found: Any) -> None:
    codec = TWO.codec("add")

    assert codec.read_request(codec.write_request(args, kwargs)) == found


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((1, 2, "x"), {}, "takes 2 positional arguments but 3 were given"),
        ((1,), {}, "missing 1 required argument: 'c'"),
        ((1,), {"a": 1, "c": ""}, "multiple values for argument 'a'"),
        ((1,), {"d": 1, "c": ""}, "unexpected keyword argument 'd'"),
    ],
)
def test_a_call_that_python_would_not_make_is_a_type_error(args: Any, kwargs: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        TWO.codec("add").write_request(args, kwargs)


def test_wrong_arguments_are_all_named() -> None:
    with pytest.raises(InvalidCallError) as caught:
        TWO.codec("add").write_request(("1", None), {"c": 3})

    assert (
        str(caught.value) == "a: got str, expected int; b: got None, expected int; c: got int, expected str"
    )


def test_a_method_without_a_result_gives_none() -> None:
    codec = TWO.codec("stop")

    assert codec.takes == codec.gives == "google.protobuf.Empty"
    assert codec.read_request(codec.write_request((), {})) == ()
    assert codec.read_result(codec.write_result(None)) is None
    with pytest.raises(HandlerError, match="got int, expected None"):
        codec.write_result(3)
