"""What the README and the docs say is true."""

import argparse
import ast
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import attrs
import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Settings
from collector_mesh.app.cli import demo, dispatch, explain, serve, simulate, topology
from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.testing.contract import transport
from collector_mesh.domain.model.errors import error_for
from collector_mesh.domain.model.events import Event

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")

FLAG = re.compile(r"--[a-z][a-z-]*")

# Code that is not whole stands in a fence of another name, such as ```text.
BLOCKS = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in PAGES
    for number, code in enumerate(PYTHON.findall(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("code", BLOCKS)
def test_code_on_a_page_runs(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )

    assert done.returncode == 0, done.stderr


def test_the_readme_says_what_its_example_prints() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = PYTHON.findall(text)

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS
    )

    assert f"`{done.stdout.strip()}`" in text


def test_the_example_of_the_readme_runs_without_sockets_as_it_says() -> None:
    (code,) = PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    loopback = (
        code.replace("import Collector", "import LoopbackNetwork, Collector")
        .replace('listen="127.0.0.1:0"', "transport=network")
        .replace("MeshClient(front.address)", "MeshClient(front.address, transport=network)")
        .replace("asyncio.run", "network = LoopbackNetwork()\nasyncio.run")
    )

    done = subprocess.run(
        [sys.executable, "-c", loopback], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )

    assert loopback.count("transport=network") == 3
    assert done.stdout == "200 Hello, mesh! said greeter\n", done.stderr


def test_the_transport_of_its_page_keeps_the_contract(tmp_path: Path) -> None:
    module, conftest = PYTHON.findall((ROOT / "docs" / "transports.md").read_text(encoding="utf-8"))
    (tmp_path / "test_slow.py").write_text(module, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    missing = [
        link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()
    ]

    assert missing == []


def test_every_scenario_is_in_the_list_of_examples() -> None:
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    files = {path.stem: path for path in ROOT.glob("examples/scenarios/*.py")}
    first_lines = {
        name: (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0]
        for name, path in files.items()
        if name not in {"__init__", "shop"}
    }

    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)) == first_lines


@pytest.mark.parametrize(
    "verb",
    [serve, dispatch, topology, explain, simulate, demo],
    ids=lambda verb: verb.__name__.rpartition(".")[2],
)
def test_every_flag_of_a_verb_is_explained(verb: ModuleType) -> None:
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    name = verb.__name__.rpartition(".")[2]
    verbs = argparse.ArgumentParser().add_subparsers()
    verb.add_parser(verbs)
    flags = set(FLAG.findall(verbs.choices[name].format_usage()))
    section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

    assert len(flags) > 1
    assert flags - set(FLAG.findall(section)) == set()


@pytest.mark.parametrize("options", [ServeConfig, Settings])
def test_every_key_of_the_configuration_is_explained(options: type[attrs.AttrsInstance]) -> None:
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    keys = [field.name for field in attrs.fields(options)]

    assert [key for key in keys if f"`{key}`" not in text and f"`[{key}]`" not in text] == []


def test_every_code_that_has_an_exception_is_in_the_table() -> None:
    text = (ROOT / "docs" / "status-codes.md").read_text(encoding="utf-8")
    told = {
        (int(code), name) for code, name in re.findall(r"^\| (\d+) \|.*`(\w+Error)` \|$", text, re.MULTILINE)
    }
    kinds = {(code, type(error_for(code, "")).__name__) for code in range(400, 600)}

    assert told == {(code, name) for code, name in kinds if name != "MeshError"}


def test_every_word_of_the_log_is_explained() -> None:
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    words = [re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() for kind in Event.__subclasses__()]

    assert [word for word in words if f"| `{word}` |" not in text] == []


def test_the_contract_holds_all_of_its_parts() -> None:
    tests = [name for name in dir(transport.TransportContract) if name.startswith("test_")]

    assert len(tests) > 60
