import re
from pathlib import Path

import pytest
from tests.integration.services.processes import run


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scenarios:plain"], "scenarios:plain must be an async function that takes a Sim"),
        (["scenarios:nothing"], "scenarios has no nothing"),
        (["nowhere:calm"], "there is no such module"),
        (["scenarios:calm", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["scenarios:calm", "--jobs", "0"], "--jobs must be at least 1, got 0"),
        (["scenarios:calm", "--until", "inf"], "--until must be over 0 and finite, got inf"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(arguments: list[str], said: str) -> None:
    ended = run("simulate", *arguments)

    assert ended.status == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
