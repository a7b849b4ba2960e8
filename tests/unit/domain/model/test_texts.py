import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.model.texts import MAX_VISIBLE, escaped, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("orders-1", "orders-1"),
        ("Grüße ✓", "Grüße ✓"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("\x1b]0;owned\x07\x1b[2J", r"\x1b]0;owned\x07\x1b[2J"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("\u2028\u0085", r"\u2028\x85"),
        ("odd \ud800", r"odd \ud800"),
        ("", ""),
    ],
)
def test_a_foreign_text_is_shown_on_one_line_and_steers_nothing(text: str, seen: str) -> None:
    assert escaped(text) == visible(text) == seen


def test_a_long_one_is_cut_and_says_so() -> None:
    assert visible("x" * MAX_VISIBLE) == "x" * MAX_VISIBLE
    assert visible("x" * 5_000_000) == "x" * (MAX_VISIBLE - 3) + "..."
    assert visible("\n" * 200) == r"\n" * 126 + "\\..."


@given(st.text(st.characters(exclude_categories=()), max_size=400), st.integers(3, 300))
def test_whatever_it_is_nothing_harmful_is_left(text: str, most: int) -> None:
    seen = visible(text, most)

    assert len(seen) <= most
    assert all(unicodedata.category(sign)[0] != "C" and sign not in "\u2028\u2029" for sign in seen)
    assert seen.encode().decode() == seen
