"""What an error says of the number of differences."""

import pytest

from collector_mesh.domain.registry.results import IncompatibleError, and_more
from collector_mesh.domain.registry.rules import MAX_DIFFERENCES


@pytest.mark.parametrize(
    ("count", "told", "end"),
    [
        (1, "1 difference: d0", "d0"),
        (50, "50 differences: d0", "d49"),
        (51, "51 differences: d0", "; and 1 more"),
        (MAX_DIFFERENCES, "1000 differences: d0", "; and 950 more"),
        (MAX_DIFFERENCES + 1, "more than 1000 differences: d0", "; and at least 951 more"),
    ],
)
def test_an_error_counts_its_differences_and_does_not_take_a_full_list_for_all(
    count: int, told: str, end: str
) -> None:
    error = IncompatibleError.of("file 'a'", tuple(f"d{number}" for number in range(count)))
    assert told in str(error)
    assert str(error).endswith(end)
    assert len(error.differences) == count


def test_what_was_not_told_is_counted_likewise() -> None:
    assert and_more(["d"] * 100, 70) == "and 30 more"
    assert and_more(["d"] * (MAX_DIFFERENCES + 1), 70) == "and at least 931 more"
