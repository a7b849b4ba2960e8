"""Metrics of collectors for endpoints and registries of your own; needs the extra `metrics`."""

from typing import TYPE_CHECKING

from collector_mesh._door import door

if TYPE_CHECKING:
    from collector_mesh.app.metrics.mesh_metrics import MeshMetrics, exposition

_HOMES = {
    "MeshMetrics": "collector_mesh.app.metrics.mesh_metrics",
    "exposition": "collector_mesh.app.metrics.mesh_metrics",
}

__all__ = [
    "MeshMetrics",
    "exposition",
]

__getattr__, __dir__ = door(__name__, _HOMES)
