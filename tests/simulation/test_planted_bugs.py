"""A test of the tests: what is planted is found, and soon."""

import pytest
from tests.simulation.planted import BUGS, search


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    assert search(name, most=50) is not None
