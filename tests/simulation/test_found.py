"""What the search in `examples/scenarios` has found in our code, under the seeds that have found it."""

from importlib import import_module

import pytest

from collector_mesh.simulation import Simulation


@pytest.mark.parametrize(
    ("scenario", "seed"),
    [
        ("relay_ring", 0),  # a call took a way that was longer than a call may go: 508
        ("relay_ring", 2),
        ("draining", 0),  # a call that crossed the announcement of a drain used up its only attempt: 503
        ("draining", 2),
        (
            "draining_far",
            0,
        ),  # a goodbye from far away used up the only attempt of calls that had not left: 503
        ("draining_far", 2),
        ("migration", 91),  # an attempt was cut short for another collector, which had gone by then: 504
        ("migration", 274),
    ],
)
def test_what_was_found_is_not_found_again(scenario: str, seed: int) -> None:
    Simulation(seed).run(import_module(f"examples.scenarios.{scenario}").scenario, until=600.0)
