import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = ROOT / "Makefile"


def test_whatever_the_makefile_calls_is_defined_in_it() -> None:
    # make takes what is not defined for nothing at all, and so a target that calls it would do nothing and pass.
    text = MAKEFILE.read_text()

    called = set(re.findall(r"\$\(call (\w+)", text))

    assert called
    assert called <= set(re.findall(r"^define (\w+)$", text, re.MULTILINE))


FIND = ROOT / "scripts" / "find_python"


def a_python(path: Path, works: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {0 if works else 1}\n")
    path.chmod(0o755)
    return path


def found(home: Path, *versions: str, **environment: str) -> tuple[int, str]:
    on_path = f"{home / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = subprocess.run(
        [str(FIND), *versions],
        env={"PATH": on_path, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip()


def test_the_newest_python_is_found_under_pyenv_too(tmp_path: Path) -> None:
    a_python(tmp_path / "bin" / "python3.91")
    newest = a_python(tmp_path / ".pyenv" / "versions" / "3.92.10" / "bin" / "python3.92")
    a_python(tmp_path / ".pyenv" / "versions" / "3.92.9" / "bin" / "python3.92")

    assert found(tmp_path, "3.92", "3.91") == (0, str(newest))


def test_one_that_does_not_work_is_passed_over(tmp_path: Path) -> None:
    # As the shims of pyenv are for versions that are not chosen.
    a_python(tmp_path / "bin" / "python3.92", works=False)
    a_python(tmp_path / "elsewhere" / "versions" / "3.92.9" / "bin" / "python3.92", works=False)
    older = a_python(tmp_path / "bin" / "python3.91")

    assert found(tmp_path, "3.92", "3.91", PYENV_ROOT=str(tmp_path / "elsewhere")) == (0, str(older))


def test_that_there_is_none_is_an_exit_status(tmp_path: Path) -> None:
    assert found(tmp_path, "3.92") == (1, "")


def test_a_folder_with_a_space_is_one_folder(tmp_path: Path) -> None:
    home = tmp_path / "a home"
    python = a_python(home / ".pyenv" / "versions" / "3.92.1" / "bin" / "python3.92")

    assert found(home, "3.92") == (0, str(python))


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_the_demo_installs_what_it_needs_and_no_tools_for_tests() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "-m pip install --disable-pip-version-check --editable .\n" in done.stdout
    assert "[dev]" not in done.stdout
    assert "--quiet" not in done.stdout
