"""The suite is the same on a machine that is busy: no test has a limit of its own, or measures time."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
LEAST_SECONDS, MOST_SECONDS = 0.5, 60.0
"""Shorter ones are meant to be up, longer ones never are."""

WAITING = {"timeout", "wait_for", "communicate", "run", "check_output", "create_connection"}
MEASURING = {"monotonic", "perf_counter", "process_time"}
MAY_MEASURE = {"tests/simulation/test_handlers_that_call.py", "tests/simulation/test_seams.py"}
"""Virtual time of a simulation is measured, or held against that of the machine."""


def flaws(name: str, text: str) -> Iterator[str]:
    """What a busy machine could fail in a file of tests."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = node.func.attr
        if called in MEASURING and name not in MAY_MEASURE:
            yield f"{name}:{node.lineno}: {called}: what is told of the mesh is no time of this machine"
        given = [each.value for each in node.keywords if each.arg == "timeout"]
        if called == "timeout":
            given += node.args
        for seconds in (each.value for each in given if isinstance(each, ast.Constant)):
            if not isinstance(seconds, (int, float)) or called not in WAITING:
                continue
            if LEAST_SECONDS < seconds < MOST_SECONDS:
                yield f"{name}:{node.lineno}: {called}({seconds}): use tests.limits.LIMIT_SECONDS"


def test_no_test_depends_on_how_busy_the_machine_is() -> None:
    files = {str(path.relative_to(TESTS.parent)): path for path in sorted(TESTS.rglob("*.py"))}
    found = [flaw for name, path in files.items() for flaw in flaws(name, path.read_text(encoding="utf-8"))]

    assert found == []


def test_a_limit_and_a_clock_are_found() -> None:
    text = "time.monotonic()\nasyncio.timeout(5)\nasyncio.timeout(0.1)\nsubprocess.run(command, timeout=30)\n"

    assert [flaw.split(":")[1] for flaw in flaws("a", text)] == ["1", "2", "4"]
