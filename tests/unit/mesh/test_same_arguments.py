"""Whatever makes calls takes the same arguments, with the same defaults: with and without `await`, real, simulated and fake."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from collector_mesh import CallContext, Collector, MeshClient, SyncMeshClient
from collector_mesh.app.blocking import BlockingCollector
from collector_mesh.app.simulation.client import SimulatedClient
from collector_mesh.app.simulation.collector import SimulatedCollector
from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.caller import Caller, CallOptions
from collector_mesh.domain.model.context import BlockingCalls
from collector_mesh.testing import FakeCalls

CALLERS = [Collector, MeshClient, CallContext, SimulatedCollector, SimulatedClient, FakeCalls]
BLOCKING = [SyncMeshClient, BlockingCollector, BlockingCalls]
LEFT_OUT = {"channel", "contact", "start", "stop", "submit", "wait_unreachable"}
"""Of a collector, what belongs to its event loop alone."""


def arguments(function: Callable[..., Any]) -> list[tuple[str, Any, Any, Any]]:
    parameters = inspect.signature(function).parameters.values()
    return [(each.name, each.kind, each.default, each.annotation) for each in parameters]


def public(kind: type) -> set[str]:
    return {name for name, value in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize("kind", [*CALLERS, *BLOCKING, BlockingCaller], ids=lambda kind: kind.__name__)
def test_calls_take_the_same_arguments_wherever_they_are_made(kind: type) -> None:
    found: Any = kind

    assert arguments(found.dispatch) == arguments(Caller.dispatch)
    assert arguments(found.call) == arguments(Caller.call)


def test_the_options_of_a_call_are_those_of_dispatch() -> None:
    options = [
        name for name, kind, _, _ in arguments(Caller.dispatch) if kind is inspect.Parameter.KEYWORD_ONLY
    ]

    assert list(CallOptions.__annotations__) == options


def test_for_threads_a_collector_has_all_that_does_not_belong_to_its_loop() -> None:
    assert public(BlockingCollector) == public(Collector) - LEFT_OUT


@pytest.mark.parametrize("name", sorted(public(BlockingCollector)))
def test_for_threads_a_collector_takes_what_it_takes_in_its_loop(name: str) -> None:
    assert arguments(getattr(BlockingCollector, name)) == arguments(getattr(Collector, name))


@pytest.mark.parametrize("name", ["connect", "disconnect", "wait_for"])
def test_a_simulated_collector_takes_what_a_real_one_takes(name: str) -> None:
    assert arguments(getattr(SimulatedCollector, name)) == arguments(getattr(Collector, name))


@pytest.mark.parametrize("name", ["__init__", "serve"])
def test_both_clients_take_the_same(name: str) -> None:
    assert arguments(getattr(SyncMeshClient, name)) == arguments(getattr(MeshClient, name))
