"""Tables of very many rules, and with values of odd types."""

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


def test_names_of_tokens_that_are_no_texts_are_told_without_their_secrets() -> None:
    table = {"tokens": {b"ci": "a-secret-of-somebody", 1: "a-secret-of-another"}}
    read, problems = read_access(table, "", Path())
    assert read is None
    assert [str(problem) for problem in problems] == [
        "access.tokens: token 1 must have a text as its name, got bytes",
        "access.tokens: token 2 must have a text as its name, got int",
    ]
