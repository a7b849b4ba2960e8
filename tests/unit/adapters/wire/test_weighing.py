"""Fields are counted before protobuf makes objects of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.adapters.wire.dispatcher_codec import decode_dispatch, decode_serve, decode_served
from collector_mesh.adapters.wire.generated import link_pb2 as pb
from collector_mesh.adapters.wire.link_codec import decode_frame
from collector_mesh.adapters.wire.weighing import TooManyFieldsError, bytes_of_field, count_fields
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.ports.frame_stream import MalformedFrameError

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


def _field(number: int, data: bytes) -> bytes:
    size, written = len(data), bytearray()
    while size > 0x7F:
        written.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((number << 3 | 2, *written, size)) + data


def _group(data: bytes) -> bytes:
    return b"\x7b" + data + b"\x7c"


@pytest.mark.parametrize(
    "disguise",
    [
        # What is a message in a response, or in the message itself, is a text or unknown here.
        _field(1, "\U00010000".encode() * 3),
        _group(_field(2, b"\xff" * 11)),
        _group(_field(4, b"\xff" * 11)),
        _group(_field(6, b"\xff" * 11)),
        _field(7, b"\xff" * 11),
    ],
    ids=["text", "group 2", "group 4", "group 6", "unknown"],
)
def test_nothing_that_only_looks_malformed_hides_the_fields_after_it(disguise: bytes) -> None:
    data = disguise + b"\x32\x00" * 10_000

    with pytest.raises(InvalidCallError, match="more than 4096 fields"):
        decode_dispatch(data)
    with pytest.raises(InvalidCallError, match="more than 4096 fields"):
        decode_serve(data)


@pytest.mark.parametrize("number", [2, 14, 20])
def test_nor_does_it_in_a_frame(number: int) -> None:
    data = _group(b"".join((bytes((number << 3 & 0x7F | 0x82, number >> 4)), b"\x0b", b"\xff" * 11)))

    with pytest.raises(MalformedFrameError, match="more than 16384 fields"):
        decode_frame(data + b"\x72\x00" * 100_000)


def test_the_fields_of_a_single_entry_of_a_map_are_counted() -> None:
    entry = b"\x0a\x00" * 10_000

    with pytest.raises(InvalidCallError, match="more than 4096 fields"):
        decode_dispatch(_field(6, entry))
    with pytest.raises(InvalidCallError, match="more than 4096 fields"):
        decode_serve(_field(5, entry))
    with pytest.raises(TooManyFieldsError):
        decode_served(_field(1, _field(3, entry)))


def test_the_bytes_of_a_field_are_found_wherever_it_is() -> None:
    chunk = pb.Frame(chunks=[pb.Chunk(number=1, value=bytes(300))]).SerializeToString()

    assert bytes_of_field(chunk + _CALL + chunk, 25) == 2 * len(chunk)
    assert bytes_of_field(_CALL, 25) == 0
    assert bytes_of_field(chunk[:100], 25) == 100


@given(st.binary(max_size=80))
def test_of_any_bytes_no_more_are_in_a_field_than_there_are(data: bytes) -> None:
    assert 0 <= bytes_of_field(data, 2) <= len(data)
