"""What the scenarios have measured, as a table, and as a part of the page on reliability."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import attrs

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"


@attrs.frozen
class Finding:
    """One requirement, and what was measured.

    Attributes:
        scenario: what was done.
        wanted: what is required.
        measured: the figure, in words.
        is_met: whether it is as required; None where nothing is required.
        is_time: whether it depends on how fast the machine is.
    """

    scenario: str
    wanted: str
    measured: str
    is_met: bool | None = None
    is_time: bool = False

    @property
    def verdict(self) -> str:
        """In one word."""
        return {True: "met", False: "missed", None: ""}[self.is_met]


def conditions() -> str:
    """Machine, versions and day."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("grpcio", "protobuf"))
    cores = len(os.sched_getaffinity(0))
    day = datetime.now(UTC).date().isoformat()
    return f"{cores} cores, {platform.machine()}, Python {platform.python_version()}, {versions}, {day}"


def show(finding: Finding) -> None:
    """Print a finding."""
    print(f"  {finding.verdict or '-':7} {finding.wanted}: {finding.measured}", flush=True)


def write(findings: list[Finding]) -> None:
    """Put the findings into the page."""
    rows = [f"Measured with `make reliability` on {conditions()}.", ""]
    rows += ["| scenario | required | measured | |", "|---|---|---|---|"]
    told = ""
    for finding in findings:
        scenario = finding.scenario if finding.scenario != told else ""
        told = finding.scenario
        rows.append(f"| {scenario} | {finding.wanted} | {finding.measured} | {finding.verdict} |")
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    text = "\n".join([f"{before}{_BEGIN}", *rows, f"{_END}{after}"])
    PAGE.write_text(text, encoding="utf-8")
