"""What holds for any change, whatever it is."""

import pytest
from tests.registry.changes import made

from collector_mesh.domain.registry.compatibility import differences


@pytest.mark.parametrize("seed", range(0, 100, 4))
def test_what_breaks_bytes_breaks_them_with_json_as_well(seed: int) -> None:
    change = made(seed)

    wire, both = (differences(change.old, change.new, level=level) for level in ("wire", "wire_json"))

    assert {(one.rule, one.where) for one in wire} <= {(one.rule, one.where) for one in both}
    assert len(set(both)) == len(both)


@pytest.mark.parametrize("seed", range(1, 100, 4))
def test_every_difference_says_where_in_one_line(seed: int) -> None:
    change = made(seed)

    for one in differences(change.old, change.new):
        assert one.text.startswith("'c")
        assert one.where.rpartition(".")[2] in one.text or one.where in one.text
        assert "\n" not in one.text


@pytest.mark.parametrize("seed", range(2, 100, 4))
def test_nothing_differs_from_itself(seed: int) -> None:
    change = made(seed)

    assert differences(change.new, change.new) == ()
