"""Which annotations stand for plain data, and what of a value fits them."""

import enum
import types
import typing
from typing import Annotated, Any, NewType, Optional, Union

import pytest

from collector_mesh.domain.model.shapes import MismatchError, Shape, plain_hint, shape_of

Number = NewType("Number", int)
Price = NewType("Price", Number)


class Alias:
    """Names a type as the `type` statement does, from Python 3.12 on."""

    def __init__(self, value: Any) -> None:
        self._value = value

    @property
    def __value__(self) -> Any:
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


Alias.__name__ = "TypeAliasType"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()


def shape(hint: Any) -> Shape:
    found = shape_of(hint)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("hint", "name"),
    [
        (dict, "dict"),
        (typing.Dict, "dict"),  # noqa: UP006
        (typing.List, "list"),  # noqa: UP006
        (None, "None"),
        (list[Any], "list[Any]"),
        (list[object], "list[Any]"),
        (dict[str, object], "dict[str, Any]"),
        (dict[str, list[float | None]], "dict[str, list[float | None]]"),
        (Optional[int], "int | None"),  # noqa: UP045
        (Union[int, str], "int | str"),  # noqa: UP007
        (Annotated[int, "a number"], "int"),
        (Price, "int"),
        (Alias(list[Number]), "list[int]"),
        (Alias(Annotated[Price, "in cents"]), "int"),
        (dict[NewType("Key", str), int], "dict[str, int]"),  # type: ignore[misc]
        (list[Alias(Any)], "list[Any]"),  # type: ignore[misc]
    ],
)
def test_what_stands_for_plain_data_has_one_name(hint: Any, name: str) -> None:
    assert shape(hint).name == name


@pytest.mark.parametrize(
    "hint",
    [
        set,
        dict[int, str],
        dict[str, set[int]],
        list[bytes],
        int | bytes,
        tuple[int, ...],
        list[list[complex]],
        Alias(NameError("it is not there yet")),
        types.SimpleNamespace(),
        [1],
        Annotated[bytes, "raw"],
    ],
)
def test_what_does_not_has_no_shape(hint: Any) -> None:
    assert shape_of(hint) is None


def test_names_that_stand_for_each_other_and_types_in_types_end_somewhere() -> None:
    endless = Alias(None)
    endless._value = endless
    deep: Any = int
    for _ in range(100):
        deep = list[deep]

    assert plain_hint(endless) is endless
    assert (shape_of(endless), shape_of(deep)) == (None, None)


@pytest.mark.parametrize(
    ("hint", "value", "text"),
    [
        (int, True, "is bool, expected int"),
        (int, 1.5, "is float, expected int"),
        (float, "1", "is str, expected float"),
        (float, False, "is bool, expected float"),
        (None, 0, "is int, expected None"),
        (dict, [], "is list, expected dict"),
        (list[int], {}, r"is dict, expected list[int]"),
        (list[Any], None, "is None, expected list[Any]"),
        (dict[str, int], None, "is None, expected dict[str, int]"),
        (dict[str, list[int]], {"a": [1, "x"]}, "a[1] is str, expected int"),
        (dict[str, dict[str, None]], {"a": {"b": 1}}, "a.b is int, expected None"),
        (dict[str, int], {7: "x"}, "[...] is str, expected int"),
        (int | None, "x", "is str, expected int | None"),
        (list[int] | list[str], ["x", 1.5], "[0] is str, expected int"),
        (list[int | str], [None], "[0] is None, expected int | str"),
    ],
)
def test_what_does_not_fit_says_where_and_what_was_expected(hint: Any, value: object, text: str) -> None:
    with pytest.raises(MismatchError) as raised:
        shape(hint).checked(value)

    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (dict[str, int], {"a": 1}),
        (list[int], [1, 2]),
        (list[Any], [object()]),
        (dict[str, Any], {"a": object()}),
        (int, Level.HIGH),
        (str, Text("x")),
        (float, 1.5),
        (None, None),
        (int | float, 3),
        (float | int, 3),
        (list[int] | None, None),
        (list[int] | dict[str, int], {"a": 1}),
        (list[str] | list[int], [1]),
        (list[str | None], ["x", None]),
    ],
)
def test_what_fits_is_given_as_it_is(hint: Any, value: object) -> None:
    assert shape(hint).fits(value)
    assert shape(hint).checked(value) is value


@pytest.mark.parametrize(
    ("hint", "value", "given"),
    [
        (float, 3, 3.0),
        (float, Level.HIGH, 3.0),
        (float | None, 3, 3.0),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (dict[str, float], {"a": 1, "b": 2.5}, {"a": 1.0, "b": 2.5}),
        (dict[str, list[float]], {"a": [1]}, {"a": [1.0]}),
    ],
)
def test_whole_numbers_are_given_as_floats_where_floats_are_wanted_and_the_value_stays(
    hint: Any, value: object, given: object
) -> None:
    before = repr(value)

    found = shape(hint).checked(value)

    assert repr(found) == repr(given)
    assert repr(value) == before


def test_a_float_of_a_class_of_its_own_is_given_as_the_float_that_it_is() -> None:
    class Odd(float):
        def __add__(self, other: object) -> float:
            return 7.0

    assert shape(float).checked(Odd(1.5)) == 1.5
    assert type(shape(float).checked(Odd(1.5))) is float


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 10**400])
def test_an_int_that_no_float_is_equal_to_stays_one(number: int) -> None:
    assert shape(float).checked(number) is number


def test_the_name_of_a_type_of_many_has_an_end() -> None:
    deep: Any = int
    for _ in range(20):
        deep = list[deep]

    assert len(shape(deep | dict[str, deep] | None).name) == 200
