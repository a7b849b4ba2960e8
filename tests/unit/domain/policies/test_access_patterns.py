"""Which rules are about everybody whom a word of another rule means."""

import pytest

from collector_mesh.domain.policies.access_patterns import Patterns, WhoIndex, is_in
from collector_mesh.domain.policies.access_rules import AccessRule
from collector_mesh.domain.policies.access_who import Who

WORDS = (
    "id:orders-1",
    "id:orders-*",
    "id:*",
    "token:ci",
    "dns:*.example.org",
    "dns:a.example.org",
    "uri:spiffe://example.org/team/*",
)
RULES = tuple(AccessRule(word, (Who.parse(word),)) for word in WORDS)


def about(word: str, *rules: AccessRule) -> list[str]:
    """The names of the rules that are about everybody whom a word means."""
    rules = rules or RULES
    positions = sorted({one for found in WhoIndex(rules).of_all(Who.parse(word)) for one in found})
    return [rules[position].name for position in positions]


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("id:orders-1", ["id:orders-1", "id:orders-*", "id:*"]),
        ("id:orders-*", ["id:orders-*", "id:*"]),
        ("id:orders-1*", ["id:orders-*", "id:*"]),
        ("id:*", ["id:*"]),
        ("id:billing", ["id:*"]),
        ("token:ci", ["token:ci"]),
        ("token:c*", []),
        ("dns:a.example.org", ["dns:*.example.org", "dns:a.example.org"]),
        ("dns:*.example.org", ["dns:*.example.org"]),
        ("dns:x.a.example.org", []),
        ("dns:*.a.example.org", []),
        ("uri:spiffe://example.org/team/blue", ["uri:spiffe://example.org/team/*"]),
        ("uri:spiffe://example.org/*", []),
        ("anyone", []),
    ],
)
def test_a_rule_is_about_all_whom_a_word_means_if_its_own_words_mean_no_fewer(
    word: str, names: list[str]
) -> None:
    assert about(word) == names


def test_a_rule_about_anyone_is_about_everybody() -> None:
    rules = (AccessRule("all", (Who.parse("anyone"), Who.parse("anyone"))), *RULES)

    assert [
        about(word, *rules)[0] for word in ("anyone", "id:orders-1", "dns:*.example.net", "token:x*")
    ] == ["all"] * 4


def test_a_pattern_finds_rules_by_their_text_and_by_its_starts_each_once() -> None:
    patterns = Patterns()
    for position, text in enumerate(("orders", "or*", "*", "orders-1", "or*", "or*")):
        patterns.add(text, position)
    patterns.add("or*", 5)

    assert sorted(map(list, patterns.of("orders"))) == [[0], [1, 4, 5], [2]]
    assert list(patterns.of("o")) == [[2]]
    assert list(patterns.of("")) == [[2]]


def test_a_rule_is_looked_up_among_others() -> None:
    assert [position for position in range(8) if is_in([1, 4, 6], position)] == [1, 4, 6]
    assert not is_in([], 0)
