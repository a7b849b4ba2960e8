"""What the README and the docs say is true."""

import argparse
import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
from scripts.pages import Block, blocks_of, is_printed, save_file
from tests.limits import LIMIT_SECONDS

from collector_mesh import Settings
from collector_mesh.app.cli import certs, demo, dispatch, explain, registry, serve, simulate, topology
from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.contracts import verbs as contract
from collector_mesh.app.cli.main import parser
from collector_mesh.app.cli.typed import verbs
from collector_mesh.app.testing.contract import transport
from collector_mesh.domain.model.errors import error_for
from collector_mesh.domain.model.events import CallEvent, Event

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")
FLAG = re.compile(r"--[a-z][a-z-]*")
READ = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
UNCLEAR = re.compile(
    r"\b(?:so many|who (?:has|have) dialed|whoever|whomever|(?:is|are|was|were|be|been) told|told of|anymore)\b",
    re.IGNORECASE,
)
"""Phrases that say in a roundabout way what a noun or an active verb says: peer, caller, number of, the log has."""

LANGUAGES = {"python", "sh", "text", "toml", "yaml", "dockerfile", "js", "go", "html"}
"""Code that is not whole stands in a `text` fence."""

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = [
    block
    for block in BLOCKS
    if block.language == "python" and not block.notes.keys() & {"part of", "not run"}
]


def run_block(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a block in a folder that has the files that its page has told to save before it."""
    for each in BLOCKS:
        if each.page == block.page and each.line < block.line and "file" in each.notes:
            save_file(each, folder)
    name = block.notes.get("file", "block.py")
    (folder / name).write_text(block.text, encoding="utf-8")
    runner = (
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        if "pytest" in block.notes
        else [sys.executable]
    )
    return subprocess.run(
        [*runner, name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(folder)])},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )


@pytest.mark.parametrize("block", RUN, ids=str)
def test_a_block_of_a_page_runs_and_comes_to_what_the_page_says(block: Block, tmp_path: Path) -> None:
    done = run_block(block, tmp_path)
    outcome = block.notes.get("pytest", "")

    assert is_printed(f"…{outcome}…", done.stdout), done.stdout
    assert "failed" in outcome or done.returncode == 0, done.stdout + done.stderr
    assert block.printed is None or is_printed(block.printed, done.stdout), done.stdout


@pytest.mark.parametrize("block", [each for each in BLOCKS if "part of" in each.notes], ids=str)
def test_a_block_that_is_part_of_a_file_stands_there(block: Block) -> None:
    text = (ROOT / block.notes["part of"]).read_text(encoding="utf-8")

    assert f"\n{block.text.strip()}\n" in f"\n{text}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_are_understood(page: Path) -> None:
    commands = [
        shlex.split(command.partition("|")[0].removesuffix("&"))
        for block in blocks_of(page)
        if block.language == "sh"
        for command in block.commands()
        if command.startswith("collector-mesh ") and "[" not in command
    ]

    for _, *arguments in commands:
        assert parser().parse_args(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_stand_in_fences(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert re.findall(r"^    (?:collector-mesh|make|pip|python|pytest|git) .*", text, re.MULTILINE) == []
    assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) <= LANGUAGES
    assert text.count("\n```") == 2 * len(blocks_of(page))


def test_the_example_of_the_readme_runs_without_sockets_as_it_says() -> None:
    code = next(
        block.text for block in RUN if block.page == ROOT / "README.md" and "MeshClient" in block.text
    )
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


@pytest.mark.parametrize("page", READ, ids=lambda page: page.name)
def test_a_page_is_in_plain_english(page: Path) -> None:
    text = re.sub(
        r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    found = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        if UNCLEAR.search(line)
    ]

    assert found == []


def anchors_of(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = [
        (page.parent / link if link else page, anchor)
        for link, anchor in LINK.findall(page.read_text("utf-8"))
    ]

    assert [str(target) for target, _ in links if not target.exists()] == []
    assert [
        (target.name, anchor) for target, anchor in links if anchor and anchor not in anchors_of(target)
    ] == []


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
    [serve, dispatch, topology, explain, registry, certs, simulate, demo],
    ids=lambda verb: verb.__name__.rpartition(".")[2],
)
def test_every_flag_of_a_verb_is_explained(verb: ModuleType) -> None:
    name = verb.__name__.rpartition(".")[2]

    assert unexplained(verb.add_parser, name, "serve.md") == set()


@pytest.mark.parametrize(
    ("name", "add"),
    [("call", verbs.add_call), ("services", verbs.add_services), ("describe", verbs.add_describe)],
)
def test_every_flag_of_a_verb_for_any_server_is_explained(name: str, add: Callable[[Any], None]) -> None:
    assert unexplained(add, name, "command-line.md") == set()


def unexplained(add: Callable[[Any], None], name: str, page: str) -> set[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    added = argparse.ArgumentParser().add_subparsers()
    add(added)
    flags = set(FLAG.findall(added.choices[name].format_help()))
    section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

    assert len(flags) > 1
    return flags - set(FLAG.findall(section)) - {"--help", "--include"}


def test_every_flag_of_contract_is_explained() -> None:
    section = (
        (ROOT / "docs" / "serve.md").read_text("utf-8").partition("\n## contract\n")[2].partition("\n## ")[0]
    )
    added = argparse.ArgumentParser().add_subparsers()
    contract.add_parser(added)
    actions = added.choices["contract"]._actions
    (inner,) = (action for action in actions if isinstance(action, argparse._SubParsersAction))
    flags = {flag for each in inner.choices.values() for flag in FLAG.findall(each.format_help())}

    assert flags - {"--help"} == set(FLAG.findall(section))


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
    kinds = [*Event.__subclasses__(), *CallEvent.__subclasses__()]
    ours = [kind.__name__ for kind in kinds if kind.__module__ == Event.__module__ and kind is not CallEvent]
    words = [re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in ours]

    assert [word for word in words if f"| `{word}` |" not in text] == []


def test_the_contract_holds_all_of_its_parts() -> None:
    tests = [name for name in dir(transport.TransportContract) if name.startswith("test_")]

    assert len(tests) > 60


def test_the_examples_of_the_help_are_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [line.strip() for line in parser().format_help().partition("examples:")[2].splitlines()]
    commands = [line for line in lines if line.startswith("collector-mesh ")]

    assert len(commands) == 3
    assert [command for command in commands if command not in readme] == []
