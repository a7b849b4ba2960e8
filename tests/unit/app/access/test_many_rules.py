"""Very many rules are read in a time that does not grow with the square of their number."""

from pathlib import Path

import pytest

from collector_mesh.app.access import shadows
from collector_mesh.app.access.reading import read_access


def test_rules_that_each_could_be_shadowed_by_all_others_are_looked_at_up_to_some_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shadows, "_MOST_STEPS", 100)
    rules = [{"name": f"first {number}", "who": ["anyone"], "use": [f"ns{number}"]} for number in range(20)]
    rules += [
        {"name": f"then {number}", "who": [f"id:a-{number}"], "use": ["*"], "serve": ["*"]}
        for number in range(20)
    ]
    read, problems = read_access({"rules": rules}, "", Path())
    assert read is not None
    assert [str(problem) for problem in problems] == [
        "access.rules are looked at for shadows up to rules[14] only"
    ]
