"""The unit in deploy/systemd fits the program: its flags, its signals, its times."""

import shlex
import shutil
import signal
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from collector_mesh import Settings
from collector_mesh.app.cli.main import parser
from collector_mesh.app.cli.waiting import STOP_SIGNALS

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "collector-mesh@.service"
ANALYZE = shutil.which("systemd-analyze")


def lines() -> dict[str, list[str]]:
    """What each line says, by its name."""
    found = defaultdict(list)
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def the(name: str) -> str:
    (value,) = lines()[name]
    return value


def test_the_command_is_one_that_the_program_knows() -> None:
    program, *arguments = shlex.split(the("ExecStart"))

    parsed = parser(arguments[0]).parse_args(arguments)

    assert Path(program).name == "collector-mesh"
    assert parsed.config == "/etc/collector-mesh/%i.toml"


def test_its_times_and_signals_are_those_of_the_program() -> None:
    settings = Settings()

    assert float(the("TimeoutStopSec")) >= settings.drain_timeout + settings.lifespan_close_timeout + 10
    assert float(the("TimeoutStartSec")) > settings.lifespan_open_timeout
    assert float(the("WatchdogSec")) > 0
    assert signal.Signals[the("KillSignal")] in STOP_SIGNALS
    assert the("KillMode") == "mixed"
    assert the("RestartPreventExitStatus") == "2"


def test_it_may_do_nothing_that_it_need_not() -> None:
    wanted = {
        "Type": "notify-reload",
        "DynamicUser": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "MemoryDenyWriteExecute": "yes",
        "RestrictNamespaces": "yes",
        "SystemCallArchitectures": "native",
    }

    assert {name: the(name) for name in wanted} == wanted
    assert lines()["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not here")
def test_systemd_knows_each_line(tmp_path: Path) -> None:
    unit = tmp_path / "mesh@.service"
    text = UNIT.read_text(encoding="utf-8").replace("/opt/collector-mesh/bin/collector-mesh", "/bin/true")
    # It is newer than some systems that the tests run on.
    unit.write_text(text.replace("Type=notify-reload", "Type=notify"), encoding="utf-8")

    found = subprocess.run(
        [ANALYZE or "", "verify", "--man=no", str(tmp_path / "mesh@orders.service")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line for line in found.stderr.splitlines() if "mesh@" in line] == []
