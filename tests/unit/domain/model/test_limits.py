"""How large each part of a call may be."""

from typing import Any

import pytest

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.limits import (
    DETAILS_CUT,
    MAX_DETAILS_BYTES,
    bytes_of,
    bytes_of_pairs,
    check_sizes,
    fitting_details,
    is_long,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload

KEY = MethodKey("users", "UserService", "Get")


@pytest.mark.parametrize(
    "call",
    [
        Call(KEY),
        Call(KEY, Payload("t" * 1024)),
        Call(KEY, Payload("é" * 512)),
        Call(KEY, hints={"k": "x" * 4095}),
        Call(KEY, metadata=(("k", "x" * 8191),)),
        Call(KEY, metadata=(("k-bin", b"x" * 8187),)),
        Call(KEY, target="x" * 128),
        Call(KEY, visited=("x" * 128,) * 16),
        Call(KEY, hints={f"{number:x}": "" for number in range(1024)}),
    ],
)
def test_what_is_as_large_as_it_may_be_is_fine(call: Call) -> None:
    check_sizes(call)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (Call(KEY, Payload("t" * 1025)), "type URL has 1025 bytes, at most 1024 are allowed"),
        (Call(KEY, Payload("é" * 513)), "type URL has 1026 bytes, at most 1024 are allowed"),
        (Call(KEY, Payload("é" * 1025)), "type URL has more than 1025 bytes, at most 1024 are allowed"),
        (Call(KEY, hints={"k": "x" * 4096}), "hints has 4097 bytes, at most 4096 are allowed"),
        (Call(KEY, metadata=(("k", "x" * 8192),)), "metadata has 8193 bytes, at most 8192 are allowed"),
        (Call(KEY, metadata=(("k", "v"),) * 1025), "metadata has 1025 entries, at most 1024 are allowed"),
        (Call(KEY, target="x" * 129), "target_collector_id must match"),
        (Call(KEY, visited=("x",) * 17), "visited has 17 ids, at most 16 are allowed"),
        (Call(KEY, visited=("x" * 129,)), "visited has 129 bytes, at most 128 are allowed"),
        (Call(KEY, hints={"k": "\ud800"}), "a text must be valid Unicode"),
    ],
)
def test_what_is_larger_is_refused_with_what_is_allowed(call: Call, said: str) -> None:
    with pytest.raises(InvalidCallError) as refused:
        check_sizes(call)

    assert str(refused.value).startswith(said)
    assert refused.value.code == 400


@pytest.mark.parametrize(("text", "size"), [("", 0), ("abc", 3), ("é", 2), ("\U0001f600", 4)])
def test_texts_are_as_long_as_their_encoding(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    ("type_url", "is_so"), [("é" * 512, False), ("é" * 513, True), ("é" * 1025, True), ("t" * 300, False)]
)
def test_a_type_url_is_long_by_its_bytes(type_url: str, is_so: bool) -> None:
    assert is_long(type_url) is is_so


class Measured(str):
    """A text that counts how often it is encoded."""

    __slots__ = ("times",)

    def encode(self, *options: Any) -> bytes:
        self.times = getattr(self, "times", 0) + 1
        return super().encode(*options)


def test_a_huge_type_url_is_not_measured_for_each_call_that_has_it() -> None:
    huge = Measured("é" * 200_000)

    with pytest.raises(
        InvalidCallError, match=r"type URL has more than 200000 bytes, at most 1024 are allowed"
    ):
        check_sizes(Call(KEY, Payload(huge)))

    assert not hasattr(huge, "times")


@pytest.mark.parametrize(
    "details", [{}, {"id": "7"}, {"k": "x" * (MAX_DETAILS_BYTES - 1)}, {str(n): "" for n in range(1024)}]
)
def test_details_that_fit_stay_the_same(details: dict[str, str]) -> None:
    assert fitting_details(details) is details


@pytest.mark.large
@pytest.mark.parametrize(
    "details",
    [
        {"short": "x", "long": "x" * 5_000_000},
        {f"field-{number}": "x" * 2000 for number in range(2500)},
        {f"{number}": "" for number in range(100_000)},
        {"x" * 5_000_000: "long"},
        {DETAILS_CUT: "x" * 70_000},
    ],
)
def test_details_that_do_not_fit_are_cut_with_a_remark(details: dict[str, str]) -> None:
    cut = fitting_details(details)

    assert bytes_of_pairs(cut.items()) <= MAX_DETAILS_BYTES
    assert len(cut) <= 1024
    assert "are left out" in cut[DETAILS_CUT]
    assert {name for name in cut if name != DETAILS_CUT} <= set(details)
    assert ("short" in details) == ("short" in cut)
