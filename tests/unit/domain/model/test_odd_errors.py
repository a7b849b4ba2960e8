"""Errors that users make: whatever they are, other programs are told something sound."""

import asyncio
import copy
import enum
import itertools
import pickle
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.unreadable import Unreadable

from collector_mesh.domain.model.errors import (
    Executed,
    MeshError,
    NotFoundError,
    text_of,
)
from collector_mesh.domain.model.limits import DETAILS_CUT
from collector_mesh.domain.model.names import text_argument
from collector_mesh.domain.model.status import Reply, Status, chosen_status, status_of
from collector_mesh.domain.serving.validation import refusal_of


class Textless:
    """Has no text."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error

    __repr__ = __str__


class TextlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class OtherTextError(Exception):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]  # noqa: PLE0307  # which is the point


class Word(enum.StrEnum):
    COLOR = "red"


def error_with(**attributes: object) -> MeshError:
    """An error of a class with such attributes."""
    return type("OwnError", (MeshError,), attributes)("no such thing")  # type: ignore[no-any-return]  # of a class just made


def raising(error: BaseException) -> property:
    def read(_self: object) -> Any:
        raise error

    return property(read)


class FourHundred(int):
    """A number that says that it is another one."""

    def __int__(self) -> int:
        return 200

    def __index__(self) -> int:
        return 200

    def __str__(self) -> str:
        return "200"


@pytest.mark.parametrize(
    "code",
    [200, 0, -1, 42, 399, 600, 40_400_000_000, 404.0, 404.5, "404", b"404", None, True, [404], object()]
    + [raising(error) for error in (ValueError(), SystemExit(3), asyncio.CancelledError(), GeneratorExit())],
)
def test_an_error_whose_code_is_none_is_a_handler_error(code: object) -> None:
    error = error_with(code=code)

    assert chosen_status(error) is None
    assert status_of(error) == Status(500, "handler error: no such thing")


class ClasslessError(Exception):
    """Raises where it is asked of which class it is."""

    @property  # type: ignore[misc]  # which is the point
    def __class__(self) -> Any:
        raise ZeroDivisionError


def test_an_error_that_does_not_say_its_class_is_a_handler_error() -> None:
    assert status_of(ClasslessError("gone")) == Status(500, "handler error: gone")


def test_an_error_of_a_validator_that_does_not_say_its_class_refuses() -> None:
    refusal = refusal_of(ClasslessError("not you"), "a")

    assert (type(refusal), refusal.executed) == (NotFoundError, Executed.NO)


def test_what_does_not_say_its_class_is_named_in_a_type_error() -> None:
    with pytest.raises(TypeError, match="target must be a str, got ClasslessError"):
        text_argument("target", ClasslessError())


@pytest.mark.parametrize(
    ("code", "told"), [(400, 400), (599, 599), (HTTPStatus.NOT_FOUND, 404), (FourHundred(404), 404)]
)
def test_a_code_is_told_as_a_plain_number(code: int, told: int) -> None:
    status = status_of(error_with(code=code))

    assert (status.code, type(status.code), status.message) == (told, int, "no such thing")


def test_a_code_that_is_set_on_the_error_later_counts() -> None:
    error: Any = NotFoundError("gone")
    error.code = "teapot"

    assert status_of(error) == Status(500, "handler error: gone")
    error.code = 418
    assert status_of(error) == Status(418, "gone")


@pytest.mark.parametrize(
    "details",
    [
        None,
        7,
        "a text",
        [("a", "b")],
        object(),
        raising(ValueError()),
        Unreadable(SystemExit(3)),
        Unreadable(KeyError()),
    ],
)
def test_details_that_are_no_mapping_or_cannot_be_read_cost_nothing_but_themselves(details: object) -> None:
    status = status_of(error_with(code=404, details=details))

    assert (status.code, status.message) == (404, "no such thing")
    assert set(status.details) <= {DETAILS_CUT}


def test_details_are_told_as_texts() -> None:
    details = {
        1: 2.5,
        "none": None,
        Word.COLOR: Word.COLOR,
        "bad": Textless(ValueError()),
        "\ud800": "\udfff",
    }

    told = status_of(error_with(details=details)).details

    assert told == {
        "1": "2.5",
        "none": "None",
        "red": "red",
        "bad": "Textless",
        "\\ud800": "\\udfff",
    }
    assert {type(part) for pair in told.items() for part in pair} == {str}


def test_details_of_exactly_64_kibibytes_pass_whole() -> None:
    details = {"a": "x" * (64 * 1024 - 1)}

    assert status_of(error_with(details=details)).details == details


@pytest.mark.parametrize(
    "details",
    [
        {"a": "x" * (64 * 1024)},
        {"a": "é" * 5_000_000},
        {"first": "1", **{str(number): "\ud800" * 3000 for number in range(20)}},
        {str(number): "" for number in range(100_000)},
        {str(number): "" for number in range(1025)},
    ],
)
def test_details_that_are_too_large_are_cut_with_a_remark(details: dict[str, str]) -> None:
    told = status_of(error_with(code=422, details=details)).details

    assert sum(len(part.encode()) for pair in told.items() for part in pair) <= 64 * 1024
    assert told[DETAILS_CUT] == "more than 65536 bytes, or more than 1024 details"
    assert len(told) <= 1024
    assert next(iter(told)) == next(iter(details))


def test_a_detail_whose_name_is_too_large_is_left_out() -> None:
    assert list(status_of(error_with(details={"a" * 5_000_000: "x"})).details) == [DETAILS_CUT]


def test_details_that_never_end_are_cut() -> None:
    class Endless(Mapping[str, str]):
        def __getitem__(self, key: str) -> str:
            return "x"

        def __iter__(self) -> Iterator[str]:
            return map(str, itertools.count())

        def __len__(self) -> int:
            return 1

    assert DETAILS_CUT in status_of(error_with(details=Endless())).details


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("sold out"), "sold out"),
        (ValueError(), "ValueError"),
        (ValueError(""), "ValueError"),
        (KeyError("order 17"), "KeyError: 'order 17'"),
        (SystemExit("sold out"), "sold out"),
        (SystemExit(), "SystemExit"),
        (KeyError(), "KeyError"),
        (TextlessError(), "TextlessError"),
        (OtherTextError(), "OtherTextError"),
        (ExceptionGroup("both", [ValueError(), KeyError()]), "both (2 sub-exceptions): ValueError; KeyError"),
        (
            BaseExceptionGroup("a", [ExceptionGroup("b", [KeyError("x")]), ValueError("y")]),
            "a (2 sub-exceptions): b (1 sub-exception): KeyError: 'x'; y",
        ),
        (ValueError(" \n"), "ValueError"),
        (KeyError("a", 7), "KeyError: ('a', 7)"),
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), "'utf-8' codec can't encode character"),
    ],
)
def test_any_exception_is_told_by_its_text(error: BaseException, said: str) -> None:
    assert text_of(error).startswith(said)
    assert status_of(error).code == 500
    assert status_of(error).message.startswith(f"handler error: {said}")


@pytest.mark.parametrize(
    "raised", [SystemExit(3), asyncio.CancelledError(), GeneratorExit(), RecursionError()]
)
def test_what_a_text_raises_goes_nowhere(raised: BaseException) -> None:
    assert status_of(error_with(code=404, __str__=Textless(raised).__str__)) == Status(404, "OwnError")


def test_an_interrupt_of_the_user_is_no_odd_error() -> None:
    with pytest.raises(KeyboardInterrupt):
        status_of(ValueError(Textless(KeyboardInterrupt())))


def test_a_huge_text_is_cut_before_it_is_encoded() -> None:
    status = status_of(ValueError("\ud800" * 50_000_000))

    assert len(status.message.encode()) <= 1024


@pytest.mark.parametrize(
    ("attributes", "executed", "handled_by"),
    [
        ({}, Executed.NO, ""),
        ({"executed": Executed.YES, "handled_by": "b"}, Executed.YES, "b"),
        ({"executed": "no"}, Executed.MAYBE, ""),
        ({"executed": None, "handled_by": 7}, Executed.MAYBE, ""),
        ({"executed": raising(ValueError()), "handled_by": raising(ValueError())}, Executed.MAYBE, ""),
    ],
)
def test_a_reply_tells_of_a_run_only_what_is_known(
    attributes: dict[str, object], executed: Executed, handled_by: str
) -> None:
    reply = Reply.refused(error_with(**attributes))

    assert (reply.executed, reply.handled_by) == (executed, handled_by)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.sampled_from(list(Executed)),
    st.dictionaries(st.text() | st.integers(), st.text() | st.integers() | st.none()),
    st.lists(st.text()),
    st.builds(object),
    st.sampled_from(
        [raising(ValueError()), raising(SystemExit()), Unreadable(KeyError()), Textless(OSError())]
    ),
)


@settings(deadline=None)
@given(code=anything, details=anything, executed=anything, handled_by=anything, text=anything)
def test_whatever_an_error_is_made_of_its_reply_can_be_sent(
    code: object, details: object, executed: object, handled_by: object, text: object
) -> None:
    kind = type("AnyError", (MeshError,), {"code": code, "details": details, "executed": executed})
    error = kind(text)
    error.handled_by = handled_by

    reply = Reply.refused(error)

    status = reply.status
    assert type(status.code) is int
    assert 400 <= status.code <= 599
    assert len(status.message.encode()) <= 1024
    assert all(part.encode() is not None for pair in status.details.items() for part in pair)
    assert isinstance(reply.executed, Executed)
    assert type(reply.handled_by) is str
    assert pickle.loads(pickle.dumps(reply)) == reply


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"code": "404"}, TypeError, "code must be a whole number between 400 and 599, got '404'"),
        ({"code": 404.0}, TypeError, "code must be a whole number between 400 and 599, got 404.0"),
        ({"code": True}, ValueError, "code must be between 400 and 599, got True"),
        ({"executed": "yes"}, TypeError, "executed must be an Executed, got 'yes'"),
        ({"details": {1: "x"}}, TypeError, "details: each name must be a str, got int '1'"),
        ({"details": {"n": 1}}, TypeError, r"details\['n'\] must be a str, got int"),
        ({"details": {"a": "x", "b": {"c": "d"}}}, TypeError, r"details\['b'\] must be a str, got dict"),
        ({"details": {"a": None}}, TypeError, r"details\['a'\] must be a str, got NoneType"),
        ({"details": {"a": b"x"}}, TypeError, r"details\['a'\] must be a str, got bytes"),
        ({"details": {"\n" * 1000: 1}}, TypeError, r"details\['(\\n){100}'\] must be a str, got int"),
        ({"details": [("a", "b")]}, TypeError, "details must be a mapping of str to str, got list"),
        ({"details": []}, TypeError, "details must be a mapping of str to str, got list"),
        ({"details": ""}, TypeError, "details must be a mapping of str to str, got str"),
        ({"details": 0}, TypeError, "details must be a mapping of str to str, got int"),
        ({"details": Unreadable(ValueError("no"))}, TypeError, "details cannot be read: no"),
    ],
)
def test_an_error_is_not_made_of_what_means_nothing(
    options: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        MeshError("x", **options)


class OrderGoneError(NotFoundError):
    """One of a user's, made from something else than a text."""

    def __init__(self, order: int, place: str) -> None:
        super().__init__(f"order {order} is gone from {place}", details={"order": str(order)})
        self.order = order


@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_that_is_made_from_something_else_than_a_text_survives_pickling_and_copies(
    again: Any,
) -> None:
    error = OrderGoneError(17, "the shelf")
    error.handled_by, error.executed = "b", Executed.YES
    error.details = MappingProxyType(dict(error.details))
    error.add_note("told twice")

    found = again(error)

    assert type(found) is OrderGoneError
    assert (str(found), found.order, dict(found.details)) == (str(error), 17, {"order": "17"})
    assert (found.handled_by, found.executed, found.__notes__) == ("b", Executed.YES, ["told twice"])


def test_statuses_can_be_kept_in_sets() -> None:
    assert len({Status(404, "x", {"a": "b"}), Status(404, "x", {"a": "b"}), Status(404, "y")}) == 2
