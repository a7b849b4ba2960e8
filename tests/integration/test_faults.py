"""The scenarios of docs/reliability.md, shortened: real processes under load, some of which die, hang or fail."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from benchmarks.faults import deaths, overload
from benchmarks.faults.report import Finding

Scenario = Callable[[], Coroutine[Any, Any, list[Finding]]]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(partial(deaths.kill, 1.5), id="one of three is killed"),
        pytest.param(partial(deaths.stop, 3.0, 0.5), id="one of three stands still"),
        pytest.param(partial(deaths.all_down, 1.0, 10), id="all are down"),
        pytest.param(partial(overload.fair, 2.0), id="one namespace is overloaded"),
    ],
)
async def test_calls_survive(scenario: Scenario) -> None:
    missed = [finding for finding in await scenario() if finding.is_met is False]

    assert missed == []
