from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.adapters.grpc.headers import metadata_of
from collector_mesh.domain.model.call import checked_metadata
from collector_mesh.domain.model.limits import MAX_ENTRIES, MAX_METADATA_BYTES

NAMES = st.sampled_from(
    ["via", "x-forwarded-for", "grpc-x", "mine", "mine-bin", "a" * 65, "UPPER", "", ":path"]
)


def test_no_headers_are_no_metadata() -> None:
    assert metadata_of(None) == metadata_of(()) == ()


def test_more_headers_than_metadata_may_have_are_left_out() -> None:
    found = metadata_of((f"k{number}", "v") for number in range(MAX_ENTRIES + 50))

    assert len(found) == MAX_ENTRIES


def test_a_header_that_does_not_fit_leaves_room_for_smaller_ones() -> None:
    headers = [("one", "x" * 8000), ("two", "x" * 8000), ("three", "x" * 180)]

    assert [key for key, _ in metadata_of(headers)] == ["one", "three"]


@given(st.lists(st.tuples(NAMES | st.text(max_size=70), st.text(max_size=3000) | st.binary(max_size=3000))))
def test_whatever_the_headers_are_what_is_left_is_metadata_in_their_order(
    headers: list[tuple[str, str | bytes]],
) -> None:
    found = metadata_of(headers)

    assert checked_metadata(found) == found
    assert [pair for pair in headers if pair in found] or not found
    assert sum(len(key) + len(value) for key, value in found) <= MAX_METADATA_BYTES
    assert not any(key.startswith(("x-forwarded-", "grpc-", ":")) or key == "via" for key, _ in found)
