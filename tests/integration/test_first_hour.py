"""The first hour of a new user: README, tutorial and shop are played as they stand, and what they print is compared."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.pages import blocks_of, play
from tests.limits import LIMIT_SECONDS

ROOT = Path(__file__).parents[2]
MOST_LINES = 15
"""From a fresh clone to a service of one's own that is served, called and tested."""


def test_the_readme_leads_to_a_service_that_is_served_called_and_tested(tmp_path: Path) -> None:
    commands = [command for command, _ in play(ROOT / "README.md", tmp_path)]

    assert [
        command.split()[:2]
        for command in commands
        if re.match(r"collector-mesh (serve|dispatch)|pytest", command)
    ] == [["collector-mesh", "serve"], ["collector-mesh", "dispatch"], ["pytest", "test_hello.py"]]


def test_that_takes_few_lines() -> None:
    blocks = [
        block
        for block in blocks_of(ROOT / "README.md")
        if block.notes.keys() & {"play", "install"} or "file" in block.notes
    ]
    lines = [line for block in blocks for line in block.text.splitlines() if line.strip()]

    assert 0 < len(lines) <= MOST_LINES, lines


def test_the_commands_of_the_tutorial_do_what_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "examples" / "tutorial", folder)

    commands = [command for command, _ in play(ROOT / "docs" / "tutorial.md", folder)]

    assert sum(command.startswith("collector-mesh serve") for command in commands) == 11


def test_the_commands_of_the_shop_do_what_its_page_says(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "examples" / "shop", folder, ignore=shutil.ignore_patterns("shop-data"))

    commands = [command for command, _ in play(ROOT / "examples" / "shop" / "README.md", folder)]

    assert len(commands) == 4


def test_the_services_of_grpc_join_the_mesh_as_their_page_says(tmp_path: Path) -> None:
    folder = tmp_path / "grpc"
    shutil.copytree(ROOT / "examples" / "grpc", folder)

    commands = [command for command, _ in play(ROOT / "docs" / "howto" / "from-grpc.md", folder)]

    assert sum(command.startswith("python ") for command in commands) == 6


def test_a_contract_is_locked_and_changed_as_its_page_says(tmp_path: Path) -> None:
    commands = [command for command, _ in play(ROOT / "docs" / "contracts.md", tmp_path)]

    assert sum(command.startswith("collector-mesh contract lock") for command in commands) == 3


def test_the_tests_of_the_tutorial_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."],
        cwd=ROOT / "examples" / "tutorial",
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )

    assert done.returncode == 0, done.stdout + done.stderr
