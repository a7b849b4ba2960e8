"""Set up for every test."""

import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from tests.generated.generations import VERSIONS, Generation, load

pytest.register_assert_rewrite(
    "collector_mesh.app.testing.contract", "tests.integration.services.unary_cases"
)

LONGEST = {"test_first_hour", "test_faults", "test_link_restarts", "test_simulate"}
"""Modules of tests that take many seconds each."""

# How long an example takes says nothing about the code on a machine that has something else to do.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large)
)
settings.load_profile("suite")

# What a shell starts in the background ignores Ctrl-C, and tests that send it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest: at the end nothing would be left to run beside them."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(params=VERSIONS)
def generation(request: pytest.FixtureRequest) -> Generation:
    """The code that each supported grpcio-tools has generated of one service."""
    return load(request.param)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Run tests of very many values without a look at what they cover, which takes four times as long.

    Smaller tests cover the same. The marker of pytest-cov does nothing in processes of xdist, whose coverage is begun twice.
    """
    tracer = sys.gettrace()
    if item.get_closest_marker("large") is None or not type(tracer).__module__.startswith("coverage"):
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
