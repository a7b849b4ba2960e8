from hypothesis import given, settings
from hypothesis import strategies as st

from collector_mesh.domain.registry.ranges import Range, Ranges, overlap

RANGES = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(0, 6)).map(lambda one: (one[0], one[0] + one[1])), max_size=8
)


def numbers(ranges: list[Range]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@settings(deadline=None)
@given(RANGES, st.integers(-25, 25), st.integers(0, 30))
def test_ranges_say_what_is_in_them_and_what_is_missing(ranges: list[Range], first: int, size: int) -> None:
    known, wanted = Ranges(ranges), (first, first + size)

    missing = list(known.missing(*wanted))

    assert {number for number in range(-30, 60) if number in known} == numbers(ranges)
    assert numbers(missing) == numbers([wanted]) - numbers(ranges)
    assert missing == sorted(missing)


@settings(deadline=None)
@given(RANGES)
def test_an_overlap_is_found(ranges: list[Range]) -> None:
    is_doubled = len(numbers(ranges)) < sum(last - first + 1 for first, last in ranges)

    assert (overlap(ranges) is not None) is is_doubled
