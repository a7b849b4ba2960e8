"""What the command line takes as a whole."""

import subprocess
import sys

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.app.cli.main import main


@pytest.mark.parametrize(
    "arguments",
    [["serve", "--insec"], ["certs", "folder", "--id", "a", "--forc"], ["topology", "--tls-c", "x"]],
    ids=" ".join,
)
def test_a_part_of_an_option_is_no_option_and_the_error_names_the_help_of_the_verb(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    verb, said = f"collector-mesh {arguments[0]}", capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"{verb}: error: unrecognized arguments: --")
    assert said.endswith(f"(see {verb} --help)\n")


def test_a_mistake_before_any_verb_names_the_help_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["-x"])

    assert capsys.readouterr().err == (
        "collector-mesh: error: unrecognized arguments: -x (see collector-mesh --help)\n"
    )


def test_a_verb_loads_no_other_one_and_serve_nothing_of_the_verbs_for_any_server() -> None:
    code = (
        "from collector_mesh.app.cli.main import parser; parser('serve'); import sys;"
        " print([name for name in sys.modules if name.startswith('collector_mesh.app.cli.')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS
    )

    assert "'collector_mesh.app.cli.serve'" in done.stdout
    assert "typed" not in done.stdout
    assert "collector_mesh.app.cli.dispatch" not in done.stdout
