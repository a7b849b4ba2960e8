"""Metadata of replies: what a handler may set, and what is left of what anybody may have sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.link.sizes import fitting
from collector_mesh.domain.model.limits import DETAILS_CUT, MAX_METADATA_BYTES
from collector_mesh.domain.model.reply_metadata import (
    checked_reply_metadata,
    fitting_metadata,
    with_fitting_metadata,
)
from collector_mesh.domain.model.status import OK, Reply

KEYS = st.sampled_from(
    [
        "a",
        "a-bin",
        "A",
        "",
        "grpc-status",
        "grpc-status-details-bin",
        "grpc-retry-pushback-ms",
        "a b",
        "k" * 65,
        "é",
    ]
)
PAIRS = st.lists(st.tuples(KEYS, st.text(max_size=20) | st.binary(max_size=20)), max_size=8).map(tuple)


@given(PAIRS)
def test_what_is_left_may_travel_and_nothing_that_may_is_left_out(pairs: Any) -> None:
    left, why = fitting_metadata(pairs)

    assert checked_reply_metadata(left) == left
    assert (left == pairs) == (not why)
    assert [pair for pair in pairs if not fitting_metadata((pair,))[1]] == list(left)


@given(PAIRS, PAIRS)
def test_a_reply_is_the_same_on_its_way_out_and_in_and_says_what_is_missing(
    initial: Any, trailing: Any
) -> None:
    sent = fitting(Reply(OK, metadata=trailing, initial_metadata=initial))
    taken = with_fitting_metadata(Reply(OK, metadata=trailing, initial_metadata=initial))

    assert sent == taken
    assert with_fitting_metadata(taken) is taken
    is_whole = (taken.metadata, taken.initial_metadata) == (trailing, initial)
    assert (DETAILS_CUT in taken.status.details) != is_whole
    assert is_whole == (taken.status is OK)


@pytest.mark.parametrize(
    "metadata",
    [
        5,
        None,
        "ab",
        [("a",)],
        [("a", "b", "c")],
        [(1, "a")],
        [("a", 1)],
        [("a", None)],
        {"a": 1},
        [["a", bytearray()]],
    ],
)
def test_what_is_no_metadata_is_a_type_error_that_says_so(metadata: Any) -> None:
    with pytest.raises(TypeError, match="metadata"):
        checked_reply_metadata(metadata)


def test_a_mapping_and_an_iterator_do_as_well_as_pairs() -> None:
    mapping: dict[str, str | bytes] = {"a": "1", "b-bin": b""}
    assert checked_reply_metadata(mapping) == (("a", "1"), ("b-bin", b""))
    lists: Any = iter([["a", "1"]])
    assert checked_reply_metadata(lists) == (("a", "1"),)
    with pytest.raises(ValueError, match="more than 1024 entries"):
        checked_reply_metadata(("a", "") for _ in iter(int, 1))


@given(st.integers(MAX_METADATA_BYTES - 2, MAX_METADATA_BYTES + 2))
def test_the_limit_is_exact(size: int) -> None:
    pairs = (("k", "x" * (size - 1)),)

    assert fitting_metadata(pairs)[0] == (pairs if size <= MAX_METADATA_BYTES else ())
