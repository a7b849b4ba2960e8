"""Configuration files as operators have them by mistake, and what is shown of good ones."""

import os
from argparse import Namespace
from pathlib import Path

import pytest

from collector_mesh.adapters.grpc.tls import Tls, TlsError
from collector_mesh.app.cli.configuration.origin import Origin
from collector_mesh.app.cli.configuration.rereading import read_again
from collector_mesh.app.cli.main import main
from collector_mesh.app.cli.problems import Problems

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"

TOP = 'id = "orders-1"\nlisten = "127.0.0.1:0"\n'

RULES = """
[access]
tokens = {tokens}
default = "deny"

[[access.rules]]
name = "the \\"quoted\\" one"
who = ["token:*"]
effect = "deny"
use = ["orders", "billing/acme.*"]
inspect = true
"""


def checked(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = main(["config", "check", str(path)])
    return status, capsys.readouterr().out


def written(folder: Path, text: str, name: str = "collector.toml") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_what_config_show_prints_has_the_access_rules_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, f'ci = "{SECRET}"\n', "tokens.toml")
    path = written(tmp_path, TOP + RULES.format(tokens='"tokens.toml"'))
    assert main(["config", "show", "--config", str(path)]) == 0
    shown = capsys.readouterr().out
    (tmp_path / "elsewhere").mkdir()
    again = written(tmp_path / "elsewhere", shown)

    assert checked(again, capsys) == (0, f"{again} is good\n")
    assert main(["config", "show", "--config", str(again)]) == 0
    told, _, access = shown.partition("\n[access]")
    assert told
    assert access.splitlines()[1:] == capsys.readouterr().out.partition("\n[access]")[2].splitlines()[1:]
    assert f'tokens = "{tmp_path}/tokens.toml"' in access


def test_secrets_in_wrong_places_are_neither_shown_nor_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, f'"{SECRET}" = "ci"\n"{SECRET}+/=" = "ci"\n', "tokens.toml")
    for tokens in (
        '"tokens.toml"',
        f'["{SECRET}"]',
        f'{{ci = "{SECRET}"}}',
        f'"tokens.toml"\nci = "{SECRET}"',
    ):
        path = written(tmp_path, TOP + RULES.format(tokens=tokens))
        status, told = checked(path, capsys)
        assert main(["config", "show", "--config", str(path)]) == 0
        shown = capsys.readouterr().out
        assert "[access]" in shown
        assert SECRET not in shown
        assert SECRET not in told
        assert status == (0 if "{" in tokens else 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_in_the_place_of_a_file_is_told_and_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    status, told = checked(written(tmp_path, TOP + RULES.format(tokens='"pipe"')), capsys)
    assert status == 1
    assert "is no file that can be read again" in told
    with pytest.raises(TlsError, match="is no file that can be read again"):
        Tls(cert=tmp_path / "pipe", key=tmp_path / "pipe").check()
    with pytest.raises(TlsError, match="is no file that can be read again"):
        Tls(ca=Path("/dev/zero")).check()


def test_stores_and_peers_and_workers_that_cannot_be_are_told_by_config_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f'peer = ["127.0.0.1:0"]\nkeys = "{tmp_path}/none/keys.db"\nregistry = "{tmp_path}"\n'
    status, told = checked(written(tmp_path, TOP + text), capsys)
    assert status == 1
    assert "peer must have a port from 1 to 65535" in told
    assert "keys" in told
    assert "there is no folder" in told
    assert "is a folder" in told

    status, told = checked(written(tmp_path, f'id = "{"a" * 127}"\nworkers = 2\n'), capsys)
    assert status == 1
    assert "id must match" in told


def test_an_empty_file_of_tokens_is_not_taken_over_by_a_reload(tmp_path: Path) -> None:
    written(tmp_path, "", "tokens.toml")
    path = written(tmp_path, TOP + RULES.format(tokens='"tokens.toml"'))
    problems = Problems()
    read_again(Origin(Namespace(config=str(path)), {}), "orders-1", problems)
    assert [text.partition("tokens: ")[2] for text in problems.texts] == [
        "'tokens.toml' is empty, as a file is that is just being written"
    ]
