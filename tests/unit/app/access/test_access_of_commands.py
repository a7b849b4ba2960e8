"""Access rules as commands take them: from the table of the configuration file, with what is wrong in it."""

from pathlib import Path

import pytest

from collector_mesh.app.cli.main import main

SECRET = "canary-0123456789-secret"


def test_a_check_tells_what_is_wrong_and_what_is_strange_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, token = tmp_path / "serve.toml", tmp_path / "token"
    (tmp_path / "tokens.toml").write_text(f'ci = "{SECRET}"\nshort = "canary-1"\n')
    token.write_text("canary")
    path.write_text(f"""
        token_file = "{token}"
        [access]
        tokens = "tokens.toml"
        [[access.rules]]
        who = ["id:*", "nobody"]
        use = ["orders"]
    """)
    assert main(["config", "check", str(path)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.removeprefix(f"{path}: ") for line in told] == [
        f"token_file: the token in token_file '{token}' must have 16 to 4096 characters, got 6",
        "access.tokens: 'short' must have 16 to 4096 characters, got 8",
        (
            "access.rules[1].who[2] must be id:NAME, uri:URI, dns:HOST or token:NAME, of at most 1024 characters, or anyone,"
            " got 'nobody'"
        ),
        f"warning: {path}: access.tokens is open to others: '{tmp_path}/tokens.toml' has mode 644, take 600",
    ]

    token.write_text(SECRET)
    (tmp_path / "tokens.toml").write_text(f'ci = "{SECRET}"\n')
    (tmp_path / "tokens.toml").chmod(0o600)
    path.write_text(
        '[access]\ntokens = "tokens.toml"\n[[access.rules]]\nwho = ["token:ci"]\nuse = ["orders"]\n'
    )
    assert main(["config", "check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path} is good\n"
