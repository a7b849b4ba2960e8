"""What the README and the docs say is true."""

import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from collector_mesh import Settings
from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.testing.contract import transport

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")

BLOCKS = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in PAGES
    for number, code in enumerate(PYTHON.findall(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("code", BLOCKS)
def test_code_on_a_page_runs(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 0, done.stderr


def test_the_readme_says_what_its_example_prints() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = PYTHON.findall(text)

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert f"`{done.stdout.strip()}`" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    missing = [
        link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()
    ]

    assert missing == []


def test_every_flag_and_every_setting_is_explained() -> None:
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    flags = [
        f"--{field.name.replace('_', '-')}" for field in attrs.fields(ServeConfig) if field.name != "settings"
    ]
    settings = [f"`{field.name}`" for field in attrs.fields(Settings)]

    assert [name for name in [*flags, *settings] if name not in text] == []


def test_the_contract_holds_all_of_its_parts() -> None:
    tests = [name for name in dir(transport.TransportContract) if name.startswith("test_")]

    assert len(tests) > 60
