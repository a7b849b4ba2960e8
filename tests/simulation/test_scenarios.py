"""The scenarios of `examples/scenarios` under two seeds each; CI runs twenty of each beside this, `make simulate` a thousand."""

from importlib import import_module
from pathlib import Path

import pytest

from collector_mesh.simulation import Simulation

FOLDER = Path(__file__).parents[2] / "examples" / "scenarios"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "shop"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.seeds(2)
def test_no_seed_breaks_a_scenario(simulation: Simulation, name: str) -> None:
    simulation.run(import_module(f"examples.scenarios.{name}").scenario, until=600.0)
