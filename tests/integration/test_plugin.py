"""The plugin, as a user's own tests see it: in a pytest of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.limits import LIMIT_SECONDS

TESTS = """
import asyncio
import pytest
from collector_mesh import Payload, Service

echoes = Service("echoes", "Echo")


@echoes.method("Say", idempotent=True)
async def say(request: Payload) -> Payload:
    return request


async def scenario(sim):
    sim.collector("shop", services=[echoes])
    front = sim.collector("front", namespaces=["echoes"], peers=["shop"])
    await sim.settled()
    return (await front.dispatch("echoes", "Echo", "Say")).status.code


@pytest.mark.seeds(6)
def test_calls_get_through(simulation):
    assert simulation.run(scenario, until=60.0).value == 200


@pytest.mark.seeds(6)
def test_a_planted_bug(simulation):
    assert simulation.seed != 4


def test_without_a_marker_there_is_one_seed(simulation):
    assert simulation.run(scenario, until=60.0).stats["calls"] == 1


def test_in_real_time(mesh):
    async def calls():
        async with mesh:
            await mesh.collector("shop", services=[echoes])
            front = await mesh.collector("front", namespaces=["echoes"], peers=["shop"])
            client = await mesh.client(front.address)
            return (await client.dispatch("echoes", "Echo", "Say")).handled_by

    assert asyncio.run(calls()) == "shop"
"""


def pytest_of(
    folder: Path, tests: str, *arguments: str, within: str = "."
) -> "subprocess.CompletedProcess[str]":
    """Run tests in `folder`; their project is that folder, or one above it, and none around the temporary files."""
    (folder / within / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_mine.py").write_text(tests, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def test_a_test_runs_under_each_of_its_seeds_and_a_failure_names_its_own(tmp_path: Path) -> None:
    ended = pytest_of(tmp_path, TESTS)

    assert "1 failed, 13 passed" in ended.stdout
    assert "test_a_planted_bug[seed=4]" in ended.stdout
    assert "pytest 'test_mine.py::test_a_planted_bug' --mesh-seed 4" in ended.stdout


@pytest.mark.parametrize(("seed", "said"), [("4", "1 failed, 3 passed"), ("123456", "4 passed")])
def test_one_seed_is_replayed(tmp_path: Path, seed: str, said: str) -> None:
    assert said in pytest_of(tmp_path, TESTS, "--mesh-seed", seed).stdout


@pytest.mark.parametrize(
    ("marker", "taken", "said"),
    [
        ("seeds", "simulation", "seeds must be given how many, at least 1"),
        ("seeds(3, 4)", "simulation", "seeds must be given how many, at least 1"),
        ("seeds(True)", "simulation", "seeds must be given how many, at least 1"),
        ("seeds(3)", "", "has seeds, but does not use `simulation`"),
    ],
)
def test_a_marker_that_cannot_be_meant_is_refused(tmp_path: Path, marker: str, taken: str, said: str) -> None:
    tests = f"import pytest\n@pytest.mark.{marker}\ndef test_it({taken}): pass\n"

    ended = pytest_of(tmp_path, tests)

    assert said in ended.stdout + ended.stderr


def test_a_failure_names_what_else_its_test_was_given(tmp_path: Path) -> None:
    tests = """
import pytest

@pytest.fixture
def fails(): raise LookupError

@pytest.mark.seeds(count=2)
@pytest.mark.parametrize("size", [10, 20])
def test_it(simulation, size): assert size == 10 or simulation.seed == 0

def test_set_up(simulation, fails): pass

@pytest.mark.parametrize("name", ["it's"])
def test_quotes(simulation, name): assert not name

def test_late(request): assert request.getfixturevalue("simulation").seed == 0
"""

    ended = pytest_of(tmp_path, tests)

    assert "2 failed, 4 passed, 1 error" in ended.stdout
    assert """pytest 'test_mine.py::test_quotes[seed=0-it'"'"'s]' --mesh-seed 0""" in ended.stdout
    assert "pytest 'test_mine.py::test_it[seed=1-20]' --mesh-seed 1" in ended.stdout
    assert "pytest 'test_mine.py::test_set_up' --mesh-seed 0" in ended.stdout


def test_a_failure_below_the_root_of_its_project_is_replayed_from_where_it_was_run(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()

    ended = pytest_of(folder, "def test_it(simulation): assert simulation.seed", within="..")

    assert "pytest 'test_mine.py::test_it' --mesh-seed 0" in ended.stdout
