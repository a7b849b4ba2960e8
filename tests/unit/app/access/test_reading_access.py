"""The table `[access]`: all of its problems at once, with their paths, and never a secret."""

import tomllib
from pathlib import Path

import pytest

from collector_mesh.adapters.runtime.token_source import read_token
from collector_mesh.app.access.problems import MOST_PROBLEMS
from collector_mesh.app.access.reading import read_access
from collector_mesh.domain.model.errors import InvalidCallError

SECRET = "canary-0123456789-abcdef"


def told(text: str, base: Path = Path(), **more: bool) -> list[str]:
    return [str(problem) for problem in read_access(tomllib.loads(text)["access"], "", base, **more)[1]]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_table_is_read_whole(tmp_path: Path) -> None:
    written(tmp_path / "tokens.toml", f'ci = "{SECRET}"\n')
    text = """
        [access]
        tokens = "tokens.toml"
        [[access.rules]]
        name = "orders team"
        who = ["id:orders-*", "uri:spiffe://example.org/team/*", "dns:*.ci.example.org", "token:ci"]
        peer = ["orders-*"]
        serve = ["orders", "billing"]
        use = ["orders", "billing/Invoices", "users/Users.Get"]
        inspect = true
        [[access.rules]]
        who = ["anyone"]
        effect = "deny"
        use = ["*"]
    """
    rules, problems = read_access(tomllib.loads(text)["access"], "serve.toml", tmp_path)
    assert not problems
    assert rules is not None
    assert [one.name for one in rules.rules] == ["orders team", "#2"]
    assert rules.default == "deny"
    assert rules.tokens is not None
    assert rules.tokens.find(SECRET) is not None
    assert rules.tokens.find(SECRET[:-1]) is None
    assert SECRET not in repr(rules)
    again, _ = read_access(tomllib.loads(text)["access"], "serve.toml", tmp_path)
    assert again == rules


def test_all_problems_are_told_with_their_paths() -> None:
    problems = told("""
        [access]
        token = "x"
        tokens = "missing.toml"
        default = "maybe"
        [[access.rules]]
        name = ""
        who = ["id:a b", 3, "nobody"]
        efect = "deny"
        use = "orders"
        serve = ["a/b"]
        inspect = 1
        [[access.rules]]
        peer = ["a*b"]
        [[access.rules]]
        who = ["anyone"]
    """)
    expected = (
        "access has an unknown key 'token', did you mean tokens?",
        "access.tokens cannot be read: 'missing.toml': No such file or directory",
        "access.default must be one of allow, deny, got 'maybe'",
        "access.rules[1] has an unknown key 'efect', did you mean effect?",
        "access.rules[1].name must be a text of 1 to 100 printable characters, got ''",
        "access.rules[1].who[1] must name an id",
        "access.rules[1].who[2] must be a text, got 3",
        "access.rules[1].who[3] must be id:NAME",
        "access.rules[1].serve[1] must be a name",
        "access.rules[1].use must be a list of texts, got 'orders'",
        "access.rules[1].inspect must be true or false, got 1",
        "access.rules[2].peer[1] must be a name",
        "access.rules[2].who is required",
        "access.rules[3] says nothing",
    )
    assert [any(problem.startswith(one) for problem in problems) for one in expected] == [True] * len(
        expected
    )
    assert len(problems) == len(expected)
    assert told("access = 3") == ["access must be a table, got 3"]
    many = {"rules": [{"who": ["x"]}] * 1000}
    assert len(read_access(many, "", Path())[1]) == MOST_PROBLEMS + 1
    assert "at most 10000 rules" in str(read_access({"rules": [{}] * 10_001}, "", Path())[1][0])


def test_rules_that_name_nobody_contradict_or_are_shadowed_are_warned_of(tmp_path: Path) -> None:
    written(tmp_path / "tokens.toml", f'ci = "{SECRET}"\nidle = "{SECRET}2"\n')
    rules = """
        [access]
        tokens = "tokens.toml"
        [[access.rules]]
        name = "all orders"
        who = ["id:*", "token:ci"]
        use = ["orders", "users/*"]
        [[access.rules]]
        name = "shadowed"
        who = ["id:orders-*"]
        use = ["orders/acme.Orders.Get", "users/acme.Users"]
        [[access.rules]]
        name = "against"
        who = ["token:ci"]
        effect = "deny"
        use = ["orders/*"]
        [[access.rules]]
        name = "nobody"
        who = ["token:gone"]
        inspect = true
        [[access.rules]]
        name = "more"
        who = ["id:orders-*", "dns:a.example.org"]
        use = ["orders"]
        [[access.rules]]
        name = "more"
        who = ["anyone"]
        peer = ["*"]
    """
    problems = told(rules, tmp_path, proves_ids=True)
    assert [problem.split(":")[0] for problem in problems] == [
        "access.rules[6].name is that of rules[5] too",
        "access.rules[4].who[1] names nobody",
        "access.tokens has 'idle', which no rule names",
        "access.rules[2] is shadowed by rules[1]",
        "access.rules[3] contradicts rules[1]",
    ]
    assert any(
        "names only collectors that are dialed" in one for one in told(rules, tmp_path, proves_ids=False)
    )
    assert "nobody may do anything" in told("[access]")[0]


def test_10_000_rules_are_read_and_looked_at() -> None:
    table = {"rules": [{"who": ["anyone"], "use": [f"n{number}"]} for number in range(10_000)]}
    rules, problems = read_access(table, "", Path())
    assert rules is not None
    assert not problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'ci = "{SECRET}"\ncd = "{SECRET}"\n', "must have a secret of its own"),
        ('ci = "canary-short"\n', "must have 16 to 4096 characters, got 12"),
        (f'ci = "{SECRET} "\n', "printable characters"),
        (f'ci = "{SECRET}', "cannot be read"),
        ("ci = 3\n", "must be a text"),
        (f'"a b" = "{SECRET}"\n', "must match"),
    ],
)
def test_what_is_wrong_with_tokens_is_told_without_them(tmp_path: Path, text: str, said: str) -> None:
    written(tmp_path / "tokens.toml", text)
    (problem, *_) = told('[access]\ntokens = "tokens.toml"', tmp_path)
    assert said in problem
    assert "canary" not in problem


def test_a_file_of_tokens_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    written(tmp_path / "tokens.toml", f'ci = "{SECRET}"\n').chmod(0o644)
    assert "is open to others" in told('[access]\ntokens = "tokens.toml"', tmp_path)[0]


def test_a_caller_s_token_is_read_from_its_file(tmp_path: Path) -> None:
    path = written(tmp_path / "token", f"{SECRET}\n")
    assert read_token(path) == SECRET
    for text in ("short", SECRET + "\n" + SECRET, ""):
        path.write_text(text)
        with pytest.raises(InvalidCallError) as caught:
            read_token(path)
        assert "token_file" in str(caught.value)
        assert SECRET not in str(caught.value)
    with pytest.raises(InvalidCallError, match="cannot be read"):
        read_token(tmp_path / "gone")
