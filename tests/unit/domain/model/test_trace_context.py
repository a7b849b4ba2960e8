"""Trace contexts: what headers say, and what becomes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.model.trace_context import (
    MAX_STATE_BYTES,
    MAX_STATE_MEMBERS,
    checked_state,
    checked_trace,
    child_of,
    headers_for,
    is_sampled,
    span_id_of,
    trace_id_of,
    trace_in,
    trace_of,
    traceparent_of,
    tracestate_of,
)

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_a_trace_context_says_what_its_header_says() -> None:
    trace = trace_of(PARENT, "vendor=1, other@x=a b")

    assert (trace_id_of(trace), span_id_of(trace), is_sampled(trace)) == (TRACE_ID, SPAN_ID, True)
    assert (traceparent_of(trace), tracestate_of(trace)) == (PARENT, "vendor=1,other@x=a b")
    assert headers_for(trace) == (("traceparent", PARENT), ("tracestate", "vendor=1,other@x=a b"))


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "00-1",
        PARENT.upper(),
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"{PARENT}-more",
        f"{PARENT} ",
        f"cc-{TRACE_ID}-{SPAN_ID}-01more",
        f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-0g",
        "x" * 100_000,
    ],
)
def test_a_malformed_header_is_ignored(malformed: str) -> None:
    assert trace_of(malformed, "vendor=1") == b""


def test_a_later_version_is_read_and_flags_that_nobody_knows_are_not_passed_on() -> None:
    assert (
        traceparent_of(trace_of(f"cc-{TRACE_ID}-{SPAN_ID}-ff-what-is-new")) == f"00-{TRACE_ID}-{SPAN_ID}-03"
    )
    assert not is_sampled(trace_of(f"00-{TRACE_ID}-{SPAN_ID}-02"))


@pytest.mark.parametrize(
    "malformed", ["a", "=1", "a=", "A=1", "a=1,a=2", "a=\x00", "a=é", f"{'k' * 300}=1", "a=1=2"]
)
def test_a_malformed_tracestate_is_left_out_and_the_rest_counts(malformed: str) -> None:
    assert tracestate_of(trace_of(PARENT, malformed)) == ""
    assert traceparent_of(trace_of(PARENT, malformed)) == PARENT


def test_of_too_many_or_too_large_members_the_first_ones_are_kept() -> None:
    many = checked_state(",".join(f"k{number}=v" for number in range(40))).decode()
    large = checked_state(",".join(f"k{number}={'v' * 100}" for number in range(10))).decode()

    assert len(many.split(",")) == MAX_STATE_MEMBERS
    assert [member[:2] for member in large.split(",")] == ["k0", "k1", "k2", "k3"]


def test_two_headers_of_which_one_is_meant_are_none_and_states_add_up() -> None:
    states = [("tracestate", "a=1"), ("tracestate", "b=2")]

    assert trace_in([("traceparent", PARENT), ("traceparent", PARENT)]) == b""
    assert trace_in([("x", "1"), ("traceparent", b"raw"), *states]) == b""
    assert tracestate_of(trace_in([("traceparent", PARENT), *states])) == "a=1,b=2"


def test_a_child_has_the_decision_and_the_state_of_its_parent() -> None:
    child = child_of(trace_of(PARENT, "a=1"), b"12345678")

    assert headers_for(child) == (
        ("traceparent", f"00-{TRACE_ID}-{b'12345678'.hex()}-01"),
        ("tracestate", "a=1"),
    )
    assert headers_for(b"") == ()


@given(st.text(max_size=700), st.text(max_size=700))
def test_whatever_headers_say_what_is_passed_on_is_well_formed_and_bounded(parent: str, state: str) -> None:
    trace = trace_of(parent, state)
    kept = checked_state(state)

    assert trace == b"" or trace_of(traceparent_of(trace), tracestate_of(trace)) == trace
    assert len(kept) <= MAX_STATE_BYTES
    assert checked_state(kept.decode()) == kept


@given(st.binary(max_size=30))
def test_ids_that_come_as_bytes_are_the_same(ids: bytes) -> None:
    trace = checked_trace(ids, "a=1")

    assert trace == b"" or trace_of(traceparent_of(trace), "a=1") == trace
