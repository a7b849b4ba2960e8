"""`config check`, `config show` and `config example`."""

import re
from pathlib import Path

import attrs
import pytest

from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.configuration.example import example
from collector_mesh.app.cli.main import main
from collector_mesh.app.settings import Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "collector.toml"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLLECTOR_MESH_CONFIG", raising=False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


# ---- example -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ServeConfig, Settings])
def test_the_example_has_every_key_with_its_meaning(kind: type) -> None:
    text = "\n".join(example())

    lacking = [
        field.name
        for field in attrs.fields(kind)
        if field.name not in ("settings", "overrides")
        and not re.search(rf"^# .+\n#{field.name} = .+", text, re.MULTILINE)
    ]
    assert lacking == []


@pytest.mark.parametrize("of", ["serve", "registry"])
def test_the_example_passes_the_check(file: Path, capsys: pytest.CaptureFixture[str], of: str) -> None:
    main(["config", "example", "--for", of])
    text = capsys.readouterr().out
    file.write_text(text if of == "serve" else text.replace("#store =", "store ="))

    status = main(["config", "check", str(file), "--for", of])

    assert (status, lines(capsys)) == (0, [f"{file} is good"])


def test_the_values_of_the_example_may_all_be_set(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Only those of which one excludes another one, or that name files, are left as comments.
    left = (
        "validate_at",
        "tls_cert",
        "tls_key",
        "tls_ca",
        "accept_unary_peers",
        "insecure",
        "balancing",
        "tokens",
        "token_file",
    )
    text = "\n".join(example()).replace("#insecure = false", "insecure = true")
    kept = "|".join(left)
    file.write_text(re.sub(rf"^#(?!(?:{kept}) =)(?=[a-z\[])", "", text, flags=re.MULTILINE))

    status = main(["config", "check", str(file)])

    told = [line for line in lines(capsys) if not line.startswith("warning: ")]
    assert (status, told) == (0, [f"{file} is good"])


# ---- check -------------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_told_at_once_with_its_path(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(
        'weight = 0\nlisten = "here"\nlabels = ["a=b"]\npeer = ["a", "b:1"]\n[settings]\nmax_running = "many"\nbreaker = 3\n'
        '[settings.overrides."orders/Orders"]\nrelay = true\n[settings.overrides.orders]\nmax_runing = 1\n'
    )

    status = main(["config", "check", str(file)])

    told = lines(capsys)
    assert status == 1
    for part in (
        f"{file}: weight must be",
        f"{file}: listen must be",
        f"{file}: unknown key 'labels', did you mean label?",
        f"{file}: peer must be HOST:PORT",
        f"{file}: settings.max_running must be",
        f"{file}: settings.breaker must be",
        f"{file}: settings.overrides.'orders/Orders': relay can be set",
        f"{file}: settings.overrides.'orders': 'max_runing' cannot be set here",
    ):
        assert [line for line in told if line.startswith(part)], part
    assert len(told) == 8


def test_access_rules_that_are_wrong_are_told_beside_whatever_else_is(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(
        'colour = "red"\n[access]\ndefault = "maybe"\n[[access.rules]]\nname = "a"\nwho = ["id:"]\nuse = ["n"]\n'
    )

    status = main(["config", "check", str(file)])

    told = lines(capsys)
    assert status == 1
    assert [line.removeprefix(f"{file}: ").split(",")[0] for line in told] == [
        "unknown key 'colour'",
        "access.default must be one of allow",
        "access.rules[1].who[1] must be id:NAME",
    ]
    assert " access, " in told[0]
    assert " settings, " in told[0]


def test_a_file_may_be_as_large_as_10_000_rules_make_it(file: Path) -> None:
    file.write_text(f"#{'-' * (4 << 20)}\nweight = 2\n")

    assert main(["config", "check", str(file)]) == 0


def test_what_does_not_go_together_is_wrong_too(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(
        'tls_cert = "a.pem"\nvalidate_open = true\nregistry_level = "wire"\npeer = ["10.0.0.1:1"]\n'
        'listen = "10.0.0.1:0"\n[settings]\nbalancing = "nearest"\n'
    )

    status = main(["config", "check", str(file)])

    told = "\n".join(lines(capsys))
    assert status == 1
    for part in (
        f"there is only {file}: tls_cert",
        "validate_open needs --validate-at",
        "registry_level needs --registry",
        "plaintext is refused on 10.0.0.1:1",
        "plaintext is refused on 10.0.0.1:0",
        "balancing must be one of peak-ewma",
    ):
        assert part in told


@pytest.mark.parametrize(
    "content",
    [
        b"weight = 1\nlabel = [",
        b"\xff\xfei\x00d\x00",
        b"a = " + b"[" * 5000,
        b"#" * ((8 << 20) + 1),
        b"id = '\xe9'\n",
    ],
    ids=["half written", "UTF-16", "nested", "over 8 MiB", "Latin-1"],
)
def test_a_file_that_is_no_toml_is_told_in_one_line(
    file: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    file.write_bytes(content)

    status = main(["config", "check", str(file)])

    told = lines(capsys)
    assert status == 1
    assert len(told) == 1
    assert told[0].startswith(f"{file}: ")


def test_a_file_that_cannot_be_read_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    none, folder = tmp_path / "none.toml", tmp_path

    statuses = [main(["config", "check", str(path)]) for path in (none, folder)]

    assert statuses == [2, 2]
    assert capsys.readouterr().err.splitlines() == [
        f"collector-mesh: error: {none}: cannot be read: No such file or directory",
        f"collector-mesh: error: {folder}: cannot be read: Is a directory",
    ]


def test_a_warning_is_no_error_unless_that_is_asked_for(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("accept_unary_peers = true\n")

    statuses = [main(["config", "check", str(file), *more]) for more in ((), ("--strict",))]

    assert statuses == [0, 1]
    assert lines(capsys)[0] == f"warning: {file}: accept_unary_peers is deprecated: use accept_peers"


def test_modules_are_imported_where_that_is_asked_for(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text('service = ["no_module_of_that_name:thing"]\n')

    statuses = [main(["config", "check", str(file), *more]) for more in ((), ("--import",))]

    assert statuses == [0, 1]
    assert f"{file}: service no_module_of_that_name:thing" in capsys.readouterr().out


# ---- show --------------------------------------------------------------------------------------------


def test_what_is_in_force_is_shown_with_its_sources_and_without_secrets(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("weight = 3\n[settings.overrides.orders]\nmax_running = 4\n")
    monkeypatch.setenv("COLLECTOR_MESH_SETTINGS__MAX_RUNNING", "7")

    status = main(
        ["config", "show", "--config", str(file), "--id", "a-1", "--tls-ca", "https://me:canary@host"]
    )

    told = lines(capsys)
    assert status == 0
    for line in (
        'id = "a-1"  # --id',
        f"weight = 3  # --config {file}: weight",
        "max_running = 7  # env COLLECTOR_MESH_SETTINGS__MAX_RUNNING",
        '[settings.overrides."orders"]',
        'tls_ca = "https://***@host"  # --tls-ca',
    ):
        assert line in told
