"""A mesh in one process, on a virtual clock, replayable by a number."""

from typing import TYPE_CHECKING

from collector_mesh._door import door

if TYPE_CHECKING:
    from collector_mesh.adapters.simulated.errors import SimulationError
    from collector_mesh.app.simulation.key_store import SharedKeys
    from collector_mesh.app.simulation.results import SimulationResult
    from collector_mesh.app.simulation.sim import Sim
    from collector_mesh.app.simulation.simulation import Simulation
    from collector_mesh.app.simulation.watch import InvariantError
    from collector_mesh.app.testing.spans import Spans

_HOMES = {
    "InvariantError": "collector_mesh.app.simulation.watch",
    "SharedKeys": "collector_mesh.app.simulation.key_store",
    "Sim": "collector_mesh.app.simulation.sim",
    "Simulation": "collector_mesh.app.simulation.simulation",
    "SimulationError": "collector_mesh.adapters.simulated.errors",
    "SimulationResult": "collector_mesh.app.simulation.results",
    "Spans": "collector_mesh.app.testing.spans",
}

__all__ = [
    "InvariantError",
    "SharedKeys",
    "Sim",
    "Simulation",
    "SimulationError",
    "SimulationResult",
    "Spans",
]

__getattr__, __dir__ = door(__name__, _HOMES)
