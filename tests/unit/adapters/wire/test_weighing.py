"""Fields are counted before protobuf makes objects of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.adapters.wire.generated import link_pb2 as pb
from collector_mesh.adapters.wire.weighing import TooManyFieldsError, count_fields

_CALL = pb.Frame(
    credit=7,
    call_first=1,
    call_method=[1, 2, 300],
    call_value=[b"a", b"", b"x" * 300],
    call_extra=[pb.CallExtra(index=1, hints={"a": "b", "c": "d"}, visited=["x", "y"])],
).SerializeToString()


def test_fields_of_a_message_are_counted() -> None:
    assert count_fields(_CALL, {}, 100) == 7


def test_those_of_messages_in_it_are_counted_where_that_is_asked_for() -> None:
    assert count_fields(_CALL, {14: {}}, 100) == 7 + 5
    assert count_fields(_CALL, {14: {3: {}}}, 100) == 7 + 5 + 4


def test_all_kinds_of_fields_are_skipped() -> None:
    fixed = b"\x09" + bytes(8) + b"\x15" + bytes(4) + b"\x1b\x1c" + b"\x80\x01\xff\xff\x01"

    assert count_fields(fixed + _CALL, {}, 100) == 5 + 7


@pytest.mark.parametrize("most", [6, 0])
def test_more_than_allowed_are_too_many(most: int) -> None:
    with pytest.raises(TooManyFieldsError):
        count_fields(_CALL, {}, most)


@given(st.binary(max_size=80), st.sampled_from([{}, {2: {}, 14: {3: {}}}]))
def test_any_bytes_are_counted_or_too_many(data: bytes, inner: dict[int, object]) -> None:
    try:
        assert 0 <= count_fields(data, inner, 20) <= 20  # type: ignore[arg-type]  # it is such a mapping
    except TooManyFieldsError:
        return
