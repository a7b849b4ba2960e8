import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.services.processes import COMMAND, SERVICES, refused, run
from tests.limits import LIMIT_SECONDS


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(int(LIMIT_SECONDS / 0.01)):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it has not come to be")


def test_seeds_that_fail_are_listed_with_the_command_that_replays_each() -> None:
    ended = run("simulate", "scenarios:unlucky", "--seeds", "10", "--jobs", "2")

    assert ended.status == 1
    assert ended.stdout.splitlines() == [
        "2 of 10 seeds fail:",
        "  seed 3: AssertionError: an unlucky seed",
        "    collector-mesh simulate scenarios:unlucky --seed 3",
        "  seed 8: AssertionError: an unlucky seed",
        "    collector-mesh simulate scenarios:unlucky --seed 8",
    ]


def test_a_scenario_that_no_seed_breaks_ends_well() -> None:
    ended = run("simulate", "scenarios:calm", "--seeds", "4")

    assert (ended.status, ended.stdout) == (0, "4 seeds, none fails\n")


def test_a_replay_tells_of_the_failure_and_of_what_came_before() -> None:
    ended = run("simulate", "scenarios:unlucky", "--seed", "3")

    assert ended.status == 1
    assert ended.stdout.startswith("seed 3 fails: AssertionError: an unlucky seed\nthe last events before:\n")
    assert "reply  0 200 shop" in ended.stdout


def test_a_replay_of_a_good_seed_gives_the_same_digest_each_time() -> None:
    first, second = (run("simulate", "scenarios:calm", "--seed", "1").stdout for _ in range(2))

    assert first == second
    assert "digest " in first


def test_a_report_is_one_page_that_needs_no_network(tmp_path: Path) -> None:
    page = tmp_path / "report.html"

    ended = run("simulate", "scenarios:unlucky", "--seeds", "5", "--report", str(page))

    text = page.read_text(encoding="utf-8")
    assert ended.status == 1
    assert "scenarios:unlucky, seed 3" in text
    assert "an unlucky seed" in text
    assert "collector-mesh simulate scenarios:unlucky --seed 3<" in text
    assert text.count("<svg") == text.count("</svg>") >= 3
    assert not re.search(r"https?://|<script|<link|@import", text)


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    ended = run("simulate", "scenarios:calm", "--seed", "1", "--report", str(tmp_path))

    assert ended.status == 2
    assert "cannot write" in ended.stderr
    assert ended.stderr.count("\n") == 1


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_process_that_dies_is_told_with_the_seeds_that_it_may_have_run() -> None:
    ended = run("simulate", "scenarios:deadly", "--seeds", "3", "--jobs", "1")

    assert ended.status == 1
    assert ended.stderr.splitlines()[-1] == (
        "collector-mesh: error: a process has died, with one of the seeds 0, 1"
    )


def test_a_scenario_that_exits_has_failed() -> None:
    ended = run("simulate", "scenarios:leaving", "--seeds", "1")

    assert ended.status == 1
    assert "Traceback" not in ended.stderr
    assert ended.stdout.splitlines()[1] == "  seed 0: SystemExit: 5"


def test_an_interrupt_ends_a_search_at_once_and_without_a_word(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    command = [*COMMAND, "simulate", "scenarios:endless", "--seeds", "9", "--jobs", "2"]
    with subprocess.Popen(
        command,
        cwd=SERVICES,
        env={**os.environ, "MARK": str(mark)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background may have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  # there is one thread
    ) as process:
        wait_until(mark.exists)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=LIMIT_SECONDS)[0]

    assert process.returncode == 130
    assert "Traceback" not in said
    assert not said.strip()
    wait_until(lambda: is_gone(process.pid))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scenarios:without"], "scenarios:without must be an async function that takes a Sim"),
        (["scenarios:calm", "--report", "nowhere/page.html"], "there is no folder nowhere"),
        (["scenarios:plain"], "scenarios:plain must be an async function that takes a Sim"),
        (["scenarios:nothing"], "scenarios has no nothing"),
        (["nowhere:calm"], "there is no such module"),
        (["scenarios:calm", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["scenarios:calm", "--jobs", "0"], "--jobs must be at least 1, got 0"),
        (["scenarios:calm", "--until", "inf"], "--until must be over 0 and finite, got inf"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(arguments: list[str], said: str) -> None:
    ended = refused("simulate", *arguments)

    assert ended.status == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_of_a_group_of_errors_each_is_told() -> None:
    ended = run("simulate", "scenarios:grouped", "--seed", "1")

    assert ended.stderr == ""
    assert (
        "seed 1 fails: ExceptionGroup: KeyError: 'price', UntoldError: its text cannot be told: LookupError"
        in ended.stdout
    )
