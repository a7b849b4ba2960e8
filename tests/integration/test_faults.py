"""The scenarios of docs/reliability.md, shortened: real processes under load, some of which die, hang or fail."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from benchmarks.faults import deaths
from benchmarks.faults.report import Finding

Scenario = Callable[[], Coroutine[Any, Any, list[Finding]]]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(partial(deaths.kill, 0.6, 0.4), id="one of three is killed"),
        pytest.param(partial(deaths.stop, 1.5, 0.4, 0.4), id="one of three stands still"),
        pytest.param(partial(deaths.all_down, 1.0, 0), id="all are down"),
    ],
)
async def test_calls_survive(scenario: Scenario) -> None:
    findings = await scenario()

    # How fast it all goes is measured on a machine that has nothing else to do.
    assert [finding for finding in findings if finding.is_met is False and not finding.is_time] == []
